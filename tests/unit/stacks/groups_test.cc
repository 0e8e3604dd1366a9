// What stackd does for the groups of a fleet, without a kernel.
#include <doctest/doctest.h>

#include <string>

#include "base/ip.h"
#include "crypto/keys.h"
#include "stacks/fleet_addresses.h"
#include "stacks/fleet_keeper.h"

namespace warren::stacks {

TEST_CASE("where another node saw peers is a line each; what is none is left out") {
    const std::string key = "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=";
    const SeenPeers seen = parse_seen("epoch 7\n" + key + " 198.51.100.7:4500\n" + "no key 198.51.100.8:4500\n" + key +
                                          "\n\n" + "AAAAA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg= not-an-endpoint\n",
                                      7);
    REQUIRE(seen.size() == 1);
    CHECK(seen.begin()->second == *parse_endpoint("198.51.100.7:4500"));
    CHECK(seen.begin()->first.bytes == crypto::parse_public_key(key)->bytes);
    CHECK(parse_seen("epoch 6\n" + key + " 198.51.100.7:4500\n", 7).empty());
    CHECK(parse_seen(key + " 198.51.100.7:4500\n", 7).empty());
    CHECK(parse_seen("", 7).empty());
    CHECK(parse_seen("epoch 7\n" + std::string(100'000, 'x'), 7).empty());
}

TEST_CASE("a group has the addresses that root's fleet.toml gives it, and no group that is not there has any") {
    const std::string text =
        "schema = 1\nnode = \"vie-1\"\naddresses = [\"192.0.2.16/28\", \"2001:db8:f::/124\"]\ngroups = 12\n";
    const auto last = group_addresses(text, 11);
    REQUIRE(last);
    CHECK(*last == std::vector<IpAddress>{*parse_ip("192.0.2.27"), *parse_ip("2001:db8:f::b")});
    CHECK(group_addresses(text, 0)->front() == *parse_ip("192.0.2.16"));
    CHECK_FALSE(group_addresses(text, 12));
    CHECK_FALSE(group_addresses("groups = 99\naddresses = [\"192.0.2.16/28\"]\n", 16));
    CHECK_FALSE(group_addresses("groups = 2\naddresses = [\"192.0.2.17/28\"]\n", 0));
    CHECK_FALSE(group_addresses("groups = 2\naddresses = [7]\n", 0));
    CHECK_FALSE(group_addresses("groups = 2\n", 0));
    CHECK_FALSE(group_addresses("addresses = [\"192.0.2.16/28\"]\n", 0));
    CHECK_FALSE(group_addresses("", 0));
    CHECK_FALSE(group_addresses("=", 0));
}

TEST_CASE("a node has the fleet's configuration when all that it took is in force") {
    CHECK(is_in_force(R"({"revision": 7, "unapplied": [], "files": {}})"));
    CHECK_FALSE(is_in_force(R"({"revision": 7, "unapplied": ["customers/acme"]})"));
    for (const char* none : {"", "[]", "{}", "null", R"({"unapplied": 7})", R"({"unapplied": {}})",
                             R"({"unapplied": []})"
                             "x"})
        CHECK_FALSE(is_in_force(none));
}

TEST_CASE("a lifetime is whole seconds, and never reaches behind the deadline") {
    using std::chrono::milliseconds;
    using std::chrono::seconds;
    const Instant at{1'000'000'000'000};
    CHECK(whole_seconds(at, at + milliseconds(4999)) == seconds(4));
    CHECK(whole_seconds(at, at + seconds(5)) == seconds(5));
    CHECK(whole_seconds(at + milliseconds(1), at + seconds(5)) == seconds(4));
    CHECK_FALSE(whole_seconds(at, at + milliseconds(999)));
    CHECK_FALSE(whole_seconds(at, at));
    CHECK_FALSE(whole_seconds(at, at - seconds(5)));
    CHECK_FALSE(whole_seconds(at, at + seconds(3601)));
    CHECK_FALSE(whole_seconds(at, kNever));
}

}  // namespace warren::stacks
