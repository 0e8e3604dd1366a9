// The command line as a whole: what each command prints and how it exits.
#include "ctl/command.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>

#include "base/version.h"
#include "ctl/commands/completion.h"
#include "ctl/options.h"
#include "ctl/show/text_views.h"
#include "ctl/show/wg_show.h"
#include "samples.h"

using namespace warren;
using namespace warren::ctl;
using samples::FakeDaemon;
using samples::vpnctl;

namespace {

const std::string kExamples = WARREN_SOURCE_DIR "/config/examples";

samples::Ran ask_vpnd(std::vector<std::string> arguments) {
    const FakeDaemon daemon("snapshot.sock",
                            [](ipc::Channel& channel) { samples::serve_snapshot(samples::snapshot(), channel); });
    arguments.insert(arguments.begin(), {"--run-dir", daemon.run_dir()});
    return vpnctl(arguments);
}

// `stackd` reports these problems. Both daemons answer in one run directory.
samples::Ran ask_both(std::vector<std::string> arguments, const std::vector<ipc::ControlText>& problems,
                      const Snapshot& snapshot = samples::snapshot()) {
    const FakeDaemon vpnd("snapshot.sock", [&](ipc::Channel& channel) { samples::serve_snapshot(snapshot, channel); });
    const FakeDaemon stackd("control.sock", [&problems](ipc::Channel& channel) {
        samples::ignore_request(channel);
        for (const ipc::ControlText& problem : problems) samples::send(channel, ipc::ControlMessage(problem));
        samples::send(channel, ipc::ControlMessage(ipc::ControlDone{}));
    });
    std::filesystem::create_symlink(stackd.run_dir() + "/control.sock", vpnd.run_dir() + "/control.sock");
    arguments.insert(arguments.begin(), {"--run-dir", vpnd.run_dir()});
    return vpnctl(arguments);
}

}  // namespace

TEST_CASE("update says that a package has no slots") {
    const auto ran = vpnctl({"update", "status"});
    CHECK(ran.status == kFailed);
    CHECK(ran.err == "vpnctl: this is not the firmware image: it has no slots; a package is updated with apt\n");
    CHECK(ran.out == "");
}

TEST_CASE("usage errors exit with 2, say what is wrong, and print nothing to stdout") {
    const std::vector<std::pair<std::vector<std::string>, std::string>> cases{
        {{"statsu"}, "vpnctl: there is no command \"statsu\"; did you mean \"status\"?\n"},
        {{"frobnicate"}, "vpnctl: there is no command \"frobnicate\"; vpnctl help lists them\n"},
        {{"--frob"}, "vpnctl: unrecognised option '--frob'; see vpnctl help\n"},
        {{"--js", "status"}, "vpnctl: unrecognised option '--js'; see vpnctl help\n"},
        {{"--run-dir"}, "vpnctl: the required argument for option '--run-dir' is missing; see vpnctl help\n"},
        {{"routes"}, "vpnctl: an argument is missing; usage: vpnctl [OPTIONS] routes CUSTOMER\n"},
        {{"drops", "acme"}, "vpnctl: \"acme\" is one argument too many; usage: vpnctl [OPTIONS] drops\n"},
        {{"exec", "acme"}, "vpnctl: the program is missing; usage: vpnctl [OPTIONS] exec CUSTOMER -- CMD...\n"},
        {{"exec", "acme", "ls"},
         "vpnctl: \"ls\" is one argument too many; put the program after \"--\"; usage: vpnctl [OPTIONS] exec "
         "CUSTOMER -- CMD...\n"},
        {{"status", "--", "ls"}, "vpnctl: this command takes no \"--\"; usage: vpnctl [OPTIONS] status [CUSTOMER]\n"},
        {{"update", "isntall"}, "vpnctl: update {install|status|rollback|mark-good}\n"},
        {{"update", "install"}, "vpnctl: update install needs the bundle's FILE\n"},
        {{"update", "rollback", "x"}, "vpnctl: update rollback takes no FILE\n"},
        {{"completion", "tcsh"}, "vpnctl: no completion for \"tcsh\"; accepted: bash, zsh, fish\n"},
        {{"apply", "--customer", "acme"}, "vpnctl: apply takes --only, not --customer\n"},
        {{"rollback", "12", "--only", "acme"}, "vpnctl: rollback takes --customer, not --only\n"},
        {{"apply", "--csv"}, "vpnctl: apply does not take --csv; see vpnctl help apply\n"},
        {{"peer", "rotate", "acme", "graz", "--psk"},
         "vpnctl: peer rotate does not take --psk; see vpnctl help peer\n"},
        {{"-r", "stack", "show", "acme"}, "vpnctl: stack show does not take --recursive; see vpnctl help stack\n"},
        {{"token", "del", "ci", "--json"}, "vpnctl: token del does not take --json; see vpnctl help token\n"},
        {{"fleet", "join", "x", "--port", "1"}, "vpnctl: fleet join does not take --port; see vpnctl help fleet\n"},
        {{"why", "acme", "--from", "10.0.0.1", "--to", "10.0.0.2", "--port", "99999"},
         "vpnctl: --port: \"99999\" is no port; accepted: 1 to 65535\n"},
        {{"check", "acme"}, "vpnctl: check takes a directory; there is none: acme\n"},
        {{"check", kExamples + "/warren.toml"},
         "vpnctl: check takes a directory; there is none: " + kExamples + "/warren.toml\n"},
        {{"help", "statsu"}, "vpnctl: there is no command \"statsu\"; did you mean \"status\"?\n"},
    };
    for (const auto& [arguments, message] : cases) {
        CAPTURE(message);
        const auto ran = vpnctl(arguments);
        CHECK(ran.status == kUsage);
        CHECK(ran.err == message);
        CHECK(ran.out == "");
    }
    const auto nothing = vpnctl({});
    CHECK(nothing.status == kUsage);
    CHECK(nothing.out == "");
    CHECK(nothing.err.find("Usage: vpnctl") != std::string::npos);
}

TEST_CASE("options may stand before or behind the command; behind -- nothing is ours") {
    const auto before = parse_options({"--json", "--run-dir", "/r", "status", "acme"});
    const auto behind = parse_options({"status", "acme", "--run-dir=/r", "--json"});
    for (const auto* options : {&before, &behind}) {
        REQUIRE(options->has_value());
        CHECK((*options)->command == "status");
        CHECK((*options)->invocation.json);
        CHECK((*options)->invocation.run_dir == "/r");
        CHECK((*options)->invocation.arguments == std::vector<std::string>{"acme"});
    }
    const auto exec = parse_options({"exec", "acme", "--", "ls", "--json", "--"});
    REQUIRE(exec.has_value());
    CHECK_FALSE(exec->invocation.json);
    CHECK(exec->invocation.program == std::vector<std::string>{"ls", "--json", "--"});
}

TEST_CASE("help and version exit with 0; the help names every command") {
    const auto help = vpnctl({"help"});
    CHECK(help.status == kDone);
    for (const Command& command : commands()) {
        CAPTURE(command.name);
        CHECK(help.out.find(fmt::format("\n  {} ", command.name)) != std::string::npos);
        CHECK(vpnctl({"help", std::string(command.name)}).out.find(fmt::format("vpnctl [OPTIONS] {}", command.name)) !=
              std::string::npos);
        CHECK((command.run != nullptr));
        CHECK(command.required <= command.arguments.size());
    }
    CHECK(vpnctl({"--help"}).out == help.out);
    CHECK(vpnctl({"exec", "--help"}).out == vpnctl({"help", "exec"}).out);
    CHECK(vpnctl({"--version"}).out == std::string("vpnctl ") + kVersion + "\n");
}

TEST_CASE("check exits with 0 for a good configuration and 1 for a bad one, with the errors on stdout") {
    const auto good = vpnctl({"check", kExamples});
    CHECK(good.status == kDone);
    CHECK(good.out == kExamples + "/secrets:1:1: warning: is missing: checks that need the keys are skipped\n" +
                          kExamples + ": 1 customer, 0 errors, 1 warning\n");
    CHECK(vpnctl({"--config", kExamples, "check"}).out == good.out);
    const auto bad = vpnctl({"check", kExamples + "/customers"});
    CHECK(bad.status == kAnswerIsNo);
    CHECK(bad.out.find("/warren.toml:1:1: error: cannot be opened: No such file or directory\n") != std::string::npos);
    CHECK(bad.err == "");
    const auto document = nlohmann::json::parse(vpnctl({"--json", "check", kExamples}).out);
    CHECK(document["valid"] == true);
    CHECK(vpnctl({"--json", "check", kExamples + "/customers"}).status == kAnswerIsNo);
}

TEST_CASE("explain knows keys, suggests, and lists all without one") {
    CHECK(vpnctl({"explain", "stack.mtu"}).out.starts_with("stack.mtu (customers/ID.toml, optional)\n"));
    CHECK(vpnctl({"explain", "wireguard.listen_port"})
              .out.find("\n\nwireguard.listen_port (customers/ID.toml, optional)\n") != std::string::npos);
    const auto unknown = vpnctl({"explain", "mtu"});
    CHECK(unknown.status == kAnswerIsNo);
    CHECK(unknown.err == "vpnctl: there is no key \"mtu\"; did you mean \"stack.mtu\"?\n");
    const auto all = vpnctl({"explain"});
    CHECK(all.out.find("\ncustomers/ID.toml  wireguard.peer.public_key ") != std::string::npos);
    CHECK(nlohmann::json::parse(vpnctl({"--json", "explain"}).out)["keys"].size() > 20);
}

TEST_CASE("without a daemon the exit status is 3 and the line says what to do") {
    for (const char* command : {"status", "customers", "peers", "counters", "drops"}) {
        const auto ran = vpnctl({"--run-dir", "/nonexistent", command});
        CHECK(ran.status == kUnreachable);
        CHECK(ran.err ==
              "vpnctl: cannot reach vpnd at /nonexistent/snapshot.sock: no such file; is stackd running? (systemctl "
              "status warren)\n");
        CHECK(ran.out == "");
    }
    CHECK(vpnctl({"--run-dir", "/nonexistent", "wg", "acme"}).status == kUnreachable);
    for (const char* command : {"diff", "apply"}) {
        const auto ran = vpnctl({"--run-dir", "/nonexistent", command});
        CHECK(ran.status == kUnreachable);
        CHECK(ran.err ==
              "vpnctl: cannot reach stackd at /nonexistent/control.sock: no such file; is stackd running? (systemctl "
              "status warren)\n");
    }
}

TEST_CASE("a socket without a listener is unreachable too") {
    const FakeDaemon elsewhere("other.sock", [](ipc::Channel&) {});
    REQUIRE(ipc::listen_at(elsewhere.run_dir() + "/snapshot.sock", 0600)
                .has_value());  // closed again at once, the file stays
    const auto ran = vpnctl({"--run-dir", elsewhere.run_dir(), "status"});
    CHECK(ran.status == kUnreachable);
    CHECK(ran.err.find("/snapshot.sock: nothing listens there; is stackd running?") != std::string::npos);
}

TEST_CASE("what vpnd says is shown by each command") {
    Snapshot snapshot = samples::snapshot();
    for (auto& customer : snapshot.customers)  // vpnctl sorts what vpnd sends
        std::sort(customer.peers.begin(), customer.peers.end(),
                  [](const auto& a, const auto& b) { return a.settings.name < b.settings.name; });
    Snapshot without_peers = snapshot;
    for (auto& customer : without_peers.customers) customer.peers.clear();
    CHECK(ask_vpnd({"status"}).out.ends_with("; tunnels keep running, changes wait\n" + status_text(snapshot)));
    CHECK(ask_vpnd({"status", "acme"})
              .out.ends_with("; tunnels keep running, changes wait\n" +
                             customer_text(snapshot.customers[0], std::nullopt)));
    CHECK(ask_vpnd({"customers"}).out == customers_text(snapshot));
    CHECK(ask_vpnd({"peers"}).out == peers_text(snapshot, true));
    CHECK(ask_vpnd({"peers", "acme"}).out == peers_text({snapshot.header, {snapshot.customers[0]}}, false));
    CHECK(ask_vpnd({"counters"}).out == counters_text(snapshot));
    CHECK(ask_vpnd({"drops"}).out == drops_text(snapshot));
    CHECK(ask_vpnd({"wg", "acme"}).out == wg_show_text(snapshot.customers[0]));
    const auto status = nlohmann::json::parse(ask_vpnd({"status", "--json"}).out);
    CHECK(status["customers"][0]["peers"].size() == 3);
    CHECK(status["stackd"]["answers"] == false);
    CHECK(status["problems"][0]["text"].get<std::string>().starts_with("cannot reach stackd at "));
    CHECK(status["findings"][0]["kind"] == "stackd_unreachable");
    CHECK(status["verdict"] == "1 thing needs attention at once.");
    CHECK(nlohmann::json::parse(ask_vpnd({"status", "acme", "--json"}).out)["customers"].size() == 1);
    for (const char* command : {"customers", "peers", "counters", "drops"})
        CHECK(nlohmann::json::accept(ask_vpnd({"--json", command}).out));
    CHECK(nlohmann::json::accept(ask_vpnd({"--json", "wg", "acme"}).out));
}

TEST_CASE("status exits with 0, 1 when something needs attention, and 3 when stackd is silent") {
    const ipc::ControlText problem{ipc::ControlText::Kind::kNote, "globex", "handoff: no device eth7 in the uplink"};
    CHECK(ask_both({"status"}, {}).status == kDone);
    CHECK(ask_both({"status"}, {problem}).status == kAnswerIsNo);
    CHECK(ask_both({"status", "--json"}, {problem}).status == kAnswerIsNo);
    CHECK(ask_vpnd({"status"}).status == kUnreachable);
    CHECK(ask_vpnd({"status", "acme"}).status == kUnreachable);
    CHECK(ask_vpnd({"status", "--json"}).status == kUnreachable);
}

TEST_CASE("status says that a connection is not served, but of a suspended customer") {
    Snapshot snapshot = samples::snapshot();
    snapshot.customers[0].customer.connections_unserved = 1;
    const auto ran = ask_both({"status"}, {}, snapshot);
    CHECK(ran.status == kAnswerIsNo);
    CHECK(ran.out.find("acme: a connection of IPsec is not served; vpnctl ipsec acme says why") != std::string::npos);
    CHECK(ask_both({"status", "acme"}, {}, snapshot).status == kAnswerIsNo);
    snapshot.customers[0].customer.connections_unserved = 2;
    CHECK(ask_both({"status"}, {}, snapshot).out.find("acme: 2 connections of IPsec are not served") !=
          std::string::npos);
    snapshot.customers[0].customer.settings.suspended = true;
    CHECK(ask_both({"status"}, {}, snapshot).status == kDone);
}

TEST_CASE("every shell completes every option") {
    const std::vector<std::string> options = option_names();
    REQUIRE(options.size() > 5);
    for (const std::string& option : options) {
        CAPTURE(option);
        const auto has = [](const char* shell, const std::string& text) {
            const std::string script = completion_for(shell);
            for (auto at = script.find(text); at != std::string::npos; at = script.find(text, at + 1)) {
                if (std::string_view(" '[}=\n").find(script[at + text.size()]) != std::string_view::npos) return true;
            }
            return false;
        };
        CHECK(has("bash", option));
        CHECK(has("zsh", option));
        CHECK(has("fish", "-l " + option.substr(2)));
    }
}

TEST_CASE("the status of a customer has what concerns it and the appliance, not what concerns another") {
    using Kind = ipc::ControlText::Kind;
    const auto ran = ask_both({"status", "acme"}, {{Kind::kNote, "", "nothing applied: the configuration has errors"},
                                                   {Kind::kNote, "globex", "no device eth7"}});
    CHECK(ran.status == kAnswerIsNo);
    CHECK(ran.out.find("attention   nothing applied: the configuration has errors\n") != std::string::npos);
    CHECK(ran.out.find("eth7") == std::string::npos);
    CHECK(ask_both({"status", "acme"}, {{Kind::kNote, "globex", "no device eth7"}}).status == kDone);
}

TEST_CASE("the status of a customer asks stackd for that customer, and has its disabled peers and how many more") {
    using Kind = ipc::ControlText::Kind;
    const std::vector<ipc::ControlText> facts{{Kind::kFact, "acme", "12 linz wels"}, {Kind::kFact, "globex", "1 graz"}};
    CHECK(ask_both({"status", "acme"}, facts).out.find("\ndisabled    linz, wels and 10 more\n") != std::string::npos);
    CHECK(ask_both({"status", "acme"}, {}).out.find("\ndisabled ") == std::string::npos);
    CHECK(ask_vpnd({"status", "acme"}).out.find("\ndisabled    not known\n") != std::string::npos);
    const auto status = nlohmann::json::parse(ask_both({"status", "--json"}, facts).out);
    CHECK(status["customers"][0]["disabled_peers"] == nlohmann::json{"linz", "wels"});
    CHECK(status["customers"][0]["disabled_peers_more"] == 10);
    CHECK(status["customers"][1]["disabled_peers"] == nlohmann::json{"graz"});

    std::string asked;
    const FakeDaemon stackd("control.sock", [&asked](ipc::Channel& channel) {
        std::vector<std::uint8_t> space(1024);
        const auto received = channel.receive(space);
        const auto message = ipc::decode_control(Bytes(space).first(received ? received->size : 0));
        if (message) asked = std::get<ipc::ControlRequest>(*message).customer;
        samples::send(channel, ipc::ControlMessage(ipc::ControlDone{}));
    });
    CHECK(request_status(stackd.run_dir(), "acme").silence.empty());
    CHECK(asked == "acme");
}

TEST_CASE("a customer unknown to vpnd is a failure that names it") {
    const auto ran = ask_vpnd({"status", "acmee"});
    CHECK(ran.status == kFailed);
    CHECK(ran.out.empty());
    CHECK(ran.err == "vpnctl: no customer acmee is served; vpnctl customers lists those that are\n");
    CHECK(ask_vpnd({"wg", "acmee"}).status == kFailed);
}

TEST_CASE("a vpnd that hangs up twice is unreachable, one that talks nonsense fails and is not asked again") {
    int asked = 0;  // by the daemon's thread
    const auto ask = [&asked](std::function<void(ipc::Channel&)> answer) {
        asked = 0;
        const FakeDaemon daemon("snapshot.sock", [&asked, answer = std::move(answer)](ipc::Channel& channel) {
            ++asked;
            samples::ignore_request(channel);
            answer(channel);
        });
        return vpnctl({"--run-dir", daemon.run_dir(), "status"});
    };
    const auto gone =
        ask([](ipc::Channel& channel) { samples::send(channel, ipc::SnapshotMessage(ipc::SnapshotHeader{})); });
    CHECK(gone.status == kUnreachable);
    CHECK(gone.err == "vpnctl: vpnd closed the connection; see journalctl -u 'warren*'\n");
    CHECK(asked == 2);
    const auto nonsense = ask([](ipc::Channel& channel) { (void)channel.send(as_bytes("nonsense")); });
    CHECK(nonsense.status == kFailed);
    CHECK(nonsense.err.starts_with("vpnctl: vpnd: "));
    CHECK(asked == 1);
    CHECK(ask([](ipc::Channel& channel) {
              samples::send(channel, ipc::SnapshotMessage(ipc::PeerSnapshot{}));
          }).status == kFailed);
    CHECK(ask([](ipc::Channel& channel) { samples::send(channel, ipc::SnapshotMessage(ipc::SnapshotEnd{})); }).status ==
          kFailed);
}

TEST_CASE("a vpnd that ends its answer, since customers are renamed in it, is asked once more") {
    int asked = 0;  // by the daemon's thread
    const FakeDaemon daemon("snapshot.sock", [&asked](ipc::Channel& channel) {
        if (++asked > 1) return samples::serve_snapshot(samples::snapshot(), channel);
        samples::ignore_request(channel);
        samples::send(channel, ipc::SnapshotMessage(ipc::SnapshotHeader{}));
        ipc::CustomerSnapshot former;
        former.settings.id = "initech";
        samples::send(channel, ipc::SnapshotMessage(former));
    });
    const auto ran = vpnctl({"--run-dir", daemon.run_dir(), "customers"});
    CHECK(ran.status == kDone);
    CHECK(ran.err.empty());
    CHECK(ran.out == ask_vpnd({"customers"}).out);
}

TEST_CASE("apply and diff print stackd's answer as it comes and exit as it says") {
    for (const int status : {0, 1, 4}) {
        ipc::ControlVerb asked{};
        const FakeDaemon daemon("control.sock", [&](ipc::Channel& channel) {
            std::vector<std::uint8_t> space(4096);
            const auto received = channel.receive(space);
            if (!received) return;
            const auto message = ipc::decode_control(Bytes(space).first(received->size));
            if (message) asked = std::get<ipc::ControlRequest>(*message).verb;
            samples::send(channel, ipc::ControlMessage(ipc::ControlText{ipc::ControlText::Kind::kDiagnostic, "globex",
                                                                        "globex.toml:1:1: error: x"}));
            samples::send(channel, ipc::ControlMessage(ipc::ControlText{ipc::ControlText::Kind::kStep, "acme",
                                                                        "make namespace warren-acme"}));
            samples::send(channel, ipc::ControlMessage(
                                       ipc::ControlDone{static_cast<std::uint8_t>(status), 8, "generation 8: 1 step"}));
        });
        const auto ran = vpnctl({"--run-dir", daemon.run_dir(), status == 1 ? "diff" : "apply"});
        CHECK(ran.status == status);
        CHECK(ran.out == "globex.toml:1:1: error: x\nacme: make namespace warren-acme\ngeneration 8: 1 step\n");
        CHECK(asked == (status == 1 ? ipc::ControlVerb::kDiff : ipc::ControlVerb::kApply));
    }
}

TEST_CASE("apply and diff print what the operator changed; its steps with -v, and steps that nobody asked for always") {
    const std::string change = "acme: stack.mtu: 1420 -> 1380\n";
    const std::string drift = "globex: add address 10.0.0.1/24\n";
    const std::string summary = "1 change, 3 steps\n";
    for (const bool verbose : {false, true}) {
        const FakeDaemon daemon("control.sock", [&](ipc::Channel& channel) {
            samples::ignore_request(channel);
            using Kind = ipc::ControlText::Kind;
            for (const ipc::ControlText& text : {ipc::ControlText{Kind::kChange, "acme", "stack.mtu: 1420 -> 1380"},
                                                 ipc::ControlText{Kind::kStep, "acme", "set vpn0 mtu 1380"},
                                                 ipc::ControlText{Kind::kStep, "acme", "set lan0 mtu 1380"},
                                                 ipc::ControlText{Kind::kStep, "globex", "add address 10.0.0.1/24"}})
                samples::send(channel, ipc::ControlMessage(text));
            samples::send(channel, ipc::ControlMessage(ipc::ControlDone{1, 8, "1 change, 3 steps"}));
        });
        std::vector<std::string> arguments{"--run-dir", daemon.run_dir(), "diff"};
        if (verbose) arguments.emplace_back("-v");
        const std::string steps = "acme: set vpn0 mtu 1380\nacme: set lan0 mtu 1380\n";
        CHECK(vpnctl(arguments).out ==
              change + (verbose ? steps + drift : drift + "(2 steps in the kernel; -v shows them)\n") + summary);
    }
}

TEST_CASE("log-level passes the level on and shows that of each daemon") {
    for (const bool with_level : {true, false}) {
        std::optional<ipc::ControlRequest> asked;
        const FakeDaemon daemon("control.sock", [&](ipc::Channel& channel) {
            std::vector<std::uint8_t> space(4096);
            const auto received = channel.receive(space);
            if (!received) return;
            const auto message = ipc::decode_control(Bytes(space).first(received->size));
            if (message) asked = std::get<ipc::ControlRequest>(*message);
            for (const char* fact : {"stackd warn", "vpnd warn", "statusd not running"})
                samples::send(channel, ipc::ControlMessage(ipc::ControlText{ipc::ControlText::Kind::kFact, "", fact}));
            samples::send(channel, ipc::ControlMessage(ipc::ControlDone{}));
        });
        std::vector<std::string> arguments{"--run-dir", daemon.run_dir(), "log-level"};
        if (with_level) arguments.insert(arguments.end(), {"warn", "--json"});
        const auto ran = vpnctl(arguments);
        CHECK(ran.status == kDone);
        REQUIRE(asked);
        CHECK(asked->verb == ipc::ControlVerb::kLogLevel);
        CHECK(asked->log_level == (with_level ? std::optional(LogLevel::kWarn) : std::nullopt));
        if (with_level) {
            CHECK(ran.out ==
                  "{\n  \"log_levels\": {\n    \"stackd\": \"warn\",\n    \"vpnd\": \"warn\",\n    \"statusd\": null\n "
                  " }\n}\n");
        } else {
            CHECK(ran.out == "stackd   warn\nvpnd     warn\nstatusd  not running\n");
        }
    }
    for (const char* wrong : {"trace", "DEBUG", ""}) {
        const auto refused = vpnctl({"log-level", wrong});
        CHECK(refused.status == kUsage);
        CHECK(refused.err.find("accepted: debug, info, warn or error") != std::string::npos);
    }
}

TEST_CASE("a stackd that goes away in the middle is unreachable") {
    const FakeDaemon daemon("control.sock", [](ipc::Channel& channel) {
        samples::ignore_request(channel);
        samples::send(channel,
                      ipc::ControlMessage(ipc::ControlText{ipc::ControlText::Kind::kStep, "acme", "make namespace"}));
    });
    const auto ran = vpnctl({"--run-dir", daemon.run_dir(), "apply"});
    CHECK(ran.status == kUnreachable);
    CHECK(ran.err == "vpnctl: stackd closed the connection; see journalctl -u 'warren*'\n");
}

TEST_CASE("routes and exec refuse invalid customers and name one without a stack") {
    for (const char* id : {"../../proc/1/ns/net", "Acme", "", "a/b"}) {
        const auto ran = vpnctl({"routes", id});
        CHECK(ran.status == kFailed);
        CHECK(ran.err.find("is no customer's id") != std::string::npos);
        CHECK(vpnctl({"exec", id, "--", "true"}).err.find("is no customer's id") != std::string::npos);
    }
    const auto ran = vpnctl({"routes", "nobody-of-that-name"});
    CHECK(ran.status == kFailed);
    CHECK(ran.err ==
          "vpnctl: customer nobody-of-that-name has no stack here (/run/netns/warren-nobody-of-that-name: no such "
          "file); see vpnctl "
          "customers\n");
}

TEST_CASE("a login for a customer that does not exist is refused, and nothing is written") {
    const samples::TemporaryDirectory directory;
    std::filesystem::create_directory(directory.path + "/customers");
    std::ofstream(directory.path + "/customers/acme.toml") << "schema = 1\n";
    const auto add = [&](const char* what, const char* customers) {
        return vpnctl({"--config", directory.path, what, "add", "bob", "customer", customers});
    };
    const std::string file = directory.path + "/users.toml";
    for (const char* what : {"user", "token"}) {
        for (const char* customers : {"nobody", "acme,nobody", "nobody,acme"}) {
            CAPTURE(customers);
            const auto ran = add(what, customers);
            CHECK(ran.status == kFailed);
            CHECK(ran.err.starts_with("vpnctl: there is no customer \"nobody\": "));
            CHECK_FALSE(std::filesystem::exists(file));
        }
    }
    CHECK(add("token", "acme").status == kDone);
    CHECK(std::filesystem::exists(file));
}

TEST_CASE("a wrong verb is answered with the usage") {
    CHECK(vpnctl({"web", "foo"}).err == "vpnctl: there is no \"web foo\"; usage: vpnctl [OPTIONS] web fingerprint\n");
    CHECK(vpnctl({"user", "drop", "bob"}).err ==
          "vpnctl: there is no \"user drop\"; usage: vpnctl [OPTIONS] user add|passwd|del NAME [ROLE [ID,ID]]\n");
    CHECK(vpnctl({"token", "drop", "bob"}).status == kUsage);
}

TEST_CASE("in the help no synopsis runs into its summary") {
    const std::string help = vpnctl({"help"}).out;
    for (const Command& command : commands()) {
        CAPTURE(command.name);
        const auto begin = help.find(fmt::format("\n  {} ", command.name)) + 1;
        const auto summary = help.find(command.summary, begin);
        REQUIRE(summary != std::string::npos);
        CHECK(help.substr(summary - 2, 2) == "  ");
        CHECK(summary - help.rfind('\n', summary) == 29);  // all in one column
    }
}
