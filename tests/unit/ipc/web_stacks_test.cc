// What stackd passes to statusd in a file, and the names of disabled peers on the wire.
#include "ipc/web_stacks.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "ipc/codec.h"
#include "ipc/disabled_peers.h"
#include "tests/unit/ipc/wires.h"

using namespace warren;
using namespace warren::ipc;
using namespace warren::test;

TEST_CASE("the file of the customers' stacks keeps every field; one that is cut off or garbled is refused") {
    const std::vector<WebStack> stacks{{"acme",
                                        "veth",
                                        "br0",
                                        {*parse_prefix("10.42.0.1/24")},
                                        {{*parse_prefix("10.9.0.0/16"), *parse_ip("10.42.0.254")}},
                                        3,
                                        {"graz"},
                                        4,
                                        false,
                                        "contract 4711",
                                        {{"linz", "the new office"}},
                                        50},
                                       {"globex", {}, {}, {}, {}, 0, {}, 0, true}};
    const Wire file = encode_stacks(stacks);
    const auto decoded = decode_stacks(file);
    REQUIRE(decoded);
    CHECK(*decoded == stacks);
    CHECK(decode_stacks({})->empty());
    const std::size_t first = encode_stacks({stacks[0]}).size();
    for (std::size_t size = 1; size < file.size(); ++size) {
        CAPTURE(size);
        CHECK(decode_stacks(Bytes(file).first(size)).has_value() == (size == first));
    }
    Wire garbled = file;
    garbled[4] ^= 1;  // the version
    CHECK_FALSE(decode_stacks(garbled));
    // One that no message can carry does not take the others with it.
    std::vector<WebStack> large = stacks;
    large[0].lan_parent = std::string(kMaxMessageSize, 'x');
    CHECK(decode_stacks(encode_stacks(large)) == std::vector<WebStack>{stacks[1]});
}

TEST_CASE("the file of the customers' stacks has a bound, and each customer the same part of it") {
    std::vector<WebStack> stacks(4);
    for (std::size_t i = 0; i < stacks.size(); ++i) stacks[i].customer = "c" + std::to_string(i);
    stacks[1].routes.assign(WebStack::kMaxRoutes, {*parse_prefix("10.9.0.0/16"), *parse_ip("10.42.0.254")});
    stacks[2].disabled_peers.assign(WebStack::kMaxDisabled, std::string(63, 'p'));
    stacks[2].more_disabled = 5;
    CHECK(*decode_stacks(encode_stacks(stacks)) == stacks);
    constexpr std::size_t kMost = 8000;
    const Wire file = encode_stacks(stacks, kMost);
    CHECK(file.size() <= kMost);
    const auto decoded = decode_stacks(file);
    REQUIRE(decoded);
    REQUIRE(decoded->size() == stacks.size());
    CHECK(decoded->front() == stacks[0]);
    CHECK(decoded->back() == stacks[3]);
    const WebStack& routes = decoded->at(1);
    CHECK(routes.routes.size() > 0);
    CHECK(routes.routes.size() + routes.more_routes == WebStack::kMaxRoutes);
    const WebStack& disabled = decoded->at(2);
    CHECK(disabled.disabled_peers.size() > 0);
    CHECK(disabled.disabled_peers.size() + disabled.more_disabled == WebStack::kMaxDisabled + 5);
    CHECK(encode_stacks(stacks, 16).empty());
}

TEST_CASE("the names of disabled peers survive, and those that have no room are counted") {
    const std::vector<std::string> names{"graz", "linz", "wels"};
    CHECK(text_of(names, 100) == "3 graz linz wels");
    CHECK(parse_disabled_peers("3 graz linz wels") == DisabledPeers{names, 0});
    CHECK(text_of(names, 10) == "3 graz linz");
    CHECK(text_of(names, 9) == "3 graz");
    CHECK(parse_disabled_peers("3 graz") == DisabledPeers{{"graz"}, 2});
    CHECK(parse_disabled_peers("0") == DisabledPeers{});
    for (const char* text :
         {"", "graz", "-1 graz", "1  graz", "1 graz ", "1graz", "1 graz linz", "99999999999999999999"})
        CHECK_MESSAGE(!parse_disabled_peers(text), text);
}
