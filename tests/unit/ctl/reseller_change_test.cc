// Commands that change resellers, their customers, and who may see them.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "config_room.h"
#include "ctl/command.h"
#include "ctl/commands/reseller_files.h"
#include "samples.h"

using namespace warren;
using namespace warren::ctl;

namespace {

namespace fs = std::filesystem;
using samples::Config;
using samples::kAcme;

}  // namespace

TEST_CASE("a reseller is renamed where nothing is in the way and none of its customers would be lost") {
    const Config config;
    const std::string stack = "schema = 1\nname = \"R\"\n[stack]\naddresses = [\"10.0.0.1/24\"]\n";
    for (const char* id : {"one", "two"}) {
        fs::create_directories(config.directory + "/customers/" + id);
        config.put(fmt::format("customers/{}.toml", id), stack + "[reseller]\n");
        config.put(fmt::format("customers/{}/north.toml", id), stack);
    }
    const auto refused = [&](const std::string& to, const std::string& why) {
        const auto before = config.all();
        const auto ran = config.write({"customer", "rename", "one", to});
        CHECK(ran.status == kFailed);
        CHECK(ran.err.find(why) != std::string::npos);
        CHECK(config.all() == before);
    };
    refused("acme", "acme.toml is there already");
    refused("two", "two.toml is there already");
    fs::create_directories(config.directory + "/customers/three");
    refused("three", "customers/three is there already");
    // Under another id nothing is known of what it was before its error.
    config.put("customers/one/south.toml", "typo = 1\n");
    refused("four", "four.south has errors");
    config.put("customers/one/south.toml", stack);
    CHECK(config.write({"customer", "rename", "one", "four"}).status == kDone);
    CHECK(config.text("customers/four/south.toml") == stack);
    CHECK_FALSE(fs::exists(config.directory + "/customers/one"));
}

TEST_CASE("nothing is written, removed or renamed through a link in place of a reseller's directory") {
    const Config config;
    const std::string stack = "schema = 1\nname = \"R\"\n[stack]\naddresses = [\"10.0.0.1/24\"]\n";
    fs::create_directories(config.directory + "/elsewhere");
    config.put("customers/one.toml", stack + "[reseller]\n");
    config.put("elsewhere/north.toml", stack);
    fs::create_directory_symlink("../elsewhere", config.directory + "/customers/one");
    const auto before = config.all();
    const auto refused = [&](const std::vector<std::string>& arguments) {
        CAPTURE(arguments[1]);
        const auto ran = config.write(arguments);
        CHECK(ran.status == kFailed);
        CHECK(ran.err.find("customers/one") != std::string::npos);
        CHECK(ran.err.find("is a symbolic link, which is not followed") != std::string::npos);
        CHECK(ran.err.find("; nothing was ") != std::string::npos);
        CHECK(config.all() == before);
    };
    refused({"customer", "add", "one.west", "--address", "10.0.0.1/24"});
    refused({"customer", "suspend", "one.north"});
    refused({"customer", "rm", "one", "--remove"});
    refused({"customer", "rename", "acme", "one.acme"});
}

TEST_CASE("what a suspended reseller suspends is said to who resumes it, looks at it or asks doctor") {
    const Config config;
    const std::string stack = "schema = 1\nname = \"R\"\n[stack]\naddresses = [\"10.0.0.1/24\"]\n";
    fs::create_directories(config.directory + "/customers/zenit");
    const std::string reseller =
        "schema = 1\nname = \"R\"\nstate = \"suspended\"\n[stack]\naddresses = "
        "[\"10.0.0.1/24\"]\n[reseller]\nshare = 2\nmax_customers = 3\n";
    config.put("customers/zenit.toml", reseller);
    config.put("customers/zenit/south.toml", stack);
    CHECK(config.write({"customer", "resume", "zenit.south"})
              .err.find("zenit.south stays suspended, as its reseller zenit is; vpnctl customer resume zenit\n") !=
          std::string::npos);
    CHECK(suspended_reseller(config.directory, "zenit.south") == "zenit");
    CHECK(suspended_reseller(config.directory, "zenit") == "");

    Snapshot snapshot = samples::snapshot();
    snapshot.customers.resize(1);
    snapshot.customers[0].customer.settings.id = "zenit.south";
    snapshot.customers[0].customer.settings.suspended = true;
    const auto ask = [&](std::vector<std::string> arguments) {
        const samples::FakeDaemon vpnd("snapshot.sock",
                                       [&](ipc::Channel& channel) { samples::serve_snapshot(snapshot, channel); });
        arguments.insert(arguments.begin(), {"--config", config.directory, "--run-dir", vpnd.run_dir()});
        return samples::vpnctl(arguments).out;
    };
    CHECK(ask({"status", "zenit.south"})
              .find("\nsuspended   its reseller zenit is suspended; vpnctl customer resume "
                    "zenit\n") != std::string::npos);
    CHECK(ask({"doctor", "zenit.south"}).find("its reseller zenit is suspended") != std::string::npos);
    snapshot.customers[0].customer.settings.id = "zenit";
    CHECK(ask({"status", "zenit"}).find("\nreseller    customers 1 of 3, peers 0, share 2\n") != std::string::npos);
    const auto use = nlohmann::json::parse(ask({"status", "zenit", "--json"}))["customers"][0]["reseller"];
    CHECK(use["customers"] == 1);
    CHECK(use["max_customers"] == 3);
    CHECK(use["max_peers"].is_null());
    CHECK(use["share"] == 2);
}

TEST_CASE("a login is for a reseller only where there is one, and check names those that see nothing") {
    const Config config;
    CHECK(config.run({"token", "add", "bob", "reseller", "acme"})
              .err.find("acme is no reseller: customers/acme.toml "
                        "has no [reseller]") != std::string::npos);
    CHECK_FALSE(fs::exists(config.directory + "/users.toml"));
    config.put("customers/acme.toml", kAcme + "\n[reseller]\n");
    REQUIRE(config.run({"token", "add", "bob", "reseller", "acme"}).status == kDone);
    CHECK(config.run({"check"}).out.find("token bob") == std::string::npos);
    fs::rename(config.directory + "/customers/acme.toml", config.directory + "/customers/apex.toml");
    CHECK(config.run({"check"}).out.find("users.toml: warning: token bob is for acme, which has no file "
                                         "customers/acme.toml\n") != std::string::npos);
}

TEST_CASE("check compares the machine with the directory of stackd only") {
    const Config config;
    std::string of_stackd = config.directory;
    const Snapshot snapshot = samples::snapshot();
    const samples::FakeDaemon stackd("control.sock", [&](ipc::Channel& channel) {
        samples::ignore_request(channel);
        samples::send(channel, ipc::ControlMessage{
                                   ipc::ControlText{ipc::ControlText::Kind::kFact, "", "directory " + of_stackd}});
        samples::send(channel, ipc::ControlMessage{ipc::ControlDone{kDone, 0, ""}});
    });
    const samples::FakeDaemon vpnd("snapshot.sock",
                                   [&](ipc::Channel& channel) { samples::serve_snapshot(snapshot, channel); });
    fs::create_symlink(vpnd.run_dir() + "/snapshot.sock", stackd.run_dir() + "/snapshot.sock");
    const auto check = [&] {
        return samples::vpnctl({"--config", config.directory, "--run-dir", stackd.run_dir(), "check"}).out;
    };
    CHECK(check().find("globex") != std::string::npos);  // vpnd serves it, parked or not
    of_stackd = "/";
    CHECK(check().find("apply --remove") == std::string::npos);
}
