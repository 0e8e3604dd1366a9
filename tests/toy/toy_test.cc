// Another protocol through the same data plane: nothing of vpnd/wireguard is included here (tests/arch checks it).
#include <doctest/doctest.h>

#include <set>

#include "tests/toy/framing.h"
#include "tests/toy/hub.h"

namespace warren::toy {
namespace {

using dataplane::kProtocolTcp;
using dataplane::kProtocolUdp;

struct Pair {
    Pair() {
        a.put_peer(b, 7, true);
        b.put_peer(a, 7, false);
    }
    Hub a{1, 11};
    Hub b{2, 22};
};

Packet udp(std::uint16_t to_port = 53) {
    return packet(1, 2, kProtocolUdp, 1'000, to_port);
}

TEST_CASE("a packet starts the toy's handshake, waits for it and arrives; the answer goes the other way") {
    Pair pair;
    pair.a.transmit(udp());
    REQUIRE(pair.a.engine.asked_for.has_value());
    CHECK(pair.a.engine.asked_for->remote == IpAddress::v4(10, 0, 0, 2));
    CHECK(pair.a.engine.asked_for->remote_port == 53);
    CHECK(pair.b.delivered.empty());
    exchange(pair.a, pair.b);
    REQUIRE(pair.b.delivered.size() == 1);
    CHECK(pair.b.delivered[0] == udp());
    CHECK(pair.a.news.size() == 1);
    CHECK(pair.b.news.size() == 1);

    const Packet answer = packet(2, 1, kProtocolUdp, 53, 1'000);
    pair.b.transmit(answer);
    exchange(pair.a, pair.b);
    REQUIRE(pair.a.delivered.size() == 1);
    CHECK(pair.a.delivered[0] == answer);
    CHECK(pair.a.engine.totals().handshakes_completed == 1);
    CHECK(pair.b.engine.totals().handshakes_completed == 1);
}

TEST_CASE("a peer has two sessions, and the inner packet chooses between them") {
    Pair pair;
    pair.a.transmit(udp());
    exchange(pair.a, pair.b);
    pair.b.delivered.clear();
    pair.a.transmit(udp());
    const std::vector<std::uint32_t> first = pair.a.ids_sent();
    pair.a.transmit(packet(1, 2, kProtocolTcp, 1'000, 443));
    pair.a.transmit(udp(54));
    pair.a.transmit(packet(1, 2, dataplane::kProtocolIcmp, 0, 0));
    const std::vector<std::uint32_t> ids = pair.a.ids_sent();
    REQUIRE(first.size() == 1);
    REQUIRE(ids.size() == 4);
    CHECK(ids[0] != ids[1]);
    CHECK(ids[2] == ids[0]);
    CHECK(ids[3] == ids[1]);
    exchange(pair.a, pair.b);
    CHECK(pair.b.delivered.size() == 4);
}

TEST_CASE("a packet that its session's selectors do not allow is dropped after decryption") {
    Hub a{1, 11};
    Hub b{2, 22};
    a.put_peer(b, 7, true);
    b.put_peer(a, 7, false, 100);  // b's side takes UDP up to port 100 only
    a.transmit(udp(100));
    exchange(a, b);
    CHECK(b.delivered.size() == 1);
    a.transmit(udp(101));
    exchange(a, b);
    CHECK(b.delivered.size() == 1);
    CHECK(b.drops(DropReason::kSelectorMismatch) == 1);
}

TEST_CASE("every bit of a message is authentic: header, text and tag") {
    Pair pair;
    pair.a.transmit(udp());
    exchange(pair.a, pair.b);
    pair.b.delivered.clear();
    pair.a.transmit(udp());
    REQUIRE(pair.a.sent.size() == 1);
    const Datagram good = pair.a.sent.front();
    for (std::size_t bit = 0; bit < 8 * good.bytes.size(); ++bit) {
        Datagram bad = good;
        bad.bytes[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
        pair.b.receive(bad);
    }
    CHECK(pair.b.delivered.empty());
    pair.b.receive(good);
    CHECK(pair.b.delivered.size() == 1);
    pair.b.receive(good);
    CHECK(pair.b.delivered.size() == 1);
    CHECK(pair.b.drops(DropReason::kReplayDuplicate) == 1);
}

TEST_CASE("a request that is repeated gets the same answer, and installs nothing twice") {
    Pair pair;
    pair.a.transmit(udp());
    bool lost = false;
    exchange(pair.a, pair.b, [&](const Datagram& datagram) {
        const bool is_answer = datagram.from == pair.b.endpoint;
        return is_answer && !std::exchange(lost, true);
    });
    CHECK(lost);
    CHECK(pair.b.delivered.empty());
    const std::size_t ids = pair.b.indexes.size();
    pair.a.pass(std::chrono::seconds(1));
    exchange(pair.a, pair.b);
    CHECK(pair.b.delivered.size() == 1);
    CHECK(pair.b.indexes.size() == ids);
}

TEST_CASE("without an answer the toy gives up, and what waited is dropped and counted") {
    Pair pair;
    pair.a.transmit(udp());
    for (int i = 0; i < 6; ++i) {
        pair.a.sent.clear();
        pair.a.pass(std::chrono::seconds(1));
    }
    CHECK(pair.a.drops(DropReason::kStagedPurged) == 1);
    REQUIRE(pair.a.news.size() == 1);
    CHECK(std::holds_alternative<control::HandshakeGaveUp>(pair.a.news[0]));
}

TEST_CASE("another secret makes no session, a removed peer's sessions are gone, a lone 0xff means nothing") {
    Hub a{1, 11};
    Hub b{2, 22};
    a.put_peer(b, 7, true);
    b.put_peer(a, 8, false);
    a.transmit(udp());
    exchange(a, b);
    CHECK(b.indexes.size() == 0);
    CHECK(b.delivered.empty());

    b.receive({a.endpoint, b.endpoint, {0xff}});
    CHECK(b.own_drops(DropReason::kDatagramMalformed) == 0);
    b.receive({a.endpoint, b.endpoint, {0xfe}});
    CHECK(b.own_drops(DropReason::kDatagramMalformed) == 1);

    Pair pair;
    pair.a.transmit(udp());
    exchange(pair.a, pair.b);
    pair.a.transmit(udp());
    control::Output out;
    pair.b.engine.remove_peer({}, {1}, out);
    CHECK(out.commands.size() == 2);
    CHECK(pair.b.indexes.size() == 0);
}

TEST_CASE("32 bits of the counter are widened to 64 around the newest") {
    dataplane::InstallSession install;
    dataplane::Session session(std::move(install), kToyFraming);
    const auto widened = [&](std::uint64_t newest, std::uint32_t sequence) {
        session.received = {};
        (void)session.received.mark(newest);
        return ToyFraming::widen(session, sequence);
    };
    CHECK(widened(0, 1) == 1);
    CHECK(widened(0xffff'fff0, 5) == 0x1'0000'0005);
    CHECK(widened(0x1'0000'0005, 0xffff'fff0) == 0xffff'fff0);
    CHECK(widened(0x5'8000'0000, 0x7fff'ffff) == 0x5'7fff'ffff);
    CHECK(widened(0x5'ffff'ffff, 0) == 0x6'0000'0000);
}

}  // namespace
}  // namespace warren::toy
