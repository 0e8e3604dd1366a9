// Peers with a network that the stack sees as another one, on their way through the pipeline.
#include <doctest/doctest.h>

#include "tests/unit/dataplane/packets.h"
#include "tests/unit/dataplane/rig.h"

using namespace warren;
using namespace warren::dataplane;
using namespace warren::dataplane::test;
using std::chrono::milliseconds;

namespace {

const IpAddress kReal = IpAddress::v4(10, 0, 1, 5);

PeerMaps map_of(std::uint32_t peer, const char* mapped) {
    return {{peer}, {{*parse_prefix("10.0.1.0/24"), *parse_prefix(mapped)}}};
}

constexpr std::uint32_t session_of(std::uint32_t peer) {
    return (peer + 1) << 6;
}

// Two offices of customer 0 with the same network, and one of customer 1 with that network and no map.
struct Offices : Rig {
    Offices() {
        put(spec());
        put({.index = 1, .addresses = {"10.0.0.1/24"}, .peers = {{2, {"10.0.1.0/24"}}}});
        for (const std::uint32_t peer : {0U, 1U, 2U}) {
            set_endpoint(peer, "198.51.100.7:1111");
            install(peer, session_of(peer), true);
        }
        (void)sent();
    }
    static CustomerSpec spec() {
        CustomerSpec out;
        out.addresses = {"10.0.1.1/24"};  // no matter: the stack sees no 10.0.1.0/24
        out.peers = {{0, {"10.101.1.0/24"}}, {1, {"10.102.1.0/24"}}};
        out.maps = {map_of(0, "10.101.1.0/24"), map_of(1, "10.102.1.0/24")};
        return out;
    }
    Packet come(std::uint32_t peer, const IpFields& fields) {
        receive(seal(session_of(peer), next++, udp_packet(fields, 1, 2, Packet{1, 2, 3})));
        const auto packets = delivered();
        REQUIRE(packets.size() <= 1);
        return packets.empty() ? Packet() : packets[0].packet;
    }
    Packet go(std::uint32_t customer, const IpFields& fields, std::uint32_t* peer = nullptr) {
        transmit(customer, udp_packet(fields, 1, 2, Packet{1, 2, 3}));
        return one_sent(peer);
    }
    Packet one_sent(std::uint32_t* peer = nullptr) {
        const auto packets = sent();
        REQUIRE(packets.size() <= 1);
        if (packets.empty()) return {};
        if (peer != nullptr) *peer = packets[0].peer.value;
        Packet inner = open(session_of(packets[0].peer.value), packets[0]);
        inner.resize(31);  // without padding
        return inner;
    }
    std::uint64_t next = 0;
};

}  // namespace

TEST_CASE("two peers of a customer may have the same network, and each is seen by another one") {
    Offices rig;
    const IpAddress far = IpAddress::v4(10, 102, 1, 9);
    CHECK(rig.come(0, {.source = kReal, .destination = far}) ==
          udp_packet({.source = IpAddress::v4(10, 101, 1, 5), .destination = far}, 1, 2, Packet{1, 2, 3}));
    CHECK(rig.come(1, {.source = kReal, .destination = far}) ==
          udp_packet({.source = IpAddress::v4(10, 102, 1, 5), .destination = far}, 1, 2, Packet{1, 2, 3}));
    std::uint32_t peer = 9;
    const IpAddress from = IpAddress::v4(10, 101, 1, 5);
    CHECK(rig.go(0, {.source = from, .destination = far}, &peer) ==
          udp_packet({.source = from, .destination = IpAddress::v4(10, 0, 1, 9)}, 1, 2, Packet{1, 2, 3}));
    CHECK(peer == 1);
    CHECK(rig.all_drops(0) == 0);
}

TEST_CASE("another customer with the same network is not touched") {
    Offices rig;
    const IpFields fields{.source = kReal, .destination = IpAddress::v4(10, 0, 0, 1)};
    CHECK(rig.come(2, fields) == udp_packet(fields, 1, 2, Packet{1, 2, 3}));
    const IpFields back{.source = IpAddress::v4(10, 0, 0, 1), .destination = kReal};
    CHECK(rig.go(1, back) == udp_packet(back, 1, 2, Packet{1, 2, 3}));
}

TEST_CASE("a peer with a map may use neither its mapped network as source nor another peer's") {
    Offices rig;
    const IpAddress far = IpAddress::v4(10, 0, 9, 9);
    for (const IpAddress& source : {IpAddress::v4(10, 101, 1, 5), IpAddress::v4(10, 102, 1, 5),
                                    IpAddress::v4(10, 0, 2, 5), IpAddress::v4(172, 16, 0, 1)}) {
        CHECK(rig.come(0, {.source = source, .destination = far}).empty());
        CHECK(rig.pipeline->find(PeerIndex{0})->source_refused == source);
    }
    CHECK(rig.drops(DropReason::kSourceNotAllowed) == 4);
    CHECK_FALSE(rig.come(0, {.source = kReal, .destination = far}).empty());
    // Also not once a source of it was accepted.
    CHECK(rig.come(0, {.source = IpAddress::v4(10, 101, 1, 5), .destination = far}).empty());
}

TEST_CASE("of a mapped network a part that is another peer's is refused") {
    Offices rig;
    auto spec = Offices::spec();
    spec.peers[1].allowed_ips.push_back("10.101.1.128/25");
    rig.put(spec);
    const IpAddress far = IpAddress::v4(10, 0, 9, 9);
    CHECK(rig.come(0, {.source = IpAddress::v4(10, 0, 1, 200), .destination = far}).empty());
    CHECK(rig.drops(DropReason::kSourceNotAllowed) == 1);
    CHECK_FALSE(rig.come(0, {.source = IpAddress::v4(10, 0, 1, 100), .destination = far}).empty());
}

TEST_CASE("the stack's own address may be in the real network, and not in the mapped one") {
    Offices rig;
    const IpAddress far = IpAddress::v4(10, 0, 9, 9);
    CHECK_FALSE(rig.come(0, {.source = IpAddress::v4(10, 0, 1, 1), .destination = far}).empty());
    auto spec = Offices::spec();
    spec.addresses = {"10.101.1.1/24"};
    rig.put(spec);
    CHECK(rig.come(0, {.source = IpAddress::v4(10, 0, 1, 1), .destination = far}).empty());
    CHECK(rig.drops(DropReason::kSourceIsStack) == 1);
}

TEST_CASE("a map that goes, comes or changes holds from the next packet on") {
    Offices rig;
    const IpAddress far = IpAddress::v4(10, 0, 9, 9);
    (void)rig.come(0, {.source = kReal, .destination = far});
    auto spec = Offices::spec();
    spec.maps = {map_of(0, "10.103.1.0/24")};
    spec.peers = {{0, {"10.103.1.0/24"}}, {1, {"10.0.1.0/24"}}};
    rig.put(spec);
    CHECK(rig.come(0, {.source = kReal, .destination = far}) ==
          udp_packet({.source = IpAddress::v4(10, 103, 1, 5), .destination = far}, 1, 2, Packet{1, 2, 3}));
    const IpFields plain{.source = kReal, .destination = far};
    CHECK(rig.come(1, plain) == udp_packet(plain, 1, 2, Packet{1, 2, 3}));
    spec.maps.clear();
    rig.put(spec);
    CHECK(rig.come(0, plain).empty());
    CHECK(rig.come(1, plain) == udp_packet(plain, 1, 2, Packet{1, 2, 3}));
}

TEST_CASE("a packet that waits for a session, a rate or a test link is translated when it leaves, once") {
    Offices rig;
    auto spec = Offices::spec();
    rig.merges_udp = false;
    spec.rate_up = spec.rate_down = 80'000;  // 10 bytes in a millisecond
    spec.emulate_up = spec.emulate_down = {.delay = milliseconds(50)};
    rig.put(spec);
    const IpAddress near = IpAddress::v4(10, 101, 1, 5);
    const IpAddress far = IpAddress::v4(10, 102, 1, 9);
    for (int i = 0; i < 5; ++i) {
        rig.receive(rig.seal(session_of(0), rig.next++,
                             udp_packet({.source = kReal, .destination = far}, 1, 2, Packet{1, 2, 3})));
        rig.transmit(0, udp_packet({.source = near, .destination = far}, 1, 2, Packet{1, 2, 3}));
    }
    std::size_t in = 0;
    std::size_t out = 0;
    for (int i = 0; i < 200; ++i) {
        rig.now = rig.now + milliseconds(1);
        rig.release();
        for (const Delivered& one : rig.delivered()) {
            ++in;
            CHECK(one.packet == udp_packet({.source = near, .destination = far}, 1, 2, Packet{1, 2, 3}));
        }
        for (const Sent& one : rig.sent()) {
            ++out;
            Packet inner = rig.open(session_of(1), one);
            inner.resize(31);
            CHECK(inner ==
                  udp_packet({.source = near, .destination = IpAddress::v4(10, 0, 1, 9)}, 1, 2, Packet{1, 2, 3}));
        }
    }
    CHECK(in == 5);
    CHECK(out == 5);

    // Staged: there is no session yet.
    rig.put(Offices::spec());
    rig.apply(RetireSession{{session_of(1)}});
    rig.transmit(0, udp_packet({.source = near, .destination = far}, 1, 2, Packet{1, 2, 3}));
    CHECK(rig.sent().empty());
    rig.install(1, session_of(1), true);
    CHECK(rig.one_sent() ==
          udp_packet({.source = near, .destination = IpAddress::v4(10, 0, 1, 9)}, 1, 2, Packet{1, 2, 3}));
}

TEST_CASE("a map makes no source that nobody may have") {
    Offices rig;
    Offices::CustomerSpec spec = Offices::spec();
    spec.peers = {{0, {"224.1.0.0/24"}}, {1, {"10.102.1.0/24"}}};
    spec.maps[0] = map_of(0, "224.1.0.0/24");
    rig.put(spec);
    CHECK(rig.come(0, {.source = kReal, .destination = IpAddress::v4(10, 102, 1, 9)}).empty());
    CHECK(rig.drops(DropReason::kSourceMartian) == 1);
}
