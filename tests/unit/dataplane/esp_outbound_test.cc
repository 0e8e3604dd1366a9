// ESP from a stack to the network: numbers, limits, which CHILD_SA, and what the outer packet shows.
#include <doctest/doctest.h>

#include "esp_rig.h"
#include "vpnd/dataplane/framing/esp.h"

namespace warren::dataplane::test {
namespace {

using crypto::AeadSuite;

std::vector<Packet> bytes_of(const std::vector<Sent>& sent) {
    std::vector<Packet> out;
    for (const Sent& one : sent) out.push_back(one.bytes);
    return out;
}

Selector selector(const char* local, const char* remote, std::uint8_t protocol = 0, PortRange remote_ports = {}) {
    const auto range = [](const char* text) {
        const Prefix prefix = *parse_prefix(text);
        IpAddress last = prefix.address;
        for (unsigned bit = prefix.length; bit < last.bits(); ++bit)
            last.octets[bit / 8] = static_cast<std::uint8_t>(last.octets[bit / 8] | (0x80U >> bit % 8));
        return AddressRange{prefix.address, last};
    };
    return {range(local), range(remote), protocol, {}, remote_ports};
}

TEST_CASE("ES2: the first packet has number 1, the next 2, whatever the engine began with") {
    for (const std::uint64_t first : {0U, 1U}) {
        EspRig rig;
        const Sa sa;
        InstallSession session = rig.session_of(sa);
        session.first_counter = first;
        rig.apply(std::move(session));
        for (std::uint64_t number = 1; number < 4; ++number) {
            rig.transmit(0, to_peer());
            const auto sent = bytes_of(rig.sent());
            REQUIRE(sent.size() == 1);
            CHECK(EspRig::open(sa, number, sent[0]) == to_peer());
        }
    }
}

TEST_CASE("ES5: packets of every length, and of both families, are padded and end with their trailer") {
    for (std::size_t run = 0; run < 40 * kEspSuites.size(); ++run) {
        const std::size_t size = run % 40;
        EspRig rig;
        const Sa sa{.suite = kEspSuites[run / 40], .esn = size % 2 == 0};
        rig.install(sa);
        std::uint64_t number = 1;
        for (const bool is_v4 : {true, false}) {
            IpFields fields;
            fields.source = *parse_ip(is_v4 ? "10.0.0.1" : "fd00:42::1");
            fields.destination = *parse_ip(is_v4 ? "10.0.0.2" : "fd00:1::2");
            const Packet packet = udp_packet(fields, 1, 2, Packet(size, 9));
            rig.transmit(0, packet);
            const auto sent = bytes_of(rig.sent());
            REQUIRE(sent.size() == 1);
            CHECK(EspRig::open(sa, number++, sent[0]) == packet);
        }
    }
}

TEST_CASE("packets of one size leave as one train of messages that follow each other") {
    for (const AeadSuite suite : {AeadSuite::kChacha20Poly1305, AeadSuite::kAes256CbcSha512}) {
        EspRig rig;
        const Sa sa{.suite = suite};
        rig.install(sa);
        IpFields fields;
        fields.source = *parse_ip("10.0.0.1");
        fields.destination = *parse_ip("10.0.0.2");
        for (int i = 0; i < 10; ++i) {
            Packet read = from_tun(udp_packet(fields, 1, 2, Packet(1'000, static_cast<std::uint8_t>(i))));
            rig.pipeline->outbound(rig.now, {0}, read, rig.out);
        }
        rig.pipeline->finish(rig.out);
        REQUIRE(rig.out.trains.size() == 1);
        CHECK(rig.out.trains[0].count == 10);
        const std::size_t stride = rig.out.trains[0].segment_size;
        for (std::size_t i = 0; i < 10; ++i) {
            const auto opened = EspRig::open(sa, i + 1, Bytes(rig.out.trains[0].bytes()).subspan(i * stride, stride));
            REQUIRE(opened.has_value());
            CHECK(opened->back() == i);
        }
        rig.out.clear();
    }
}

TEST_CASE("ES3: without extended sequence numbers the last packet has number 2^32 - 1") {
    for (const bool esn : {false, true}) {
        EspRig rig;
        const Sa sa{.esn = esn};
        InstallSession session = rig.session_of(sa);
        session.first_counter = UINT32_MAX - 1;
        rig.apply(std::move(session));
        for (std::uint64_t number = UINT32_MAX - 1; number <= UINT32_MAX; ++number) {
            rig.transmit(0, to_peer());
            const auto sent = bytes_of(rig.sent());
            REQUIRE(sent.size() == 1);
            CHECK(EspRig::open(sa, number, sent[0]).has_value());
        }
        (void)rig.events();
        rig.transmit(0, to_peer());
        const auto sent = bytes_of(rig.sent());
        CHECK(sent.size() == (esn ? 1 : 0));
        if (esn) CHECK(EspRig::open(sa, std::uint64_t{1} << 32, sent.at(0)).has_value());
        CHECK(Rig::only<NeedSession>(rig.events()).size() == (esn ? 0 : 1));
    }
}

TEST_CASE("ES9: no byte is sent past the hard limit, also not of a super-packet") {
    EspRig rig;
    const Sa sa;
    InstallSession session = rig.session_of(sa);
    const std::size_t message = kEspFraming.message_size(to_peer().size(), 1420);
    session.lifetime.hard.bytes = 3 * message - 1;
    rig.apply(std::move(session));
    for (int i = 0; i < 5; ++i) rig.transmit(0, to_peer());
    CHECK(rig.sent().size() == 2);
    rig.apply(RetireSession{{sa.spi}});
    InstallSession next = rig.session_of({.spi = 0x2000'0040});
    next.lifetime.hard.bytes = 3 * message;
    rig.apply(std::move(next));
    CHECK(rig.sent().size() == 3);  // they waited
}

TEST_CASE("ES9: nothing is sent or taken past the hard age, and nothing of a session that was retired") {
    EspRig rig;
    const Sa sa;
    rig.install(sa);
    rig.now = rig.now + std::chrono::hours(1);
    rig.transmit(0, to_peer());
    CHECK(rig.sent().empty());
    CHECK(rig.take(EspRig::seal(sa, 1, from_peer())).empty());
    CHECK(rig.drops(DropReason::kSessionExpired) == 1);
    rig.apply(RetireSession{{sa.spi}});
    CHECK(rig.take(EspRig::seal(sa, 1, from_peer())).empty());
    CHECK(rig.own_drops(DropReason::kSpiUnknown) == 1);
}

TEST_CASE("ES8: the outer packet has the inner ECN and DSCP 0") {
    EspRig rig;
    rig.install({});
    for (std::uint8_t ecn = 0; ecn < 4; ++ecn) {
        IpFields fields;
        fields.source = *parse_ip("10.0.0.1");
        fields.destination = *parse_ip("10.0.0.2");
        fields.traffic_class = static_cast<std::uint8_t>(0xb8 | ecn);
        rig.transmit(0, udp_packet(fields, 1, 2, Packet(4)));
        const auto sent = rig.sent();
        REQUIRE(sent.size() == 1);
        CHECK(sent[0].traffic_class == ecn);
    }
    InstallSession copying = rig.session_of({.spi = 0x2000'0040});
    copying.copies_dscp = true;
    rig.apply(std::move(copying));
    (void)rig.sent();
    IpFields fields;
    fields.source = *parse_ip("10.0.0.1");
    fields.destination = *parse_ip("10.0.0.2");
    fields.traffic_class = 0xba;
    rig.transmit(0, udp_packet(fields, 1, 2, Packet(4)));
    const auto sent = rig.sent();
    REQUIRE(sent.size() == 1);
    CHECK(sent[0].traffic_class == 0xba);
}

TEST_CASE("ESP has no empty messages: SendKeepalive sends nothing, nor does a new session") {
    EspRig rig;
    rig.install({});
    CHECK(rig.sent().empty());
    rig.apply(SendKeepalive{{0}});
    CHECK(rig.sent().empty());
}

TEST_CASE(
    "KL4: a rekeyed CHILD_SA is sent on after its first packet or Confirm, the old one until then; both receive") {
    for (const bool by_packet : {true, false}) {
        EspRig rig;
        const Sa old;
        const Sa renewed{.spi = 0x2000'0040};
        rig.install(old);
        InstallSession session = rig.session_of(renewed);
        session.send_when = SendWhen::kAfterFirstReceived;
        rig.apply(std::move(session));
        rig.transmit(0, to_peer());
        CHECK(EspRig::open(old, 1, rig.sent().at(0).bytes).has_value());
        if (by_packet) {
            CHECK(rig.take(EspRig::seal(renewed, 1, from_peer())).size() == 1);
        } else {
            rig.apply(Confirm{{renewed.spi}});
        }
        rig.transmit(0, to_peer());
        CHECK(EspRig::open(renewed, 1, rig.sent().at(0).bytes).has_value());
        CHECK(rig.take(EspRig::seal(old, 1, from_peer())).size() == 1);
        CHECK(rig.take(EspRig::seal(renewed, 2, from_peer())).size() == 1);
    }
}

TEST_CASE("ES6: what comes out of a CHILD_SA lies within its selectors, and its source is this peer's") {
    EspRig rig;
    // The stack's 10.2.0.0/16 and fd00:42::/64; the peer's 10.0.0.0/8 and fd00:1::/64, TCP and UDP to port 2000 here.
    const Sa sa;
    InstallSession session = rig.session_of(sa);
    session.selectors = {selector("10.0.0.1/32", "10.0.0.0/8", kProtocolUdp),
                         selector("fd00:42::/64", "fd00:1::/64", kProtocolUdp)};
    for (Selector& one : session.selectors) one.local_ports = {2000, 2000};
    rig.apply(std::move(session));
    std::uint64_t sequence = 1;
    const auto taken = [&](const Packet& packet) { return rig.take(EspRig::seal(sa, sequence++, packet)).size() == 1; };
    CHECK(taken(from_peer("10.0.0.2", "10.0.0.1")));
    CHECK(taken(from_peer("10.1.2.3", "10.0.0.1")));
    CHECK(taken(from_peer("fd00:1::9", "fd00:42::1")));
    CHECK(rig.all_drops() == 0);

    // Not the selectors' destination, source, protocol, port.
    CHECK_FALSE(taken(from_peer("10.0.0.2", "10.0.0.7")));
    CHECK_FALSE(taken(from_peer("fd00:1::9", "fd00:43::1")));
    CHECK_FALSE(taken(from_peer("11.0.0.2", "10.0.0.1")));
    IpFields fields;
    fields.source = *parse_ip("10.0.0.2");
    fields.destination = *parse_ip("10.0.0.1");
    TcpFields tcp;
    tcp.destination_port = 2000;
    CHECK_FALSE(taken(tcp_packet(fields, tcp, Packet(4))));
    CHECK_FALSE(taken(udp_packet(fields, 2000, 2001, Packet(4))));
    CHECK_FALSE(taken(icmp_packet(fields, 8, 0, Packet(8))));
    CHECK(rig.drops(DropReason::kSelectorMismatch) == 6);
    // Within the selectors, and not the peer's.
    CHECK_FALSE(taken(from_peer("10.2.0.2", "10.0.0.1")));
    CHECK(rig.drops(DropReason::kSourceNotAllowed) == 1);
    // Nor when another peer has a longer prefix.
    rig.put({.listener = kEspListener,
             .peers = {{0, {"10.0.0.2/32", "10.1.0.0/16", "fd00:1::/64"}}, {7, {"10.1.2.0/24"}}}});
    CHECK_FALSE(taken(from_peer("10.1.2.3", "10.0.0.1")));
    CHECK(rig.drops(DropReason::kSourceNotAllowed) == 2);
    CHECK(rig.traffic(0).rx_packets == sequence - 1);
}

TEST_CASE("KS5: two any-to-any tunnels of a customer: prefixes decide which sources each may use") {
    EspRig rig;
    rig.put({.listener = kEspListener, .peers = {{0, {"10.1.0.0/16"}}, {1, {"10.2.0.0/16"}}}});
    const Sa first;
    const Sa second{.spi = 0x2000'0040, .peer = 1};
    for (const Sa& sa : {first, second}) {
        InstallSession session = rig.session_of(sa);
        session.selectors = {selector("0.0.0.0/0", "0.0.0.0/0")};
        rig.apply(std::move(session));
    }
    CHECK(rig.take(EspRig::seal(first, 1, from_peer("10.1.0.9"))).size() == 1);
    CHECK(rig.take(EspRig::seal(first, 2, from_peer("10.2.0.9"))).empty());
    CHECK(rig.take(EspRig::seal(second, 1, from_peer("10.2.0.9"))).size() == 1);
    CHECK(rig.take(EspRig::seal(second, 2, from_peer("fd00:1::9", "fd00:42::1"))).empty());  // another family
    CHECK(rig.drops(DropReason::kSourceNotAllowed) == 1);
    CHECK(rig.drops(DropReason::kSelectorMismatch) == 1);
}

// Two children: one for UDP to port 53, one for 10.1.0.0/16.
struct Children : EspRig {
    Children() {
        InstallSession session = session_of(dns);
        session.selectors = {selector("10.0.0.1/32", "0.0.0.0/0", kProtocolUdp, {53, 53})};
        apply(std::move(session));
        session = session_of(net);
        session.flow = 1;
        session.selectors = {selector("10.0.0.1/32", "10.1.0.0/16")};
        apply(std::move(session));
    }
    // The SPI that it is sent to; 0: to none.
    std::uint32_t spi_for(const Packet& packet) {
        transmit(0, packet);
        const auto all = sent();
        return all.empty() ? 0 : load_be<std::uint32_t>(all[0].bytes.data());
    }
    static Packet packet(const char* destination, std::uint16_t port, std::uint16_t fragment = 0) {
        IpFields fields;
        fields.source = *parse_ip("10.0.0.1");
        fields.destination = *parse_ip(destination);
        Packet out = udp_packet(fields, 1, port, Packet(16));
        store_be(out.data() + 6, fragment);
        store_be<std::uint16_t>(out.data() + 10, 0);
        store_be(out.data() + 10, naive_checksum(Bytes(out).first(20)));
        return out;
    }
    const Sa dns;
    const Sa net{.spi = 0x2000'0040};
};

TEST_CASE("ES6: the first CHILD_SA whose selectors match is taken; what none carries waits and asks for one") {
    Children rig;
    CHECK(rig.spi_for(Children::packet("10.0.0.2", 53)) == rig.dns.remote_spi());
    CHECK(rig.spi_for(Children::packet("10.1.0.2", 53)) == rig.dns.remote_spi());
    CHECK(rig.spi_for(Children::packet("10.1.0.2", 80)) == rig.net.remote_spi());
    (void)rig.events();
    CHECK(rig.spi_for(Children::packet("10.0.0.2", 80)) == 0);
    const auto needs = Rig::only<NeedSession>(rig.events());
    REQUIRE(needs.size() == 1);
    REQUIRE(needs[0].packet.has_value());
    CHECK(needs[0].packet->remote_port == 80);
    CHECK(rig.all_drops() == 0);
    // The engine may not make such a child.
    rig.apply(PurgeStaged{{0}, DropReason::kNoChildForPacket});
    CHECK(rig.drops(DropReason::kNoChildForPacket) == 1);
    CHECK(rig.drops(DropReason::kStagedPurged) == 0);
}

TEST_CASE("ES7: a later fragment goes where selectors without ports let it; else it is dropped and counted") {
    Children rig;
    constexpr std::uint16_t kMoreFragments = 0x2000;
    CHECK(rig.spi_for(Children::packet("10.0.0.2", 53, kMoreFragments)) == rig.dns.remote_spi());
    CHECK(rig.spi_for(Children::packet("10.1.0.2", 53, kMoreFragments | 3)) == rig.net.remote_spi());
    (void)rig.events();
    CHECK(rig.spi_for(Children::packet("10.0.0.2", 53, 3)) == 0);
    CHECK(rig.drops(DropReason::kNoChildForPacket) == 1);
    CHECK(Rig::only<NeedSession>(rig.events()).empty());
    // Before there is any CHILD_SA it waits, and is dropped when those that come do not carry it.
    rig.apply(RetireSession{{rig.dns.spi}});
    rig.apply(RetireSession{{rig.net.spi}});
    CHECK(rig.spi_for(Children::packet("10.0.0.2", 53, 3)) == 0);
    CHECK(rig.drops(DropReason::kNoChildForPacket) == 1);
    InstallSession session = rig.session_of(rig.dns);
    session.selectors = {selector("10.0.0.1/32", "0.0.0.0/0", kProtocolUdp, {53, 53})};
    rig.apply(std::move(session));
    CHECK(rig.sent().empty());
    CHECK(rig.drops(DropReason::kNoChildForPacket) == 2);
}

}  // namespace
}  // namespace warren::dataplane::test
