#include "vpnd/ike/narrow.h"

#include "tests/unit/ike_engine/harness.h"

namespace warren::ike {
namespace {

using testing::network;

TrafficSelector only(TrafficSelector selector, std::uint8_t protocol, std::uint16_t first = 0,
                     std::uint16_t last = UINT16_MAX) {
    selector.protocol = protocol;
    selector.first_port = first;
    selector.last_port = last;
    return selector;
}

TEST_CASE("KS1: what two selectors have in common") {
    const TrafficSelector large = network("10.0.0.0/8");
    const TrafficSelector small = network("10.1.0.0/16");
    CHECK(intersection(large, small) == small);
    CHECK(intersection(small, large) == small);
    CHECK_FALSE(intersection(small, network("10.2.0.0/16")).has_value());
    CHECK_FALSE(intersection(large, network("fd00::/8")).has_value());
    CHECK(intersection(only(large, 6), small) == only(small, 6));
    CHECK_FALSE(intersection(only(large, 6), only(small, 17)).has_value());
    CHECK(intersection(only(large, 6, 80, 443), only(small, 6, 443, 500)) == only(small, 6, 443, 443));
    CHECK_FALSE(intersection(only(large, 6, 80, 90), only(small, 6, 91, 95)).has_value());
    // ICMP's type and code are compared as a port.
    CHECK(intersection(only(large, 1, 0x0800, 0x08ff), small) == only(small, 1, 0x0800, 0x08ff));
}

TEST_CASE("KS1: OPAQUE ports fit OPAQUE and any, and no number") {
    const TrafficSelector any = network("10.0.0.0/8");
    const TrafficSelector opaque = only(any, 44, UINT16_MAX, 0);
    CHECK(intersection(opaque, any) == opaque);
    CHECK(intersection(any, opaque) == opaque);
    CHECK(intersection(opaque, opaque) == opaque);
    CHECK_FALSE(intersection(opaque, only(any, 44, 1, 2)).has_value());
}

TEST_CASE("KS1: ranges that are no prefixes, and empty ones") {
    TrafficSelector range = network("10.0.0.0/24");
    range.first = *parse_ip("10.0.0.5");
    range.last = *parse_ip("10.0.0.77");
    CHECK(intersection(range, network("10.0.0.64/26"))->last == *parse_ip("10.0.0.77"));
    std::swap(range.first, range.last);
    CHECK_FALSE(intersection(range, network("10.0.0.0/8")).has_value());
    CHECK(narrow(SelectorList{network("10.0.0.0/8")}, SelectorList{range}).empty());
}

TEST_CASE("KS1: narrowing keeps the peer's order, and nothing twice") {
    const SelectorList allowed{network("10.0.0.0/8"), network("192.168.0.0/16")};
    const SelectorList offered{only(network("192.168.1.0/24"), 6), network("10.1.0.0/16"), network("10.1.2.0/24"),
                               network("172.16.0.0/12")};
    const SelectorList narrowed = narrow(allowed, offered);
    REQUIRE(narrowed.size() == 2);
    CHECK(narrowed[0] == offered[0]);
    CHECK(narrowed[1] == offered[1]);
    // A larger one that comes later takes the place of smaller ones.
    const SelectorList growing = narrow(allowed, SelectorList{network("10.1.2.3/32"), network("10.1.0.0/16")});
    CHECK(growing == SelectorList{network("10.1.0.0/16")});
}

TEST_CASE("KS1: an offer of everything is narrowed to the policy, one of both families too") {
    ChildConfig child;
    child.local = {network("10.2.0.0/16"), network("fd00:2::/32")};
    child.remote = {network("10.1.0.0/16"), network("fd00:1::/32")};
    const SelectorList all{network("0.0.0.0/0"), network("::/0")};
    const ChildSelectors narrowed = narrow({child.local, child.remote}, all, all);
    CHECK(narrowed.local == child.local);
    CHECK(narrowed.remote == child.remote);
    CHECK(narrowed.pairs().size() == 2);
    // Only one side left of each family: no packet fits.
    CHECK(narrow({child.local, child.remote}, {network("10.2.0.0/16")}, {network("fd00:1::/32")}).is_empty());
}

TEST_CASE("KS1: a child has a bounded number of selectors, however many are offered") {
    ChildConfig child;
    child.local = {network("10.0.0.0/8")};
    child.remote = {network("10.0.0.0/8")};
    SelectorList many;
    for (std::uint16_t i = 0; i < 64; ++i) many.push_back(only(network("10.1.0.0/16"), 6, i * 2U, i * 2U));
    const ChildSelectors narrowed = narrow({child.local, child.remote}, many, many);
    CHECK(narrowed.local.size() <= kMostSideSelectors);
    CHECK(narrowed.local.size() * narrowed.remote.size() <= kMostSelectorPairs);
    CHECK(narrowed.local.front() == many.front());
    CHECK(narrowed.pairs().size() <= kMostSelectorPairs);
}

TEST_CASE("KS1: a random packet fits the narrowed selectors exactly when it fits the offer and the policy") {
    test::SeededRandom random(3);
    const auto draw = [&] {
        TrafficSelector out;
        const auto a = static_cast<std::uint8_t>(random.below(16));
        const auto b = static_cast<std::uint8_t>(random.below(16));
        out.first = IpAddress::v4(10, 0, 0, std::min(a, b));
        out.last = IpAddress::v4(10, 0, 0, std::max(a, b));
        out.protocol = random.below(2) == 0 ? std::uint8_t{0} : std::uint8_t{6};
        if (random.below(2) == 0) {
            out.first_port = static_cast<std::uint16_t>(random.below(4));
            out.last_port = static_cast<std::uint16_t>(out.first_port + random.below(4));
        }
        return out;
    };
    const auto fits = [](const SelectorList& list, const TrafficSelector& packet) {
        return std::any_of(list.begin(), list.end(),
                           [&](const TrafficSelector& one) { return intersection(one, packet) == packet; });
    };
    for (int round = 0; round < 300; ++round) {
        SelectorList allowed;
        SelectorList offered;
        for (std::uint64_t i = 0; i <= random.below(4); ++i) allowed.push_back(draw());
        for (std::uint64_t i = 0; i <= random.below(4); ++i) offered.push_back(draw());
        const SelectorList narrowed = narrow(allowed, offered);
        CHECK(covers(narrowed, narrowed));
        for (std::uint8_t host = 0; host < 16; ++host) {
            TrafficSelector packet;
            packet.first = packet.last = IpAddress::v4(10, 0, 0, host);
            packet.protocol = 6;
            packet.first_port = packet.last_port = static_cast<std::uint16_t>(random.below(8));
            CHECK(fits(narrowed, packet) == (fits(allowed, packet) && fits(offered, packet)));
        }
    }
}

TEST_CASE("selectors read as people write them") {
    CHECK(to_string(network("10.1.0.0/16")) == "10.1.0.0/16");
    CHECK(to_string(network("::/0")) == "::/0");
    CHECK(to_string(network("10.1.2.3/32")) == "10.1.2.3/32");
    TrafficSelector range = network("10.0.0.0/24");
    range.last = *parse_ip("10.0.0.9");
    CHECK(to_string(range) == "10.0.0.0-10.0.0.9");
    CHECK(to_string(only(network("10.0.0.0/24"), 6, 443, 443)) == "10.0.0.0/24[tcp/443]");
    CHECK(to_string(only(network("10.0.0.0/24"), 17)) == "10.0.0.0/24[udp]");
    CHECK(to_string(only(network("10.0.0.0/24"), 0, 5, 9)) == "10.0.0.0/24[any/5-9]");
    CHECK(to_string(only(network("10.0.0.0/24"), 44, UINT16_MAX, 0)) == "10.0.0.0/24[44/opaque]");
}

}  // namespace
}  // namespace warren::ike
