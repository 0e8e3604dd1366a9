// fleet.toml, and the file that BIRD includes.
#include "fleet/settings.h"

#include <doctest/doctest.h>

#include "fleet/rim/lane.h"

namespace warren::fleet {
namespace {

const std::string kGood =
    "schema = 1\nnode = \"vie-1\"\naddresses = [\"192.0.2.16/28\", \"2001:db8:f::/124\"]\ngroups = 16\n";

std::string error_of(const std::string& text) {
    const auto settings = parse_settings("fleet.toml", text);
    return settings ? "" : settings.error().what;
}

}  // namespace

TEST_CASE("a group has the address of its number in each prefix") {
    const auto settings = parse_settings("fleet.toml", kGood);
    REQUIRE(settings);
    CHECK(settings->node == "vie-1");
    CHECK(settings->etcd == *parse_endpoint("127.0.0.1:2379"));
    CHECK(settings->addresses_of(0) == std::vector<IpAddress>{*parse_ip("192.0.2.16"), *parse_ip("2001:db8:f::")});
    CHECK(settings->addresses_of(15) == std::vector<IpAddress>{*parse_ip("192.0.2.31"), *parse_ip("2001:db8:f::f")});
}

TEST_CASE("errors name the place and what is accepted") {
    CHECK(error_of("schema = 1\nnode = \"Vie\"\n").find("fleet.toml:2") != std::string::npos);
    CHECK(error_of(kGood + "etdc = 1\n").find("unknown key") != std::string::npos);
    CHECK(error_of("schema = 1\nnode = \"a\"\naddresses = [\"192.0.2.16/28\"]\ngroups = 17\n").find("not so many") !=
          std::string::npos);
    CHECK(error_of("schema = 1\nnode = \"a\"\naddresses = [\"192.0.2.17/28\"]\ngroups = 1\n").find("host bits") !=
          std::string::npos);
    CHECK_FALSE(error_of("").empty());
    CHECK_FALSE(error_of("schema = 1\nnode = \"a\"\n").empty());
}

TEST_CASE("a node has a weight and a zone, and without them 1 and none") {
    const auto none = parse_settings("fleet.toml", kGood);
    REQUIRE(none);
    CHECK(none->weight == 1);
    CHECK(none->zone.empty());
    const auto both = parse_settings("fleet.toml", kGood + "weight = 100\nzone = \"hall-2\"\n");
    REQUIRE(both);
    CHECK(both->weight == 100);
    CHECK(both->zone == "hall-2");
    CHECK(error_of(kGood + "zone = \"\"\n").empty());
    CHECK(error_of(kGood + "weight = 0\n").find("fleet.toml:5:") != std::string::npos);
    for (const char* bad : {"0", "101", "-1", "1.5", "\"2\"", "true", "4294967297"})
        CHECK(error_of(kGood + "weight = " + bad + "\n").find("weight: accepted: 1 to 100") != std::string::npos);
    for (const char* bad : {"\"Hall 2\"", "2", "\"-a\"", "[\"a\"]"})
        CHECK(error_of(kGood + "zone = " + bad + "\n").find("zone: accepted: a name of a-z") != std::string::npos);
    CHECK_FALSE(error_of(kGood + "zone = \"" + std::string(64, 'a') + "\"\n").empty());
}

TEST_CASE("without TLS etcd is asked on a loopback address only") {
    CHECK(error_of(kGood + "etcd = \"[::1]:2379\"\n").empty());
    for (const char* other : {"10.9.0.1:2379", "[2001:db8::1]:2379", "etcd.example:2379", "0.0.0.0:2379"})
        CHECK(error_of(kGood + "etcd = \"" + other + "\"\n").find("loopback") != std::string::npos);
    const std::string tls = "etcd_ca = \"/a\"\netcd_certificate = \"/b\"\netcd_key = \"/c\"\n";
    CHECK(error_of(kGood + tls + "etcd = \"10.9.0.1:2379\"\n").empty());
    CHECK(error_of(kGood + "etcd_ca = \"/a\"\n").find("all three") != std::string::npos);
    const auto settings = parse_settings("fleet.toml", kGood + tls);
    REQUIRE(settings);
    REQUIRE(settings->tls);
    CHECK(settings->tls->key == "/c");
}

TEST_CASE("BIRD lets in an address with an epoch, the newest with the lowest MED, and no other") {
    const std::string text = bird_filters({{*parse_ip("192.0.2.16"), 3}, {*parse_ip("2001:db8:f::"), 4}});
    CHECK(text.find("filter warren_ipv4 {\n  if net = 192.0.2.16/32 then { bgp_med = 4294967292; accept; }\n"
                    "  reject;\n}\n") != std::string::npos);
    CHECK(text.find("if net = 2001:db8:f::/128 then { bgp_med = 4294967291; accept; }") != std::string::npos);
    CHECK(bird_filters({}).find("accept") == std::string::npos);
}

TEST_CASE("a fleetd that starts anew learns from stackd which epochs are announced") {
    const auto text = [](const char* what) { return ipc::ControlText{ipc::ControlText::Kind::kFact, "", what}; };
    const auto epochs = served_epochs({text("group 7 12 192.0.2.23 2001:db8:f::7"), text("group 8 13 192.0.2.24"),
                                       text("group x 1 192.0.2.25"), text("node 9 14 192.0.2.26"), text("")});
    CHECK(epochs == std::map<IpAddress, std::uint64_t>{{*parse_ip("192.0.2.23"), 12},
                                                       {*parse_ip("2001:db8:f::7"), 12},
                                                       {*parse_ip("192.0.2.24"), 13}});
}

}  // namespace warren::fleet
