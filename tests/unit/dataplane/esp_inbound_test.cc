// ESP from the network to a stack: what is checked, in which order, and what a bad packet changes: nothing.
#include <doctest/doctest.h>

#include <numeric>

#include "esp_rig.h"
#include "vpnd/dataplane/framing/esp.h"
#include "vpnd/dataplane/framing/ike.h"

namespace warren::dataplane::test {
namespace {

using crypto::AeadSuite;

struct Ready : EspRig {
    explicit Ready(const Sa& of = {}) : sa(of) { install(sa); }
    Packet message(std::uint64_t sequence, const Trailer& trailer = {}) const {
        return seal(sa, sequence, from_peer(), trailer);
    }
    Sa sa;
};

MessageHead head_of(const Framing& framing, const Packet& message) {
    MessageHead head;
    framing.identify(message, std::max<std::size_t>(message.size(), 1), std::span(&head, 1));
    return head;
}

TEST_CASE("KP1: port 4500: what a datagram is") {
    const auto kind_of = [](const Packet& message) { return head_of(kEspFraming, message).kind; };
    CHECK(kind_of({0xff}) == MessageKind::kIgnored);
    CHECK(kind_of({0xfe}) == MessageKind::kMalformed);
    CHECK(kind_of({0xff, 0xff}) == MessageKind::kMalformed);
    for (std::size_t size = 0; size < 80; ++size) {
        CAPTURE(size);
        // A marker and an IKE header of 28 bytes.
        CHECK(kind_of(Packet(size)) == (size >= 32 ? MessageKind::kControl : MessageKind::kMalformed));
    }
    for (const std::uint32_t spi : {1U, 2U, 255U}) {
        Packet message(64);
        store_be(message.data(), spi);
        CHECK(kind_of(message) == MessageKind::kMalformed);
    }
    Packet message(64);
    store_be(message.data(), std::uint32_t{0x0000'0100});
    store_be(message.data() + 4, std::uint32_t{7});
    const MessageHead head = head_of(kEspFraming, message);
    CHECK(head.kind == MessageKind::kData);
    CHECK(head.session == SessionId{256});
    CHECK(head.session.worker() == 0);
    CHECK(head.sequence == 7);
    store_be(message.data(), std::uint32_t{0xabcd'ef03});
    CHECK(head_of(kEspFraming, message).session.worker() == 3);
}

TEST_CASE("KP1: port 500: everything is IKE, and nobody has a session there") {
    for (std::size_t size = 0; size < 80; ++size) {
        CAPTURE(size);
        const MessageKind wanted = size >= 28 ? MessageKind::kControl : MessageKind::kMalformed;
        CHECK(head_of(kIkeFraming, Packet(size, 9)).kind == wanted);
    }
    EspRig rig;
    rig.pipeline->put_listener({5}, kIkeFraming);
    InstallSession session = rig.session_of({});
    session.listener = {5};
    rig.apply(std::move(session));
    rig.listener = 5;
    rig.receive(EspRig::seal({}, 1, from_peer()));
    CHECK(rig.delivered().empty());
    rig.transmit(0, to_peer());
    CHECK(rig.sent().empty());
}

TEST_CASE("ES4: a packet is delivered in every suite, with and without extended sequence numbers") {
    for (const AeadSuite suite : kEspSuites) {
        for (const bool esn : {false, true}) {
            Ready rig({.suite = suite, .esn = esn});
            for (std::uint64_t sequence = 1; sequence < 5; ++sequence) {
                const auto delivered = rig.take(rig.message(sequence));
                REQUIRE(delivered.size() == 1);
                CHECK(delivered[0] == from_peer());
            }
            const Packet v6 = from_peer("fd00:1::9", "fd00:42::1");
            const auto delivered = rig.take(EspRig::seal(rig.sa, 5, v6));
            REQUIRE(delivered.size() == 1);
            CHECK(delivered[0] == v6);
            CHECK(rig.all_drops() == 0);
        }
    }
}

TEST_CASE("ES2: sequence numbers begin at 1; 0 is refused") {
    Ready rig;
    CHECK(rig.take(rig.message(0)).empty());
    CHECK(rig.drops(DropReason::kEspMalformed) == 1);
    CHECK(rig.take(rig.message(1)).size() == 1);
}

TEST_CASE("ES2: a packet is taken once, in any order within the window, and not behind it") {
    Ready rig;
    constexpr std::uint64_t kWindow = ReplayWindow::kSize;
    CHECK(rig.take(rig.message(2 * kWindow)).size() == 1);
    for (const std::uint64_t sequence : {kWindow, kWindow + 1, 2 * kWindow - 1}) {
        CAPTURE(sequence);
        CHECK(rig.take(rig.message(sequence)).size() == 1);
        CHECK(rig.take(rig.message(sequence)).empty());
    }
    CHECK(rig.drops(DropReason::kReplayDuplicate) == 3);
    CHECK(rig.take(rig.message(kWindow - 1)).empty());
    CHECK(rig.drops(DropReason::kReplayTooOld) == 1);
}

TEST_CASE("ES2: the window is as large as was asked for, from 64 to 8128") {
    for (const auto& [asked, window] :
         {std::pair<std::uint64_t, std::uint64_t>{64, 64}, {1, 64}, {1000, 1000}, {8128, 8128}, {100'000, 8128}}) {
        CAPTURE(asked);
        for (const bool esn : {false, true}) {
            EspRig rig;
            const Sa sa{.esn = esn};
            InstallSession session = rig.session_of(sa);
            session.replay_window = asked;
            rig.apply(std::move(session));
            CHECK(rig.take(EspRig::seal(sa, 20'000, from_peer())).size() == 1);
            CHECK(rig.take(EspRig::seal(sa, 20'000 - window, from_peer())).size() == 1);
            CHECK(rig.take(EspRig::seal(sa, 20'000 - window - 1, from_peer())).empty());
        }
    }
}

TEST_CASE("ES2: a forged packet changes nothing") {
    for (const Sa& sa : {Sa{}, Sa{.esn = true}, Sa{.suite = AeadSuite::kChacha20Poly1305, .esn = true},
                         Sa{.suite = AeadSuite::kAes128CbcSha1}, Sa{.suite = AeadSuite::kAes256CbcSha256, .esn = true},
                         Sa{.suite = AeadSuite::kAes128CbcSha512, .esn = true}}) {
        Ready rig(sa);
        REQUIRE(rig.take(rig.message(10)).size() == 1);
        (void)rig.events();
        const Packet good = rig.message(11);
        Packet far = rig.message(1'000'000);  // would move the window
        for (std::size_t bit = 0; bit < 8 * good.size(); ++bit) {
            if (bit < 32) continue;  // another SPI
            Packet bad = good;
            bad[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
            CHECK(rig.take(bad).empty());
        }
        far.back() ^= 1;
        rig.from = *parse_endpoint("192.0.2.66:6666");
        CHECK(rig.take(far).empty());
        CHECK(rig.traffic(0).rx_packets == 1);
        rig.from = *parse_endpoint("198.51.100.7:1111");
        CHECK(rig.take(rig.message(9)).size() == 1);
        CHECK(rig.take(good).size() == 1);
        rig.transmit(0, to_peer());
        const auto sent = rig.sent();
        REQUIRE(sent.size() == 1);
        CHECK(sent[0].remote == rig.from);
    }
}

TEST_CASE("ES3: with extended sequence numbers traffic goes on through 2^32, with loss and reordering") {
    constexpr std::uint64_t kEnd = std::uint64_t{1} << 32;
    std::mt19937 random(7);
    for (int round = 0; round < 20; ++round) {
        Ready rig({.suite = kEspSuites[static_cast<std::size_t>(round) % kEspSuites.size()], .esn = true});
        REQUIRE(rig.take(rig.message(kEnd - 300)).size() == 1);
        std::vector<std::uint64_t> order;
        for (std::uint64_t at = kEnd - 299; at < kEnd + 300; ++at) {
            if (random() % 5 != 0) order.push_back(at);
        }
        for (std::size_t i = 0; i + 1 < order.size(); ++i)  // at most 100 places
            std::swap(order[i], order[std::min(order.size() - 1, i + random() % 100)]);
        for (const std::uint64_t sequence : order) {
            CAPTURE(sequence);
            REQUIRE(rig.take(rig.message(sequence)).size() == 1);
            CHECK(rig.take(rig.message(sequence)).empty());
        }
        CHECK(rig.drops(DropReason::kReplayDuplicate) == order.size());
        CHECK(rig.drops(DropReason::kAuthenticationFailed) == 0);
    }
}

TEST_CASE("ES3: the high half is inferred as RFC 4303 App. A2 has it") {
    InstallSession install;
    install.has_extended_sequence = true;
    install.replay_window = 64;
    Session session(std::move(install), kEspFraming);
    const auto widened = [&](std::uint64_t newest, std::uint32_t sequence) {
        session.received = ReplayWindow(64);
        (void)session.received.mark(newest);
        return esp::widen(session, sequence);
    };
    // At first, and below the window's size.
    CHECK(widened(0, 1) == 1);
    CHECK(widened(10, 0xffff'ffff) == 0xffff'ffff);
    // Case A: the window lies within one half.
    CHECK(widened(0x5'0000'1000, 0x1001) == 0x5'0000'1001);
    CHECK(widened(0x5'0000'1000, 0x1000 - 64) == 0x5'0000'0fc0);
    CHECK(widened(0x5'0000'1000, 0x1000 - 65) == 0x6'0000'0fbf);
    CHECK(widened(0x5'0000'1000, 0) == 0x6'0000'0000);
    CHECK(widened(0x5'ffff'ffff, 0) == 0x6'0000'0000);
    CHECK(widened(0x5'0000'1000, 0xffff'ffff) == 0x5'ffff'ffff);  // 2^32 - 0x1001 were lost
    // Case B: the window begins in the half before.
    CHECK(widened(0x6'0000'0005, 0xffff'fff0) == 0x5'ffff'fff0);
    CHECK(widened(0x6'0000'0005, 0x4) == 0x6'0000'0004);
    CHECK(widened(0x6'0000'0005, 0xffff'ffc5) == 0x5'ffff'ffc5);
    CHECK(widened(0x6'0000'0005, 0xffff'ffc4) == 0x6'ffff'ffc4);

    session.has_extended_sequence = false;
    CHECK(widened(0xffff'fff0, 3) == 3);
}

TEST_CASE("ES3: without extended sequence numbers nothing follows 2^32 - 1") {
    constexpr std::uint64_t kLast = UINT32_MAX;
    Ready rig;
    REQUIRE(rig.take(rig.message(kLast)).size() == 1);
    CHECK(rig.take(rig.message(kLast + 1)).empty());  // its low half is 0
    CHECK(rig.drops(DropReason::kEspMalformed) == 1);
    CHECK(rig.take(rig.message(kLast + 2)).empty());
    CHECK(rig.drops(DropReason::kReplayTooOld) == 1);
}

TEST_CASE("ES5: padding is 1, 2, 3 and so on, and no longer than the text") {
    Ready rig;
    std::uint64_t sequence = 1;
    for (const std::size_t more : {0U, 4U, 100U, 248U}) {
        CHECK(rig.take(rig.message(sequence++, {.more_padding = more})).size() == 1);
    }
    const std::size_t padding = 1;  // of this packet: 33 bytes
    REQUIRE(from_peer().size() % 4 == 1);
    for (std::uint8_t at = 1; at <= padding + 4; ++at) {
        const Trailer trailer{.wrong_byte = at, .more_padding = 4};
        CHECK(rig.take(rig.message(sequence++, trailer)).empty());
    }
    CHECK(rig.drops(DropReason::kEspPaddingWrong) == padding + 4);
    for (const int length : {35, 36, 255}) {  // the text has 33 + 1 + 2 bytes
        CHECK(rig.take(rig.message(sequence++, {.pad_length = static_cast<std::uint8_t>(length)})).empty());
    }
    CHECK(rig.drops(DropReason::kEspPaddingWrong) == padding + 4 + 3);
    // As if the padding began in the IV, whose last octet is 1.
    Ready other;
    Packet counting(34);
    std::iota(counting.begin(), counting.end(), std::uint8_t{2});
    CHECK(other.take(EspRig::seal(other.sa, 1, counting, {.next_header = 4, .pad_length = 35})).empty());
    CHECK(other.drops(DropReason::kEspPaddingWrong) == 1);
    // Authentic all the same: the peer is there.
    CHECK(rig.traffic(0).rx_packets == sequence - 1);
}

TEST_CASE("ES5: a dummy is dropped and counted as such, whatever is in it, and shows that the peer is there") {
    Ready rig;
    rig.from = *parse_endpoint("203.0.113.50:5000");
    CHECK(rig.take(EspRig::seal(rig.sa, 1, {}, {.next_header = 59})).empty());
    CHECK(rig.take(EspRig::seal(rig.sa, 2, Packet(40, 0x77), {.next_header = 59, .wrong_byte = 1, .more_padding = 4}))
              .empty());
    CHECK(rig.drops(DropReason::kEspDummy) == 2);
    CHECK(rig.all_drops() == 2);
    CHECK(rig.traffic(0).rx_packets == 2);
    rig.now = rig.now + kActivityInterval;
    rig.tick();
    const auto events = rig.events();
    CHECK(Rig::only<PeerRoamed>(events).size() == 1);
    const auto activity = Rig::only<PeerActivity>(events);
    REQUIRE(activity.size() == 1);
    CHECK(activity[0].last_received == kStart);
    CHECK(activity[0].last_data_received == kLongAgo);
}

TEST_CASE("ES5: nothing but IPv4 and IPv6 is taken, each by its next header") {
    Ready rig;
    std::uint64_t sequence = 1;
    for (const int next_header : {0, 1, 6, 17, 50, 58, 255}) {
        CHECK(rig.take(rig.message(sequence++, {.next_header = static_cast<std::uint8_t>(next_header)})).empty());
    }
    CHECK(rig.drops(DropReason::kEspMalformed) == 7);
    CHECK(rig.take(rig.message(sequence++, {.next_header = 41})).empty());
    CHECK(rig.take(EspRig::seal(rig.sa, sequence++, from_peer("fd00:1::9", "fd00:42::1"), {.next_header = 4})).empty());
    CHECK(rig.take(EspRig::seal(rig.sa, sequence++, {}, {.next_header = 4})).empty());
    CHECK(rig.drops(DropReason::kInnerMalformed) == 3);
}

TEST_CASE("ES5: what follows the packet's own length is cut off (TFC padding)") {
    Ready rig;
    const auto delivered = rig.take(rig.message(1, {.tfc = 900}));
    REQUIRE(delivered.size() == 1);
    CHECK(delivered[0] == from_peer());
}

TEST_CASE("ES5: a length that no ESP packet has is refused before anything is opened") {
    Ready rig;
    const Packet good = rig.message(1);
    for (std::size_t size = 8; size < good.size(); ++size) {
        CAPTURE(size);
        const std::uint64_t before = rig.drops(DropReason::kEspMalformed);
        CHECK(rig.take(Packet(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size))).empty());
        const bool is_possible = size >= 36 && size % 4 == 0;
        CHECK(rig.drops(DropReason::kEspMalformed) == before + (is_possible ? 0 : 1));
    }
    for (std::size_t size = 1; size < 8; ++size) {
        const std::uint64_t before = rig.own_drops(DropReason::kEspMalformed);
        CHECK(rig.take(Packet(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size))).empty());
        CHECK(rig.own_drops(DropReason::kEspMalformed) == before + 1);
    }
    CHECK(rig.take(good).size() == 1);
}

TEST_CASE("ES5: a length that no packet of AES-CBC has is refused before anything is opened") {
    for (const AeadSuite suite : kEspSuites) {
        if (!is_cbc(suite)) continue;
        Ready rig({.suite = suite});
        const Packet good = rig.message(1);
        const std::size_t overhead = 24 + tag_size_of(suite);
        for (std::size_t size = 8; size < good.size(); ++size) {
            CAPTURE(size);
            const std::uint64_t before = rig.drops(DropReason::kEspMalformed);
            CHECK(rig.take(Packet(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size))).empty());
            const bool is_possible = size > overhead && (size - overhead) % 16 == 0;
            CHECK(rig.drops(DropReason::kEspMalformed) == before + (is_possible ? 0 : 1));
        }
        CHECK(rig.take(good).size() == 1);
    }
}

TEST_CASE("ES4: of AES-CBC the ICV is looked at before the padding") {
    for (const AeadSuite suite : kEspSuites) {
        Ready rig({.suite = suite});
        Packet bad = rig.message(1, {.wrong_byte = 1, .more_padding = 16});
        bad.back() ^= 1;
        CHECK(rig.take(bad).empty());
        CHECK(rig.drops(DropReason::kEspPaddingWrong) == 0);
        CHECK(rig.drops(DropReason::kAuthenticationFailed) == 1);
        CHECK(rig.traffic(0).rx_packets == 0);
    }
}

TEST_CASE("KP1: keepalives mean nothing, and IKE messages are handed on with their marker") {
    Ready rig;
    Packet keepalive{0xff};
    Packet ike(64, 7);
    std::fill_n(ike.begin(), 4, 0);
    const Train trains[] = {{{kEspListener}, rig.from, rig.to, 0, 0, keepalive},
                            {{kEspListener}, rig.from, rig.to, 0, 0, ike}};
    rig.pipeline->inbound(rig.now, trains, rig.out);
    REQUIRE(rig.out.strays.size() == 1);
    CHECK(rig.out.strays[0].train == 1);
    CHECK(rig.out.strays[0].bytes.size() == ike.size());
    rig.out.clear();
    CHECK(rig.all_drops() == 0);
}

TEST_CASE("KL9: the engine hears of SPIs that nobody has, and a flood of them is counted only") {
    Ready rig;
    std::size_t told = 0;
    const auto take_from = [&](const IpAddress& address) {
        Packet message = EspRig::seal({.spi = 0x1234'5640}, 1, from_peer());
        const Train train{{kEspListener}, {address, 4500, 0}, rig.to, 0, 0, message};
        rig.pipeline->inbound(rig.now, std::span(&train, 1), rig.out);
        told += rig.out.strays.size();
        rig.out.clear();
    };
    for (int i = 0; i < 100; ++i) take_from(IpAddress::v4(203, 0, 113, 1));
    CHECK(rig.own_drops(DropReason::kSpiUnknown) == 100);
    CHECK(told == 1);
    // Nor do others keep one from being told of.
    take_from(IpAddress::v4(203, 0, 113, 2));
    CHECK(told == 2);
    for (std::uint8_t last = 3; last < 200; ++last) take_from(IpAddress::v4(203, 0, 113, last));
    CHECK(told == 20);
    rig.now = rig.now + std::chrono::minutes(1);
    take_from(IpAddress::v4(203, 0, 113, 1));
    CHECK(told == 21);
}

TEST_CASE("ES1: a SPI that nobody has is spi_unknown, one of another worker goes there") {
    Ready rig;
    CHECK(rig.take(EspRig::seal({.spi = 0x1234'5640}, 1, from_peer())).empty());
    CHECK(rig.own_drops(DropReason::kSpiUnknown) == 1);
    CHECK(rig.own_drops(DropReason::kReceiverIndexUnknown) == 0);

    Pipeline pipeline(*rig.aead, {.worker = 0, .workers = 4});
    pipeline.put_listener({kEspListener}, kEspFraming);
    Packet message = EspRig::seal({.spi = 0x1234'5642}, 1, from_peer());
    const Train train{{kEspListener}, rig.from, rig.to, 0, 0, message};
    Output out;
    pipeline.inbound(rig.now, std::span(&train, 1), out);
    REQUIRE(out.transfers.size() == 1);
    CHECK(out.transfers[0].worker == 2);
}

TEST_CASE("ES1: a WireGuard index on the ESP port, and a SPI on WireGuard's, are listener_mismatch") {
    Ready rig;
    rig.put({.index = 1, .listener = 0, .peers = {{1, {"10.0.0.2/32"}}}});
    rig.Rig::install(1, 0x2000'0040, true);
    (void)rig.sent();
    // ESP in form, with WireGuard's index as its SPI.
    CHECK(rig.take(EspRig::seal({.spi = 0x2000'0040}, 1, from_peer())).empty());
    CHECK(rig.drops(DropReason::kListenerMismatch, 1) == 1);
    // WireGuard in form, with the SPI as its index.
    rig.listener = 0;
    CHECK(rig.take(rig.Rig::seal(rig.sa.spi, 0, from_peer())).empty());
    CHECK(rig.drops(DropReason::kListenerMismatch) == 1);
    // Both are what they should be, on their own ports.
    CHECK(rig.take(rig.Rig::seal(0x2000'0040, 0, from_peer())).size() == 1);
    rig.listener = kEspListener;
    CHECK(rig.take(rig.message(1)).size() == 1);
}

TEST_CASE("ES1: two customers with the same inner addresses: the SPI alone says whose a packet is") {
    EspRig rig;
    rig.put({.index = 1, .listener = kEspListener, .peers = {{1, {"10.0.0.2/32"}}}});
    rig.set_endpoint(1, "198.51.100.7:1111");  // behind one address
    const Sa ours{.spi = 0x1000'0040};
    const Sa theirs{.spi = 0x1000'0080, .peer = 1};
    rig.install(ours);
    rig.install(theirs);
    rig.receive({EspRig::seal(ours, 1, from_peer()), EspRig::seal(theirs, 1, from_peer())});
    const auto delivered = rig.delivered();
    REQUIRE(delivered.size() == 2);
    CHECK(delivered[0].customer == CustomerIndex{0});
    CHECK(delivered[1].customer == CustomerIndex{1});
    // One's keys under the other's SPI.
    Packet foreign = EspRig::seal(ours, 2, from_peer());
    store_be(foreign.data(), theirs.spi);
    CHECK(rig.take(foreign).empty());
    CHECK(rig.drops(DropReason::kAuthenticationFailed, 1) == 1);
}

TEST_CASE("a session whose directions have different suites is none of ESP's") {
    EspRig rig;
    const Sa sa;
    InstallSession session = rig.session_of(sa);
    session.send_key.suite = AeadSuite::kAes256Gcm;
    rig.apply(std::move(session));
    CHECK(rig.take(EspRig::seal(sa, 1, from_peer())).empty());
    CHECK(rig.own_drops(DropReason::kSpiUnknown) == 1);

    const Sa cbc{.suite = AeadSuite::kAes128CbcSha256};
    session = rig.session_of(cbc);
    session.receive_key.integrity.reset();
    rig.apply(std::move(session));
    CHECK(rig.take(EspRig::seal(cbc, 1, from_peer())).empty());
    CHECK(rig.own_drops(DropReason::kSpiUnknown) == 2);
}

TEST_CASE("ES8: congestion on the path is carried into the packet, or the packet is dropped (RFC 6040)") {
    Ready rig;
    std::uint64_t sequence = 1;
    const auto ecn_after = [&](std::uint8_t outer, std::uint8_t inner) -> int {
        IpFields fields;
        fields.source = *parse_ip("10.0.0.2");
        fields.destination = *parse_ip("10.0.0.1");
        fields.traffic_class = static_cast<std::uint8_t>(0xb8 | inner);
        rig.traffic_class = static_cast<std::uint8_t>(0x28 | outer);  // another DSCP, which stays outside
        const auto delivered = rig.take(EspRig::seal(rig.sa, sequence++, udp_packet(fields, 1, 2, Packet(4))));
        if (delivered.empty()) return -1;
        CHECK((delivered[0][1] & 0xfc) == 0xb8);
        CHECK(naive_ipv4_header_is_right(delivered[0]));
        return delivered[0][1] & 3;
    };
    constexpr int kDrop = -1;
    constexpr int kExpected[4][4] = {{0, 0, 0, kDrop}, {1, 1, 1, 3}, {2, 1, 2, 3}, {3, 3, 3, 3}};  // [inner][outer]
    for (std::uint8_t inner = 0; inner < 4; ++inner) {
        for (std::uint8_t outer = 0; outer < 4; ++outer) CHECK(ecn_after(outer, inner) == kExpected[inner][outer]);
    }
}

}  // namespace
}  // namespace warren::dataplane::test
