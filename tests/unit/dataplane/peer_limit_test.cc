// Rates of single peers beside their customer's, and what a spent quota stops.
#include <doctest/doctest.h>

#include "tests/unit/dataplane/packets.h"
#include "tests/unit/dataplane/rig.h"

using namespace warren;
using namespace warren::dataplane;
using namespace warren::dataplane::test;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

constexpr std::uint64_t kRate = 8'000'000;  // 1,000 bytes in a millisecond
constexpr std::uint32_t kFirst = 1 << 6;    // sessions
constexpr std::uint32_t kSecond = 2 << 6;

struct TwoPeers : Rig {
    explicit TwoPeers(std::vector<PeerLimit> limits, std::uint64_t rate = 0, bool is_blocked = false) {
        limit(std::move(limits), rate, is_blocked);
        for (const std::uint32_t peer : {0U, 1U}) {
            set_endpoint(peer, "198.51.100.7:1111");
            install(peer, peer == 0 ? kFirst : kSecond, true);
        }
        (void)sent();
    }
    void limit(std::vector<PeerLimit> limits, std::uint64_t rate = 0, bool is_blocked = false) {
        CustomerSpec spec;
        spec.peers = {{0, {"10.0.0.2/32"}}, {1, {"10.0.0.3/32"}}};
        spec.rate_up = spec.rate_down = rate;
        spec.limits = std::move(limits);
        spec.is_blocked = is_blocked;
        put(spec);
    }
    void from(std::uint32_t peer, std::size_t count) {
        const IpAddress source = IpAddress::v4(10, 0, 0, static_cast<std::uint8_t>(2 + peer));
        for (std::size_t i = 0; i < count; ++i)
            receive(seal(peer == 0 ? kFirst : kSecond, next++, udp_packet({.source = source}, 1, 2, Packet(972))));
    }
    void to(std::uint32_t peer, std::size_t count) {
        const IpAddress target = IpAddress::v4(10, 0, 0, static_cast<std::uint8_t>(2 + peer));
        for (std::size_t i = 0; i < count; ++i)
            transmit(0, udp_packet({.source = IpAddress::v4(10, 0, 1, 10), .destination = target}, 2, 1, Packet(972)));
    }
    // How many packets arrived and left within `time`.
    std::pair<std::size_t, std::size_t> pass_time(Duration time) {
        std::pair<std::size_t, std::size_t> passed{delivered().size(), sent().size()};
        for (const Instant end = now + time; now < end; now = now + milliseconds(1)) {
            release();
            passed.first += delivered().size();
            passed.second += sent().size();
        }
        return passed;
    }
    std::uint64_t next = 0;
};

PeerLimit limit_of(std::vector<PeerIndex> peers, std::uint64_t up, std::uint64_t down, bool is_blocked = false) {
    return {std::move(peers), up, down, is_blocked};
}

}  // namespace

TEST_CASE("a peer over its rate waits, and the peer beside it does not") {
    TwoPeers rig({limit_of({{0}}, kRate, kRate)});
    rig.from(1, 50);
    rig.to(1, 50);
    CHECK(rig.delivered().size() == 50);
    CHECK(rig.sent().size() == 50);
    rig.from(0, 40);
    rig.to(0, 40);
    const auto [in, out] = rig.pass_time(milliseconds(20));
    CHECK(in >= 22);  // 5 ms at once
    CHECK(in <= 27);
    CHECK(out >= 22);
    CHECK(out <= 27);
    const auto [later_in, later_out] = rig.pass_time(seconds(1));
    CHECK(in + later_in == 40);
    CHECK(out + later_out == 40);
    CHECK(rig.all_drops() == 0);
}

TEST_CASE("what exceeds a peer's rate for longer is dropped and counted as its own") {
    TwoPeers rig({limit_of({{0}}, kRate, kRate)});
    rig.from(0, 500);
    rig.to(0, 500);
    const auto [in, out] = rig.pass_time(seconds(2));
    CHECK(in + rig.drops(DropReason::kPeerRateUpExceeded) == 500);
    CHECK(out + rig.drops(DropReason::kPeerRateDownExceeded) == 500);
    CHECK(rig.drops(DropReason::kPeerRateUpExceeded) > 300);
    CHECK(rig.all_drops() == rig.drops(DropReason::kPeerRateUpExceeded) + rig.drops(DropReason::kPeerRateDownExceeded));
}

TEST_CASE("peers that share a limit share its rate, as the children of one session do") {
    TwoPeers rig({limit_of({{0}, {1}}, kRate, 0)});
    rig.from(0, 30);
    rig.from(1, 30);
    const auto [in, out] = rig.pass_time(milliseconds(20));
    CHECK(in >= 22);
    CHECK(in <= 27);
}

TEST_CASE("the customer's rate holds for all its peers together, behind their own") {
    TwoPeers rig({limit_of({{0}}, kRate, kRate), limit_of({{1}}, kRate, kRate)}, kRate);
    for (int i = 0; i < 20; ++i) {
        rig.from(0, 2);
        rig.from(1, 2);
        rig.to(0, 2);
        rig.to(1, 2);
        rig.now = rig.now + milliseconds(1);
        rig.release();
    }
    const auto [in, out] = rig.pass_time(milliseconds(1));
    CHECK(in >= 20);
    CHECK(in <= 32);
    CHECK(out >= 20);
    CHECK(out <= 32);
}

TEST_CASE("a spent quota stops packets of its peer in both directions, and nothing else") {
    TwoPeers rig({limit_of({{0}}, 0, 0, true)});
    rig.from(0, 3);
    rig.to(0, 4);
    rig.from(1, 1);
    rig.to(1, 1);
    CHECK(rig.delivered().size() == 1);
    CHECK(rig.sent().size() == 1);
    CHECK(rig.drops(DropReason::kQuotaSpent) == 7);
    rig.receive(rig.seal(kFirst, rig.next++, {}));  // the session lives on
    CHECK(rig.traffic(0).rx_packets == 4);
    rig.limit({});
    rig.from(0, 1);
    rig.to(0, 1);
    CHECK(rig.delivered().size() == 1);
    CHECK(rig.sent().size() == 1);
}

TEST_CASE("a spent quota of the customer stops all its peers, and what waited for a rate goes nowhere") {
    TwoPeers rig({limit_of({{0}}, kRate, kRate)});
    rig.from(0, 40);
    rig.to(0, 40);
    const std::size_t passed = rig.delivered().size() + rig.sent().size();
    CHECK(passed <= 14);
    rig.limit({limit_of({{0}}, kRate, kRate)}, 0, true);
    rig.from(1, 1);
    rig.to(1, 1);
    const auto [in, out] = rig.pass_time(seconds(1));
    CHECK(in + out == 0);
    CHECK(rig.drops(DropReason::kQuotaSpent) == 82 - passed);
}

TEST_CASE("a rate that is taken away, and a peer that leaves, leave nothing behind") {
    TwoPeers rig({limit_of({{0}}, kRate, kRate)});
    rig.from(0, 40);
    rig.to(0, 40);
    (void)rig.delivered();
    (void)rig.sent();
    SUBCASE("the rate") {
        rig.limit({});
        rig.from(0, 40);
        rig.to(0, 40);
        CHECK(rig.delivered().size() == 40);
        CHECK(rig.sent().size() == 40);
    }
    SUBCASE("the peer") {
        Rig::CustomerSpec spec;
        spec.peers = {{1, {"10.0.0.3/32"}}};
        rig.put(spec);
        const auto [in, out] = rig.pass_time(seconds(1));
        CHECK(in + out == 0);
    }
    SUBCASE("the customer") {
        rig.pipeline->drop_customer({0});
        const auto [in, out] = rig.pass_time(seconds(1));
        CHECK(in + out == 0);
    }
}
