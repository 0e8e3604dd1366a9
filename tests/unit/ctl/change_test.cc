// Commands that change customers' files: what they write, and what they leave alone.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "config/load.h"
#include "config_room.h"
#include "crypto/x25519.h"
#include "ctl/command.h"
#include "ctl/files/files.h"
#include "samples.h"

using namespace warren;
using namespace warren::ctl;

namespace {

namespace fs = std::filesystem;
using samples::Config;
using samples::kAcme;
using samples::kKey;
using samples::kOther;
using samples::kServer;

std::string line_with(const std::string& text, std::string_view beginning) {
    const auto at = text.find(beginning);
    if (at == std::string::npos) return "";
    return text.substr(at + beginning.size(), text.find('\n', at) - at - beginning.size());
}

}  // namespace

TEST_CASE("peer add makes a key, takes the next address, and stores the private key nowhere") {
    const Config config;
    const auto ran = config.write({"peer", "add", "acme", "phone", "--psk", "--description", "Anna's \"phone\""});
    CAPTURE(ran.err);
    REQUIRE(ran.status == kDone);
    CHECK(config.text().starts_with(kAcme));
    CHECK(config.valid());
    const std::string private_key = line_with(ran.out, "PrivateKey = ");
    const auto secret = crypto::parse_secret_key(private_key);
    REQUIRE(secret.has_value());
    const auto public_key = crypto::public_key_of(crypto::PrivateKey{secret->clone()});
    CHECK(config.text().find("public_key    = \"" + crypto::to_base64(public_key) + "\"") != std::string::npos);
    CHECK(config.text().find("\ndescription   = \"Anna's \\\"phone\\\"\"\n") != std::string::npos);
    CHECK(line_with(ran.out, "Address = ") == "10.0.0.2/32");
    CHECK(line_with(ran.out, "AllowedIPs = ") == "10.0.0.0/24, 10.43.0.0/16");
    CHECK(line_with(ran.out, "Endpoint = ") == "vpn.example.net:51820");
    CHECK(line_with(ran.out, "PresharedKey = ") + "\n" == config.text("secrets/acme/phone.psk"));
    CHECK(line_with(ran.out, "PublicKey = ") ==
          crypto::to_base64(crypto::public_key_of(crypto::PrivateKey{crypto::parse_secret_key(kServer)->clone()})));
    for (const auto& [path, text] : config.all()) CHECK(text.find(private_key) == std::string::npos);
    struct stat found {};
    REQUIRE(::stat((config.directory + "/secrets/acme/phone.psk").c_str(), &found) == 0);
    CHECK((found.st_mode & 07777U) == 0600U);
    // The next one does not get the same address.
    CHECK(line_with(config.write({"peer", "add", "acme", "tablet"}).out, "Address = ") == "10.0.0.3/32");
}

TEST_CASE("a peer that would be an error is not written, nor is anything else") {
    const Config config;
    const auto before = config.all();
    const std::string out = config.directory + "/phone.conf";
    const std::vector<std::vector<std::string>> refused{
        {"peer", "add", "acme", "graz", "--psk"},                                              // the name
        {"peer", "add", "acme", "x y", "--psk", "--out", out},                                 // no name
        {"peer", "add", "acme", "phone", "--public-key", kKey, "--psk"},                       // graz has it
        {"peer", "add", "acme", "phone", "--network", "10.43.0.0/16", "--psk", "--out", out},  // graz has it
        {"peer", "add", "acme", "phone", "--network", "10.44.0.1/16"},
        {"peer", "add", "acme", "phone", "--address", "10.0.0.0/24"},
        {"peer", "add", "acme", "phone", "--keepalive", "1\nenabled = false"},
        {"peer", "add", "acme", "phone", "--keepalive", "99999"},
        {"peer", "add", "nobody", "phone"},
        {"peer", "rm", "acme", "nobody"},
        {"peer", "rename", "acme", "graz", "not a name"},
        {"peer", "add", "acme", "phone", "--address", "10.9.0.1"},  // in none of its networks
        {"peer", "rotate", "acme", "graz", "--commit"},             // there is no next key
        {"customer", "add", "acme", "--address", "10.0.0.1/24"},
        {"customer", "add", "globex", "--address", "10.0.0.0/24"},
        {"customer", "suspend", "nobody"},
    };
    for (const auto& arguments : refused) {
        CAPTURE(fmt::format("{}", fmt::join(arguments, " ")));
        const auto ran = config.write(arguments);
        CHECK(ran.status == kFailed);
        CHECK(ran.err != "");
        CHECK(ran.out == "");
        CHECK(config.all() == before);
    }
    CHECK(config.write({"peer", "add", "acme", "phone", "--network", "10.43.0.0/16"}).err.find("acme.toml:16:") !=
          std::string::npos);
    CHECK(config.run({"profile", "acme", "nobody"}).status == kFailed);
    CHECK(config.write({"peer", "add", "acme", "phone", "--address", "10.9.0.1"}).err ==
          "vpnctl: --address: 10.9.0.1 is in no network of acme (10.0.0.0/24); what is behind the peer is for "
          "--network\n");
    CHECK(config.write({"peer", "rotate", "acme", "graz", "--commit"}).err == "vpnctl: graz has no next key\n");
    CHECK(config.write({"peer", "rotate", "acme", "nobody", "--commit"}).err ==
          "vpnctl: acme has no peer nobody of WireGuard\n");
    for (const auto& [date, problem] : {std::pair("2020-01-01", "2020-01-01 is in the past"),
                                        {"tomorrow", "\"tomorrow\" is no date; accepted: 2027-03-31, or"}}) {
        const auto ran = config.write({"peer", "add", "acme", "phone", "--expires", date});
        CHECK(ran.status == kUsage);
        CHECK(ran.err.find(std::string("--expires: ") + problem) != std::string::npos);
    }
    CHECK(config.write({"peer", "add", "../acme", "phone"}).status == kUsage);
    CHECK(config.write({"customer", "add", "globex"}).status == kUsage);
    CHECK(config.write({"customer", "rm", "acme"}).status == kAnswerIsNo);
    CHECK(config.all() == before);
}

TEST_CASE("a file that is there is never written over by a profile, and then there is no peer either") {
    const Config config;
    const std::string out = config.directory + "/phone.conf";
    config.put("phone.conf", "mine");
    CHECK(config.write({"peer", "add", "acme", "phone", "--psk", "--out", out}).status == kFailed);
    CHECK(config.text("phone.conf") == "mine");
    CHECK(config.text() == kAcme);
    CHECK_FALSE(fs::exists(config.directory + "/secrets/acme/phone.psk"));
    fs::remove(out);
    const auto ran = config.write({"peer", "add", "acme", "phone", "--out", out, "--svg", config.directory + "/q.svg"});
    CHECK(ran.status == kDone);
    CHECK(ran.out == "");
    CHECK(config.text("phone.conf").starts_with("# acme: phone\n[Interface]\n"));
    CHECK(config.text("q.svg").starts_with("<svg "));
    for (const char* name : {"/phone.conf", "/q.svg"}) {
        struct stat found {};
        REQUIRE(::stat((config.directory + name).c_str(), &found) == 0);
        CHECK((found.st_mode & 07777U) == 0600U);
    }
}

TEST_CASE("as JSON a profile is printed, but not when it is in a file") {
    const Config config;
    const auto printed = config.write({"--json", "peer", "add", "acme", "one"});
    REQUIRE(printed.status == kDone);
    const auto profile = nlohmann::json::parse(printed.out)["profile"];
    REQUIRE(profile.is_string());
    CHECK(line_with(profile.get<std::string>(), "PrivateKey = ").size() == 44);
    for (const auto& [name, option, file] :
         {std::array{"two", "--out", "two.conf"}, std::array{"three", "--svg", "three.svg"}}) {
        const auto ran = config.write({"--json", "peer", "add", "acme", name, option, config.directory + "/" + file});
        REQUIRE(ran.status == kDone);
        CHECK(nlohmann::json::parse(ran.out)["profile"].is_null());
        CHECK(ran.out.find("PrivateKey") == std::string::npos);
        CHECK(fs::exists(config.directory + "/" + file));
    }
}

TEST_CASE("a peer is disabled, enabled, renamed and removed, and the file is as before") {
    const Config config;
    CHECK(config.write({"peer", "disable", "acme", "graz"}).status == kDone);
    CHECK(config.text() == kAcme + "enabled     = false\n");
    CHECK(config.write({"peer", "enable", "acme", "graz"}).status == kDone);
    CHECK(config.text() == kAcme + "enabled     = true\n");
    CHECK(config.write({"peer", "rename", "acme", "graz", "linz"}).status == kDone);
    CHECK(config.text().find("name        = \"linz\"") != std::string::npos);
    CHECK(config.write({"peer", "rm", "acme", "linz"}).status == kDone);
    CHECK(config.text() == kAcme.substr(0, kAcme.find("\n# the office")));
    CHECK(config.write({"peer", "rename", "acme", "graz"}).status == kUsage);
    CHECK(config.write({"peer", "frob", "acme", "graz"}).status == kUsage);
}

TEST_CASE("a rule that names a peer follows its new name, and keeps it from being removed") {
    const Config config;
    const std::string rule =
        "\n[[firewall.rule]]\nname = \"erp\"  # who reaches it\nfrom = [\"peer:graz\", \"10.9.0.0/16\"]\n"
        "to = [\"peer:graz\"]\naction = \"accept\"\n";
    config.put("customers/acme.toml", kAcme + rule);
    CHECK(config.write({"peer", "rm", "acme", "graz"}).status != kDone);
    CHECK(config.text() == kAcme + rule);
    CHECK(config.write({"peer", "rename", "acme", "graz", "linz"}).status == kDone);
    CHECK(config.text().find("name = \"erp\"  # who reaches it\nfrom = [\"peer:linz\", \"10.9.0.0/16\"]\n"
                             "to = [\"peer:linz\"]\n") != std::string::npos);
    CHECK(config.text().find("graz\"") == std::string::npos);
}

TEST_CASE("mode and owner of a file stay") {
    const Config config;
    const std::string path = config.directory + "/customers/acme.toml";
    REQUIRE(::chmod(path.c_str(), 0640) == 0);
    const bool is_root = ::geteuid() == 0;
    if (is_root) REQUIRE(::chown(path.c_str(), 65534, 65534) == 0);
    CHECK(config.write({"customer", "suspend", "acme"}).status == kDone);
    struct stat found {};
    REQUIRE(::stat(path.c_str(), &found) == 0);
    CHECK((found.st_mode & 07777U) == 0640U);
    if (is_root) CHECK(found.st_uid == 65534);
    CHECK(config.text().find("state = \"suspended\"\n") != std::string::npos);
    CHECK(config.write({"customer", "resume", "acme"}).status == kDone);
    CHECK(config.text().find("state = \"active\"\n") != std::string::npos);
}

TEST_CASE("a file that somebody changed meanwhile is not written over") {
    const Config config;
    const std::string path = config.directory + "/customers/acme.toml";
    const auto before = read_state(path);
    REQUIRE(before.has_value());
    config.put("customers/acme.toml", kAcme + "# by hand\n");
    const Status written = write_over(path, *before, "schema = 1\n");
    REQUIRE_FALSE(written.has_value());
    CHECK(written.error().code == ErrorCode::kConflict);
    CHECK(config.text() == kAcme + "# by hand\n");
    REQUIRE_FALSE(remove_file(path, *before).has_value());
    CHECK(fs::exists(path));
}

TEST_CASE("a file that is a symbolic link is not replaced, and its target is named") {
    const Config config;
    const std::string path = config.directory + "/customers/acme.toml";
    fs::rename(path, config.directory + "/shared.toml");
    fs::create_symlink("../shared.toml", path);
    for (const auto& arguments : {std::vector<std::string>{"peer", "disable", "acme", "graz"},
                                  std::vector<std::string>{"peer", "add", "acme", "phone", "--psk"},
                                  std::vector<std::string>{"edit", "acme"}}) {
        const auto ran = config.write(arguments);
        CHECK(ran.status == kFailed);
        CHECK(ran.err.find("acme.toml is a symbolic link; edit ../shared.toml") != std::string::npos);
    }
    CHECK(fs::is_symlink(path));
    CHECK(config.text("shared.toml") == kAcme);
    CHECK_FALSE(fs::exists(config.directory + "/secrets/acme/phone.psk"));
    const auto before = read_state(path);
    REQUIRE(before.has_value());
    CHECK(before->text == kAcme);  // it can be read
    CHECK_FALSE(write_over(path, *before, "schema = 1\n").has_value());
    fs::remove(config.directory + "/shared.toml");
    CHECK(config.write({"customer", "add", "acme", "--address", "10.0.0.1/24"}).err.find("symbolic link") !=
          std::string::npos);
}

TEST_CASE("only a regular file is read") {
    const Config config;
    CHECK(read_text(config.directory + "/nothing").value_or("x").empty());
    CHECK(read_text("/proc/self/status").value_or("").starts_with("Name:"));  // the kernel's have no size
    CHECK_FALSE(read_text(config.directory).has_value());
    REQUIRE(::mkfifo((config.directory + "/pipe").c_str(), 0600) == 0);
    CHECK_FALSE(read_text(config.directory + "/pipe").has_value());
    const std::string large(10'000, 'x');
    config.put("large", large);
    CHECK(read_text(config.directory + "/large").value_or("") == large);
}

TEST_CASE("a new file leaves its neighbours alone, whatever their names") {
    const Config config;
    config.put("phone.conf.new", "somebody's");
    const std::string out = config.directory + "/phone.conf";
    REQUIRE(config.write({"peer", "add", "acme", "phone", "--out", out}).status == kDone);
    CHECK(config.text("phone.conf").starts_with("# acme: phone\n"));
    CHECK(config.text("phone.conf.new") == "somebody's");
    const auto before = config.all().size();
    CHECK_FALSE(create_file(out, "x").has_value());
    CHECK(config.all().size() == before);
}

TEST_CASE("an error of another customer's file is no reason to refuse a change") {
    const Config config;
    config.put("customers/globex.toml", "nonsense\n");
    CHECK(config.write({"peer", "disable", "acme", "graz"}).status == kDone);
    // But a clash with one is: both would stay as they are.
    config.put("customers/globex.toml", kAcme);
    CHECK(config.write({"peer", "enable", "acme", "graz"}).status == kFailed);
}

TEST_CASE("a peer that is so already is not written again, and one without addresses is said to be") {
    const Config config;
    const auto enabled = config.run({"peer", "enable", "acme", "graz"});  // stackd, which is not there, is not asked
    CHECK(enabled.status == kDone);
    CHECK(enabled.out == "graz of acme is enabled already\n");
    CHECK(config.text() == kAcme);
    REQUIRE(config.write({"peer", "disable", "acme", "graz"}).status == kDone);
    CHECK(config.run({"peer", "disable", "acme", "graz"}).out == "graz of acme is disabled already\n");
    CHECK(config.write({"peer", "add", "acme", "phone", "--address", "none", "--public-key", kOther})
              .err.find("acme has a new peer phone without any address") != std::string::npos);
}

TEST_CASE("a customer is added and removed") {
    const Config config;
    const auto ran = config.write({"customer", "add", "globex", "--name", "Globex \"AG\"", "--address", "10.0.0.1/24",
                                   "--address", "fd00::1/64", "--description", "contract 4711"});
    CHECK(ran.status == kDone);
    CHECK(config.text("customers/globex.toml") ==
          "schema = 1\nname = \"Globex \\\"AG\\\"\"\ndescription = \"contract 4711\"\n\n[stack]\naddresses = "
          "[\"10.0.0.1/24\", \"fd00::1/64\"]\n");
    CHECK(config.write({"customer", "rename", "globex", "acme"}).status == kFailed);  // that is there
    CHECK(config.text() == kAcme);
    CHECK(config.write({"customer", "rename", "acme", "acme-graz"}).status == kDone);
    CHECK(config.text("customers/acme-graz.toml") == kAcme);
    CHECK(config.valid());
    CHECK(config.write({"customer", "rename", "acme", "x"}).status == kFailed);
    CHECK(config.write({"customer", "rename", "acme-graz"}).status == kUsage);
    CHECK(config.write({"customer", "rm", "globex", "--remove"}).status == kDone);
    CHECK_FALSE(fs::exists(config.directory + "/customers/globex.toml"));
    CHECK(config.write({"customer", "rm", "globex", "--remove"}).status == kFailed);
}

TEST_CASE("without stackd a change is written, and that it is not applied is said") {
    const Config config;
    const auto ran = config.run({"peer", "disable", "acme", "graz"});
    CHECK(ran.status == kUnreachable);
    CHECK(ran.err.find("the file is written; stackd applies it when it starts") != std::string::npos);
    CHECK(config.text() != kAcme);
}

TEST_CASE("while a configuration waits for its confirmation no file is changed") {
    const Config config;
    std::string waits = "unconfirmed 7 125";
    std::string directory = config.directory;
    int applies = 0;  // by the daemon's thread
    const samples::FakeDaemon stackd("control.sock", [&](ipc::Channel& channel) {
        std::vector<std::uint8_t> space(1024);
        const auto received = channel.receive(space);
        const auto message = ipc::decode_control(Bytes(space).first(received ? received->size : 0));
        if (!message) return;
        const auto fact = [&channel](const std::string& text) {
            samples::send(channel, ipc::ControlMessage(ipc::ControlText{ipc::ControlText::Kind::kFact, "", text}));
        };
        const ipc::ControlVerb verb = std::get<ipc::ControlRequest>(*message).verb;
        if (verb == ipc::ControlVerb::kStatus && !waits.empty()) fact(waits);
        if (verb == ipc::ControlVerb::kCheck) fact("directory " + directory);
        if (verb == ipc::ControlVerb::kApply || verb == ipc::ControlVerb::kApplyRemoving) ++applies;
        samples::send(channel, ipc::ControlMessage(ipc::ControlDone{}));
    });
    const auto run = [&](std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), {"--config", config.directory, "--run-dir", stackd.run_dir()});
        return samples::vpnctl(arguments);
    };
    const auto before = config.all();
    for (std::vector<std::string> arguments :
         std::vector<std::vector<std::string>>{{"peer", "add", "acme", "linz"},
                                               {"peer", "disable", "acme", "graz"},
                                               {"peer", "rm", "acme", "graz"},
                                               {"customer", "suspend", "acme"},
                                               {"customer", "add", "solo", "--address", "10.0.0.1/24"},
                                               {"customer", "rename", "acme", "apex"},
                                               {"customer", "rm", "acme", "--remove"}}) {
        CAPTURE(arguments[1]);
        for (const bool applies_too : {true, false}) {
            if (!applies_too) arguments.emplace_back("--no-apply");
            const auto ran = run(arguments);
            CHECK(ran.status == kFailed);
            CHECK(ran.out.empty());  // no key of a peer that is not there
            CHECK(ran.err.find("waits for its confirmation, for 2 min 5 s more: `vpnctl confirm` keeps it, `vpnctl "
                               "rollback` brings revision 7 back; nothing was ") != std::string::npos);
        }
    }
    CHECK(config.all() == before);
    CHECK(applies == 0);
    // A directory that stackd does not use can be written, not applied.
    const Config other;
    directory = other.directory;
    CHECK(run({"peer", "disable", "acme", "graz"}).status == kFailed);
    CHECK(config.all() == before);
    CHECK(run({"peer", "disable", "acme", "graz", "--no-apply"}).status == kDone);
    CHECK(config.all() != before);
    waits.clear();
    directory = config.directory;
    CHECK(run({"peer", "enable", "acme", "graz"}).status == kDone);
    CHECK(applies == 1);
}

TEST_CASE("profile makes a client's configuration again, with its own key only") {
    const Config config;
    config.put("key", kOther + "\n");
    const auto theirs =
        crypto::to_base64(crypto::public_key_of(crypto::PrivateKey{crypto::parse_secret_key(kOther)->clone()}));
    REQUIRE(config.write({"peer", "add", "acme", "phone", "--public-key", theirs}).status == kDone);
    const auto with_key = config.run({"profile", "acme", "phone", "--private-key-file", config.directory + "/key"});
    CHECK(with_key.status == kDone);
    CHECK(line_with(with_key.out, "PrivateKey = ") == kOther);
    const auto without = config.run({"profile", "acme", "phone"});
    CHECK(line_with(without.out, "PrivateKey = ") == "REPLACE_WITH_THE_PRIVATE_KEY_OF_THIS_DEVICE");
    const auto wrong = config.run({"profile", "acme", "graz", "--private-key-file", config.directory + "/key"});
    CHECK(wrong.status == kFailed);
    CHECK(wrong.err.find("holds another key than that of graz") != std::string::npos);
    CHECK(wrong.err.find(kOther) == std::string::npos);
    CHECK(config.run({"profile", "acme", "phone", "--format", "svg"}).out.starts_with("<svg "));
    CHECK(config.run({"profile", "acme", "phone", "--format", "pdf"}).status == kUsage);
    CHECK(config.run({"profile", "acme"}).status == kUsage);
    const std::string directory = config.directory + "/all";
    CHECK(config.run({"profile", "acme", "--all", "--out", directory}).status == kDone);
    CHECK(config.text("all/graz.conf").find("REPLACE_WITH_THE_PRIVATE_KEY") != std::string::npos);
    CHECK(fs::exists(directory + "/phone.conf"));
}

TEST_CASE("peer show says what the file has") {
    const Config config;
    const auto ran = config.run({"peer", "show", "acme", "graz"});
    CHECK(ran.status == kDone);
    CHECK(ran.out.find(kKey) != std::string::npos);
    CHECK(ran.out.find("10.43.0.0/16") != std::string::npos);
    CHECK(ran.out.find("whether it is served is not known: ") != std::string::npos);
    const auto json = nlohmann::json::parse(config.run({"--json", "peer", "show", "acme", "graz"}).out);
    CHECK(json["allowed_ips"][0] == "10.43.0.0/16");
    CHECK(config.run({"peer", "show", "acme", "nobody"}).status == kFailed);
}

TEST_CASE("a server's file of wg-quick becomes a customer with its listener and its secrets") {
    const Config config;
    config.put("wg0.conf",
               "[Interface]\nAddress = 10.8.0.1/24\nListenPort = 51999\nPrivateKey = " + kServer.substr(0, 20) +
                   "AAAAAAAAAAAAAAAAAAAAAAA=\nPostUp = x\n# Büro Süd\n[Peer]\nPublicKey = " + kKey +
                   "\nPresharedKey = " + kOther + "\nAllowedIPs = 10.8.0.2/32\n[Peer]\nPublicKey = " + kOther + "\n");
    config.put("customers/acme.toml", kAcme.substr(0, kAcme.find("\n# the office")));
    const std::string file = config.directory + "/wg0.conf";
    const auto shown = config.run({"import", "wg-quick", file, "--customer", "old"});
    CAPTURE(shown.err);
    REQUIRE(shown.status == kDone);
    CHECK(shown.err.find("wg0.conf:5: not translated: PostUp") != std::string::npos);
    CHECK_FALSE(fs::exists(config.directory + "/customers/old.toml"));
    CHECK_FALSE(fs::exists(config.directory + "/secrets/old"));
    const auto written = config.write({"import", "wg-quick", file, "--customer", "old", "--write"});
    CAPTURE(written.err);
    REQUIRE(written.status == kDone);
    CHECK(config.text("customers/old.toml") == shown.out);
    CHECK(shown.out.find("listen_port = 51999\nprivate_key = { secret = \"old/listener\" }\n") != std::string::npos);
    CHECK(shown.out.find("name = \"Buero-Sued\"\ndescription = \"Büro Süd\"\n") != std::string::npos);
    CHECK(shown.out.find("preshared_key = { secret = \"old/Buero-Sued.psk\" }") != std::string::npos);
    CHECK(shown.out.find("name = \"peer\"\n") != std::string::npos);
    CHECK(shown.out.find("allowed_ips = [\"10.8.0.3/32\"]") != std::string::npos);  // the next free one
    CHECK(config.text("secrets/old/Buero-Sued.psk") == kOther + "\n");
    CHECK(config.run({"import", "wg-quick", file, "--customer", "acme"}).err.find("because acme has its own") !=
          std::string::npos);
    CHECK(config.valid());
}

TEST_CASE("a thousand peers of a table come in one step") {
    const Config config;
    std::string table = "name,public_key\n";
    for (int i = 0; i < 1000; ++i) {
        std::array<std::uint8_t, 32> bytes{};
        bytes.fill(9);
        bytes[1] = static_cast<std::uint8_t>(i);
        bytes[2] = static_cast<std::uint8_t>(i / 256);
        table += fmt::format("device {},{}\n", i,
                             crypto::to_base64(crypto::public_key_of(crypto::PrivateKey{crypto::Secret<32>(bytes)})));
    }
    config.put("peers.csv", table);
    const std::string file = config.directory + "/peers.csv";
    CHECK(config.write({"import", "csv", file, "--customer", "acme", "--write"}).err.find("no free IPv4") !=
          std::string::npos);
    CHECK(config.text() == kAcme);
    config.put("customers/acme.toml", kAcme + "\n[clients]\npool = [\"10.9.0.0/16\"]\n");
    const auto ran = config.write({"import", "csv", file, "--customer", "acme", "--write"});
    CAPTURE(ran.err);
    REQUIRE(ran.status == kDone);
    const auto loaded = config::load(config.directory);
    REQUIRE(loaded.customers.size() == 1);
    CHECK(loaded.customers[0].valid);
    REQUIRE(loaded.customers[0].customer.peers.size() == 1001);
    CHECK(loaded.customers[0].customer.peers[1000].description == "device 999");
    // Again: their names are other ones, but their keys are not.
    CHECK(config.write({"import", "csv", file, "--customer", "acme", "--write"}).status == kFailed);
}

TEST_CASE("edit runs the editor on a copy, and writes nothing that is not confirmed or not valid") {
    const Config config;
    const std::string script = config.directory + "/editor";
    REQUIRE(create_file(script, "#!/bin/sh\nsed -i 's/\"Acme\"/\"Acme GmbH\"/' \"$1\"\n", 0700).has_value());
    ::setenv("VISUAL", script.c_str(), 1);  // NOLINT(concurrency-mt-unsafe)
    const auto answer = [&](const std::string& answers) {
        std::istringstream in(answers);
        auto* const before = std::cin.rdbuf(in.rdbuf());
        const auto ran = config.write({"edit", "acme"});
        std::cin.rdbuf(before);
        std::cin.clear();
        return ran;
    };
    const auto no = answer("n\n");
    CHECK(no.status == kAnswerIsNo);
    CHECK(no.out.find("+name = \"Acme GmbH\"  # not GmbH") != std::string::npos);
    CHECK(config.text() == kAcme);
    const auto yes = answer("y\n");
    CHECK(yes.status == kDone);
    CHECK(config.text().find("name = \"Acme GmbH\"  # not GmbH") != std::string::npos);
    REQUIRE(replace_file(script, "#!/bin/sh\necho nonsense >>\"$1\"\n", 0700).has_value());
    const std::string now = config.text();
    const auto wrong = answer("y\n");  // it cannot be written, whatever is answered
    CHECK(wrong.status == kAnswerIsNo);
    CHECK(wrong.err.find("acme.toml:") != std::string::npos);
    CHECK(config.text() == now);
    ::unsetenv("VISUAL");  // NOLINT(concurrency-mt-unsafe)
    for (const auto& entry : fs::directory_iterator("/tmp"))
        if (entry.path().filename().string().starts_with("vpnctl-acme-")) fs::remove(entry.path());
}
