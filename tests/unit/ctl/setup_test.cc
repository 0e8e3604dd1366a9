// setup: questions, answers, and what it leaves on the disk.
#include "ctl/commands/setup.h"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "access/secrets.h"
#include "access/users.h"
#include "config/load.h"
#include "crypto/keys.h"
#include "ctl/command.h"
#include "ctl/files/files.h"
#include "samples.h"

using namespace warren;
using namespace warren::ctl;
using samples::vpnctl;

namespace {

namespace fs = std::filesystem;

const std::string kPassword = "correct horse";

class Room {
  public:
    Room() { fs::create_directory(network()); }

    [[nodiscard]] std::string config() const { return root + "/etc"; }
    [[nodiscard]] std::string network() const { return root + "/network"; }
    [[nodiscard]] std::string text(const std::string& name) const { return read_text(root + "/" + name).value(); }
    [[nodiscard]] unsigned mode(const std::string& name) const {
        struct stat found {};
        REQUIRE(::lstat((root + "/" + name).c_str(), &found) == 0);
        return found.st_mode & 07777;
    }

    // Each line is what the operator types.
    [[nodiscard]] samples::Ran setup(const std::vector<std::string>& lines, std::vector<std::string> more = {}) const {
        std::istringstream typed(fmt::format("{}\n", fmt::join(lines, "\n")));
        auto* before = std::cin.rdbuf(typed.rdbuf());
        more.insert(more.begin(), {"--config", config(), "setup"});
        auto ran = vpnctl(more);
        std::cin.rdbuf(before);
        std::cin.clear();
        return ran;
    }

    samples::TemporaryDirectory directory;
    const std::string& root = directory.path;
};

std::string some_device() {
    for (const auto& entry : fs::directory_iterator("/sys/class/net")) {
        if (fs::exists(entry.path() / "device") && read_text(entry.path() / "type").value() == "1\n")
            return entry.path().filename();
    }
    return "eth0";  // where there is none, any name is taken
}

}  // namespace

TEST_CASE("setup with its own answers writes a configuration that check accepts") {
    const Room room;
    const auto ran = room.setup({"", "", "", "", "", kPassword, kPassword});
    CAPTURE(ran.err);
    REQUIRE(ran.status == kDone);
    const config::Loaded loaded = config::load(room.config());
    CHECK(loaded.appliance_valid);
    CHECK(loaded.diagnostics.empty());
    CHECK(loaded.appliance.name == "warren");
    CHECK(loaded.appliance.listeners.at(0).port == 51820);
    CHECK(to_string(*loaded.appliance.status_listen) == "127.0.0.1:8443");
    const auto key = loaded.secrets.public_key({"uplink"});
    REQUIRE(key.has_value());
    CHECK(ran.out.find(crypto::to_base64(*key)) != std::string::npos);
    CHECK(room.mode("etc/secrets") == 0700);
    CHECK(room.mode("etc/secrets/uplink") == 0600);
    CHECK(room.mode("etc/users.toml") == 0600);
    CHECK(vpnctl({"check", room.config()}).status == kDone);
    const auto users = access::parse_users(room.text("etc/users.toml"));
    REQUIRE(users.has_value());
    REQUIRE(users->find_user("admin") != nullptr);
    CHECK(users->find_user("admin")->grant.role == access::Role::kOperator);
    CHECK(access::verify_password(users->find_user("admin")->password, kPassword));
    CHECK_FALSE(fs::exists(room.network() + "/10-uplink.network"));  // the network of a plain host is not ours
    const std::string printed = ran.out + ran.err;
    CHECK(printed.find(kPassword) == std::string::npos);
    CHECK(printed.find(room.text("etc/secrets/uplink").substr(0, 44)) == std::string::npos);
}

TEST_CASE("setup asks again after a bad answer and says what is accepted") {
    const Room room;
    const auto ran =
        room.setup({"no spaces here", "pop-1", "70000", "x", "0", "51900", "vpn example", "vpn.example.net", "8443",
                    "[::]:8444", "a/b", "alice", "short", kPassword, kPassword + "!", kPassword, kPassword});
    CAPTURE(ran.err);
    REQUIRE(ran.status == kDone);
    const config::Loaded loaded = config::load(room.config());
    CHECK(loaded.appliance.name == "pop-1");
    CHECK(loaded.appliance.listeners.at(0).port == 51900);
    CHECK(loaded.appliance.public_endpoint == "vpn.example.net:51900");
    CHECK(to_string(*loaded.appliance.status_listen) == "[::]:8444");
    CHECK(access::parse_users(room.text("etc/users.toml"))->find_user("alice") != nullptr);
    std::size_t complaints = 0;
    std::istringstream lines(ran.err);
    for (std::string line; std::getline(lines, line); ++complaints) CHECK(line.find(": ") != std::string::npos);
    CHECK(complaints == 9);
    CHECK(ran.err.find("1 to 63 letters") != std::string::npos);
    CHECK(ran.err.find("from 1 to 65535") != std::string::npos);
    CHECK(ran.err.find("at least 10 characters") != std::string::npos);
    CHECK(ran.err.find("the two differ") != std::string::npos);
    // The page's example is not WireGuard's port, and what comes next is a customer.
    CHECK(ran.err.find("198.51.100.77:8443") != std::string::npos);
    CHECK(ran.err.find("198.51.100.77:51820") == std::string::npos);
    CHECK(ran.out.find("vpnctl customer add acme --address 10.0.0.1/24") != std::string::npos);
}

TEST_CASE("without a status page setup does not ask for an operator") {
    const Room room;
    const auto ran = room.setup({"pop-1", "", "", "none"}, {"--json"});
    REQUIRE(ran.status == kDone);
    CHECK_FALSE(config::load(room.config()).appliance.status_listen.has_value());
    CHECK_FALSE(fs::exists(room.config() + "/users.toml"));
    const auto document = nlohmann::json::parse(ran.out);
    CHECK(document["file"] == room.config() + "/warren.toml");
    CHECK(crypto::parse_public_key(document["public_key"].get<std::string>()).has_value());
}

TEST_CASE("an appliance that has a warren.toml is left alone") {
    const Room room;
    fs::create_directory(room.config());
    std::ofstream(room.config() + "/warren.toml") << "# mine\n";
    const auto ran = room.setup({"", "", "", "none"});
    CHECK(ran.status == kFailed);
    CHECK(ran.err ==
          "vpnctl: " + room.config() + "/warren.toml exists; setup is for an appliance without a configuration\n");
    CHECK(room.text("etc/warren.toml") == "# mine\n");
    CHECK_FALSE(fs::exists(room.config() + "/secrets"));
}

TEST_CASE("answers that end too early write nothing; endless wrong ones come to an end") {
    const Room room;
    const auto early = room.setup({"pop-1"});
    CHECK(early.status == kFailed);
    CHECK(early.err.find("has no answer; nothing was written") != std::string::npos);
    CHECK_FALSE(fs::exists(room.config()));
    const auto wrong = room.setup(std::vector<std::string>(1000, "no name"));
    CHECK(wrong.status == kFailed);
    CHECK(wrong.err.find("was answered wrongly 20 times") != std::string::npos);
    CHECK_FALSE(fs::exists(room.config()));
}

TEST_CASE("the key of a setup that was cut off is kept") {
    const Room room;
    REQUIRE(room.setup({"", "", "", "none"}).status == kDone);
    const std::string key = room.text("etc/secrets/uplink");
    fs::remove(room.config() + "/warren.toml");
    REQUIRE(room.setup({"", "", "", "", "", kPassword, kPassword}).status == kDone);
    CHECK(room.text("etc/secrets/uplink") == key);
    fs::remove(room.config() + "/warren.toml");
    REQUIRE(room.setup({"", "", "", "", "", kPassword + "2", kPassword + "2"}).status ==
            kDone);  // the same operator once more
    CHECK(access::verify_password(access::parse_users(room.text("etc/users.toml"))->find_user("admin")->password,
                                  kPassword + "2"));
    const Room other;
    REQUIRE(other.setup({"", "", "", "none"}).status == kDone);
    CHECK(other.text("etc/secrets/uplink") != key);
}

TEST_CASE("the uplink's file is written where it is asked for, and only there") {
    const Room room;
    const std::string device = some_device();
    const auto ran = room.setup({"", "", "198.51.100.0/24", "198.51.100.7/24", "no such device", device, "203.0.113.1",
                                 "198.51.100.1", "time.example", "192.0.2.123", "", "none"},
                                {"--network-dir", room.network()});
    CAPTURE(ran.err);
    REQUIRE(ran.status == kDone);
    CHECK(room.text("network/10-uplink.network") ==
          fmt::format("# Made by vpnctl setup.\n[Match]\nName={}\n\n[Network]\n"
                      "Address=198.51.100.7/24\nGateway=198.51.100.1\nNTP=192.0.2.123\n",
                      device));
    CHECK(room.mode("network/10-uplink.network") == 0644);  // systemd-networkd is not root
    CHECK(room.text("network/70-others.network").find("Unmanaged=yes") != std::string::npos);
    CHECK(ran.err.find("the network itself") != std::string::npos);
    CHECK(ran.err.find("is not in 198.51.100.0/24") != std::string::npos);
    CHECK(config::load(room.config()).appliance.public_endpoint == "198.51.100.7:51820");  // by default
    // What is there is kept by default.
    fs::remove(room.config() + "/warren.toml");
    const std::string before = room.text("network/10-uplink.network");
    REQUIRE(room.setup({"", "", "", "", "none"}, {"--network-dir", room.network()}).status == kDone);
    CHECK(room.text("network/10-uplink.network") == before);
    fs::remove(room.config() + "/warren.toml");
    REQUIRE(room.setup({"", "", "dhcp", "", "", "", "none"}, {"--network-dir", room.network()}).status == kDone);
    CHECK(room.text("network/10-uplink.network").find("DHCP=yes\n") != std::string::npos);
}

TEST_CASE("addresses of the uplink and its gateway are checked") {
    for (const char* text :
         {"198.51.100.7", "x", "", "198.51.100.255/24", "127.0.0.1/8", "224.0.0.1/24", "198.51.100.7/33"}) {
        CAPTURE(text);
        CHECK_FALSE(uplink_address_problem(text).empty());
    }
    CHECK(uplink_address_problem("198.51.100.7/24").empty());
    CHECK(uplink_address_problem("2001:db8::7/64").empty());
    const Prefix v4 = *parse_prefix("198.51.100.7/24");
    const Prefix v6 = *parse_prefix("2001:db8::7/64");
    CHECK(gateway_problem("198.51.100.1", v4).empty());
    CHECK(gateway_problem("fe80::1", v6).empty());
    for (const char* text : {"198.51.100.7", "198.51.101.1", "fe80::1", "198.51.100.0", "gw", ""}) {
        CAPTURE(text);
        CHECK_FALSE(gateway_problem(text, v4).empty());
    }
    for (const char* text : {"", "eth*", "a b", "../x", "..", "sixteen-letters-", "!eth0", "eth0\nx"}) {
        CAPTURE(text);
        CHECK_FALSE(device_problem(text).empty());
    }
    CHECK(device_problem("enp0s3.17").empty());
}

TEST_CASE("listeners are those of the valid files that the uplink can reach") {
    const Room room;
    REQUIRE(room.setup({"", "51900", "", "198.51.100.1:8444", "", kPassword, kPassword}).status == kDone);
    fs::copy(room.config() + "/secrets/uplink", room.config() + "/secrets/own");
    std::ofstream(room.config() + "/customers/acme.toml")
        << "schema = 1\nname = \"Acme\"\n[stack]\naddresses = [\"10.0.0.1/24\"]\n"
           "[wireguard]\nlisten_port = 51842\nprivate_key = { secret = \"own\" }\n";
    const auto run = [&](std::vector<std::string> more = {}) {
        more.insert(more.begin(), {"--config", room.config(), "listeners"});
        return vpnctl(more);
    };
    const auto all = run();
    CAPTURE(all.err);
    CHECK(all.status == kDone);
    CHECK(all.out == "udp 51900 * wireguard\ntcp 8444 198.51.100.1 status\nudp 51842 * acme\n");
    const auto document = nlohmann::json::parse(run({"--json"}).out);
    CHECK(document["listeners"].size() == 3);
    CHECK(document["listeners"][0]["address"].is_null());
    CHECK(document["listeners"][0]["endpoint"].is_null());
    std::ofstream(room.config() + "/customers/globex.toml") << "schema = 2\n";
    const auto with_errors = run();
    CHECK(with_errors.status == kAnswerIsNo);
    CHECK(with_errors.out == all.out);
    const Room other;
    REQUIRE(other.setup({"", "", "", "", "", kPassword, kPassword}).status == kDone);  // the page stays on the box
    CHECK(vpnctl({"--config", other.config(), "listeners"}).out == "udp 51820 * wireguard\n");
    std::ofstream(other.config() + "/warren.toml")
        << "schema = 1\n[wireguard]\nprivate_key = { secret = \"uplink\" }\nendpoint = \"vpn.example.net:51820\"\n";
    CHECK(vpnctl({"--config", other.config(), "listeners"}).out == "udp 51820 * wireguard vpn.example.net:51820\n");
    std::ofstream(other.config() + "/warren.toml", std::ios::app) << "[ipsec]\n";
    CHECK(vpnctl({"--config", other.config(), "listeners"}).out ==
          "udp 51820 * wireguard vpn.example.net:51820\nudp 500 * ike\nudp 4500 * ike\n");
    const auto shown = nlohmann::json::parse(vpnctl({"--config", other.config(), "--json", "listeners"}).out);
    CHECK(shown["listeners"][0]["endpoint"] == "vpn.example.net:51820");
}

TEST_CASE("where clients reach it: the listener's port is added, none leaves the key out") {
    ApplianceAnswers answers;
    answers.listen_port = "51900";
    const auto endpoint_of = [&](const std::string& text) {
        answers.endpoint = text;
        const std::string file = appliance_text(answers);
        const auto at = file.find("endpoint = ");
        return at == std::string::npos ? "" : file.substr(at + 11, file.find('\n', at) - at - 11);
    };
    CHECK(endpoint_of("vpn.example.net") == "\"vpn.example.net:51900\"");
    CHECK(endpoint_of("vpn.example.net:443") == "\"vpn.example.net:443\"");
    CHECK(endpoint_of("198.51.100.7") == "\"198.51.100.7:51900\"");
    CHECK(endpoint_of("2001:db8::7") == "\"[2001:db8::7]:51900\"");
    CHECK(endpoint_of("[2001:db8::7]") == "\"[2001:db8::7]:51900\"");
    CHECK(endpoint_of("[2001:db8::7]:443") == "\"[2001:db8::7]:443\"");
    CHECK(endpoint_of("").empty());
    for (const char* text : {"vpn.example.net:0", "a b", "vpn.example.net:x", "http://vpn.example.net"}) {
        CAPTURE(text);
        answers.endpoint = text;
        CHECK_FALSE(appliance_problem(answers).empty());
    }
}

TEST_CASE("no answer breaks out of its place in warren.toml") {
    ApplianceAnswers answers;
    for (const char* text : {"a\"\n[status]", "a\\", "\x7f", "\xff", "name = 1"}) {
        CAPTURE(text);
        answers.name = text;
        CHECK_FALSE(appliance_problem(answers).empty());
    }
    answers = {};
    for (const char* text : {"0x50", "1 # x", "1]", "", "-1", "65536", "99999999999999999999"}) {
        CAPTURE(text);
        answers.listen_port = text;
        CHECK_FALSE(appliance_problem(answers).empty());
    }
}
