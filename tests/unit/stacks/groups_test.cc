// What stackd does for the groups of a fleet, without a kernel.
#include <doctest/doctest.h>

#include <string>

#include "base/ip.h"
#include "crypto/keys.h"
#include "stacks/fleet_keeper.h"

namespace warren::stacks {

TEST_CASE("where another node saw peers is a line each; what is none is left out") {
    const std::string key = "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=";
    const SeenPeers seen = parse_seen(key + " 198.51.100.7:4500\n" + "no key 198.51.100.8:4500\n" + key + "\n\n" +
                                      "AAAAA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg= not-an-endpoint\n");
    REQUIRE(seen.size() == 1);
    CHECK(seen.begin()->second == *parse_endpoint("198.51.100.7:4500"));
    CHECK(seen.begin()->first.bytes == crypto::parse_public_key(key)->bytes);
    CHECK(parse_seen("").empty());
    CHECK(parse_seen(std::string(100'000, 'x')).empty());
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
