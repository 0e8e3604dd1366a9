// The table of options: what each command takes, what it refuses, and what help and completion say of it.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "config/generation.h"
#include "ctl/commands/completion.h"
#include "ctl/option_table.h"
#include "ctl/options.h"
#include "ctl/show/stack_views.h"
#include "history/store.h"
#include "ipc/page_messages.h"
#include "samples.h"

using namespace warren;
using namespace warren::ctl;
using samples::FakeDaemon;
using samples::vpnctl;

namespace {

std::string dashed(const OptionRow& row) {
    return fmt::format("--{}", row.long_name());
}

// Enough arguments for any command; with a verb as its first.
std::vector<std::string> line_of(const Command& command, std::string_view verb) {
    std::vector<std::string> out{std::string(command.name)};
    for (std::size_t i = 0; i < command.required; ++i) out.emplace_back(i == 0 && !verb.empty() ? verb : "x");
    return out;
}

// The line of the help that begins with the option.
bool has_line(const std::string& help, const OptionRow& row) {
    const std::string begin = row.letter().empty() ? fmt::format("\n  --{} ", row.long_name())
                                                   : fmt::format("\n  -{} [ --{} ]", row.letter(), row.long_name());
    return help.find(begin) != std::string::npos;
}

// With one space for each run of them.
std::string unwrapped(std::string text) {
    std::replace(text.begin(), text.end(), '\n', ' ');
    const auto is_second = [](char a, char b) { return a == ' ' && b == ' '; };
    text.erase(std::unique(text.begin(), text.end(), is_second), text.end());
    return text;
}

std::vector<std::string_view> verbs_or_none(const Command& command) {
    auto out = verbs_of(command);
    if (out.empty() || command.required == 0) out = {""};
    return out;
}

// Both daemons, and one customer's file.
struct Place {
    Place() {
        std::filesystem::create_symlink(stackd.run_dir() + "/control.sock", vpnd.run_dir() + "/control.sock");
        std::filesystem::create_directories(config.path + "/customers");
        std::ofstream(config.path + "/customers/files-only.toml") << "schema = 1\n";
    }
    [[nodiscard]] samples::Ran run(std::vector<std::string> arguments) const {
        arguments.insert(arguments.begin(),
                         {"--run-dir", vpnd.run_dir(), "--config", config.path, "--state-dir", config.path + "/state"});
        return vpnctl(arguments);
    }
    samples::TemporaryDirectory config;
    FakeDaemon vpnd{"snapshot.sock",
                    [](ipc::Channel& channel) { samples::serve_snapshot(samples::snapshot(), channel); }};
    FakeDaemon stackd{"control.sock", [](ipc::Channel& channel) {
                          using Kind = ipc::ControlText::Kind;
                          samples::ignore_request(channel);
                          for (const char* customer : {"acme", "globex"})
                              samples::send(channel, ipc::ControlMessage(ipc::ControlText{
                                                         Kind::kChange, customer, fmt::format("of {}", customer)}));
                          ipc::ControlDone done{};
                          done.exit_status = kAnswerIsNo;
                          done.summary = "2 changes";
                          samples::send(channel, ipc::ControlMessage(done));
                      }};
};

}  // namespace

TEST_CASE("every option is taken by a command that there is, with a verb that it has") {
    for (const OptionRow& row : option_rows()) {
        CAPTURE(row.name);
        CHECK(row.text != "");
        CHECK((row.value == OptionValue::kNone) == row.value_name.empty());
        for (const OptionUser& user : users_of(row)) {
            CAPTURE(user.command);
            const Command* const command = find_command(user.command);
            REQUIRE((command != nullptr));
            const auto verbs = verbs_of(*command);
            for (const std::string_view verb : user.verbs) {
                CAPTURE(verb);
                CHECK(std::find(verbs.begin(), verbs.end(), verb) != verbs.end());
            }
        }
    }
}

TEST_CASE("the help of a command has the options that it takes and no other") {
    for (const Command& command : commands()) {
        CAPTURE(command.name);
        const std::string help = vpnctl({std::string(command.name), "--help"}).out;
        for (const OptionRow& row : option_rows()) {
            CAPTURE(row.name);
            const auto rows = option_rows();
            const bool is_taken_at_all = std::any_of(rows.begin(), rows.end(), [&](const OptionRow& other) {
                return other.name == row.name && is_taken(other, command.name, "");
            });
            CHECK(has_line(help, row) == is_taken_at_all);
            if (is_taken(row, command.name, "")) CHECK(unwrapped(help).find(row.text) != std::string::npos);
        }
    }
    CHECK(vpnctl({"peer", "--help"}).out.find("add, rotate: print a QR code") != std::string::npos);
}

TEST_CASE("every command and verb refuses every option that it does not take, before it does anything") {
    for (const Command& command : commands()) {
        for (const std::string_view verb : verbs_or_none(command)) {
            for (const OptionRow& row : option_rows()) {
                const auto rows = option_rows();
                const bool is_accepted = std::any_of(rows.begin(), rows.end(), [&](const OptionRow& other) {
                    return other.name == row.name && is_taken(other, command.name, verb);
                });
                if (is_accepted) continue;
                auto line = line_of(command, verb);
                line.push_back(dashed(row));
                if (row.value != OptionValue::kNone) line.emplace_back("1");
                if (command.takes_program && command.needs_program) line.insert(line.end(), {"--", "true"});
                CAPTURE(fmt::format("{}", fmt::join(line, " ")));
                const auto ran = vpnctl(line);
                CHECK(ran.status == kUsage);
                CHECK(ran.err.find(dashed(row)) != std::string::npos);
                CHECK(ran.err.find(std::string(command.name)) != std::string::npos);
                CHECK(ran.out == "");
            }
        }
    }
}

TEST_CASE("what a command takes is not refused as an option") {
    Invocation invocation;
    for (const OptionRow& row : option_rows()) {
        for (const OptionUser& user : users_of(row)) {
            const Command& command = *find_command(user.command);
            invocation.arguments = {"x"};
            if (!user.verbs.empty()) invocation.arguments[0] = std::string(user.verbs.front());
            CAPTURE(row.name);
            CHECK(option_problem(command, invocation, {std::string(row.long_name())}) == "");
        }
    }
}

TEST_CASE("a shell is told the options of each command") {
    const std::string bash = completion_for("bash");
    CHECK(bash.find("'usage '*) options+=' --json --month --csv' ;;\n") != std::string::npos);
    CHECK(bash.find("'stack list') options+=' --json --recursive' ;;\n") != std::string::npos);
    CHECK(bash.find("'apply '*) options+=' --json --verbose --remove --confirm-within --comment --only' ;;\n") !=
          std::string::npos);
    CHECK(completion_for("zsh").find("'usage '*) own=('--json[") != std::string::npos);
    CHECK(completion_for("fish").find("complete -c vpnctl -l run-dir -r") != std::string::npos);
    CHECK(completion_for("fish").find("complete -c vpnctl -n '__vpnctl_takes usage' -l csv -d ") != std::string::npos);
    CHECK(completion_for("fish").find("-n '__vpnctl_takes \"peer add\" \"peer rotate\" profile' -l qr -d ") !=
          std::string::npos);
}

TEST_CASE("a mistyped customer is no customer with nothing to say") {
    const Place place;
    for (const auto& line : {std::vector<std::string>{"apply", "--only", "nope"},
                             {"diff", "nope"},
                             {"services", "nope"},
                             {"log", "nope"}}) {
        CAPTURE(fmt::format("{}", fmt::join(line, " ")));
        const auto ran = place.run(line);
        CHECK(ran.status == kFailed);
        CHECK(ran.err ==
              fmt::format("vpnctl: there is no customer nope: no {}/customers/nope.toml\n", place.config.path));
        CHECK(ran.out == "");
    }
    // One that is in force only, and one that has a file only, are there.
    CHECK(place.run({"apply", "--only", "acme"}).out.find("2 changes") != std::string::npos);
    CHECK(place.run({"apply", "--only", "files-only"}).out.find("2 changes") != std::string::npos);
    CHECK(place.run({"services", "files-only"}).out == "files-only has no service: there is no [dns] and no [bgp]\n");
    CHECK(place.run({"log", "acme"}).status == kDone);
    CHECK(place.run({"log", "acme"}).err == "vpnctl: acme has logged nothing yet\n");
}

TEST_CASE("diff of a customer has what concerns it") {
    const Place place;
    const auto acme = place.run({"diff", "acme"});
    CHECK(acme.status == kAnswerIsNo);
    CHECK(acme.out == "acme: of acme\n");
    const auto other = place.run({"diff", "files-only"});
    CHECK(other.status == kDone);
    CHECK(other.out == "files-only: nothing to change\n");
}

TEST_CASE("where there is no configuration, check says how to make one") {
    const samples::TemporaryDirectory nothing;
    for (const std::string& directory : {nothing.path, nothing.path + "/missing"}) {
        const auto ran = vpnctl({"--config", directory, "check"});
        CHECK(ran.status == kAnswerIsNo);
        CHECK(ran.err == fmt::format("vpnctl: there is no {}/warren.toml; vpnctl setup makes the first configuration\n",
                                     directory));
    }
}

TEST_CASE("a sysctl is shown as sysctl(8) has it") {
    ShownStack stack;
    stack.sysctls = {{"ipv4/ping_group_range", "0\t65534", "0\t65534", ""}};
    CHECK(stack_text(stack).find("net.ipv4.ping_group_range  0 65534") != std::string::npos);
}

namespace {

// A history of two revisions, of which the second one has acme, and files like it.
struct Past {
    Past() {
        std::filesystem::create_directories(place.path + "/customers");
        write("warren.toml", kAppliance);
        write("customers/solo.toml", kCustomer);
        record({{"solo", kCustomer}});
        write("customers/acme.toml", kCustomer);
        record({{"solo", kCustomer}, {"acme", kCustomer}});
    }
    void write(const std::string& name, const std::string& text) const {
        std::ofstream(place.path + "/" + name) << text;
    }
    void record(const std::map<std::string, std::string>& customers) const {
        config::Generation generation;
        generation.text = kAppliance;
        for (const auto& [id, text] : customers) {
            config::AcceptedCustomer accepted;
            accepted.customer.id = id;
            accepted.text = text;
            generation.customers.push_back(std::make_shared<const config::AcceptedCustomer>(std::move(accepted)));
        }
        history::DirectoryDisk disk(history::directory_of(place.path));
        REQUIRE(history::Store(disk).record(generation, {7}, {history::Origin::Kind::kRequest, 0, "", ""}, {}));
    }
    [[nodiscard]] samples::Ran run(std::vector<std::string> arguments) const {
        arguments.insert(arguments.begin(),
                         {"--run-dir", place.path + "/run", "--config", place.path, "--state-dir", place.path});
        return vpnctl(arguments);
    }
    static constexpr const char* kAppliance = "schema = 1\n";
    static constexpr const char* kCustomer = "schema = 1\nname = \"x\"\n[stack]\naddresses = [\"10.0.0.1/24\"]\n";
    samples::TemporaryDirectory place;
};

}  // namespace

TEST_CASE("a rollback that removes a customer asks, and its hint can be pasted") {
    const Past past;
    const std::string where = fmt::format("--run-dir {0}/run --config {0} --state-dir {0}", past.place.path);
    const std::vector<std::pair<std::vector<std::string>, std::string>> cases{
        {{"rollback", "1"}, "rollback 1 --remove"},
        {{"rollback", "--customer", "acme", "1", "--comment", "as it's"},
         "rollback 1 --customer acme --comment 'as it'\\''s' --remove"},
    };
    for (const auto& [line, again] : cases) {
        const auto ran = past.run(line);
        CHECK(ran.status == kAnswerIsNo);
        CHECK(ran.err == fmt::format("vpnctl: revision 1 does not have acme; remove it and the stack: `vpnctl {} {}`; "
                                     "nothing was written\n",
                                     where, again));
        CHECK(std::filesystem::exists(past.place.path + "/customers/acme.toml"));
    }
    CHECK(past.run({"rollback", "--customer", "acme", "1", "--remove", "--no-apply"}).status == kDone);
    CHECK_FALSE(std::filesystem::exists(past.place.path + "/customers/acme.toml"));
    CHECK(std::filesystem::exists(past.place.path + "/customers/solo.toml"));
}

TEST_CASE("the history knows of no customer that never was") {
    const Past past;
    const FakeDaemon vpnd("snapshot.sock",
                          [](ipc::Channel& channel) { samples::serve_snapshot(samples::snapshot(), channel); });
    for (const auto& line : {std::vector<std::string>{"history", "nope"}, {"rollback", "2", "--customer", "nope"}}) {
        auto words = line;
        words.insert(words.end(), {"--run-dir", vpnd.run_dir()});
        words.insert(words.end(), {"--config", past.place.path, "--state-dir", past.place.path});
        const auto ran = vpnctl(words);
        CHECK(ran.status == kFailed);
        CHECK(ran.err.starts_with("vpnctl: there is no customer nope: no "));
    }
    CHECK(past.run({"history", "acme"}).out.find("acme") != std::string::npos);
    CHECK(past.run({"rollback", "2", "--customer", "acme", "--no-apply"}).status == kDone);
}

TEST_CASE("events of a peer that nobody has, and of a kind that there is not, are refused") {
    const FakeDaemon vpnd("snapshot.sock",
                          [](ipc::Channel& channel) { samples::serve_snapshot(samples::snapshot(), channel); });
    int status = 200;
    std::string body = R"({"items": [], "next_before": null})";
    const FakeDaemon statusd("status.sock", [&](ipc::Channel& channel) {
        samples::ignore_request(channel);
        std::vector<std::uint8_t> wire;
        REQUIRE(ipc::encode(ipc::PagePiece{static_cast<std::uint16_t>(status), body, false}, wire));
        REQUIRE(channel.send(wire));
    });
    std::filesystem::create_symlink(statusd.run_dir() + "/status.sock", vpnd.run_dir() + "/status.sock");
    const auto run = [&](std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), {"--run-dir", vpnd.run_dir()});
        return vpnctl(arguments);
    };
    for (const char* command : {"events", "outages"}) {
        const auto ran = run({command, "acme", "--peer", "foo"});
        CHECK(ran.status == kFailed);
        CHECK(ran.err == "vpnctl: acme has no peer or connection foo\n");
    }
    const std::string name = samples::snapshot().customers[0].peers[0].settings.name;
    CHECK(run({"events", "--peer", name}).status == kDone);
    CHECK(run({"events"}).status == kDone);
    status = 400;
    body = R"({"status": 400, "detail": "kind: unknown"})";
    const auto ran = run({"events", "--kind", "foo"});
    CHECK(ran.status == kUsage);
    CHECK(ran.err.starts_with("vpnctl: --kind: there is no \"foo\"; accepted: online, idle, roamed, "));
}
