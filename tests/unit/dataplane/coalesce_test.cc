// Joining packets and splitting super-packets: each reverses the other, byte for byte.
#include "vpnd/dataplane/coalesce.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>

#include "rig.h"
#include "vpnd/dataplane/framing/wireguard.h"
#include "vpnd/packet/segment.h"

namespace warren::dataplane::test {
namespace {

// The stack's view of these packets: each write, and the packets that a kernel would make of it.
struct Joined {
    std::vector<std::size_t> writes;  // packets in each
    std::vector<OffloadHeader> headers;
    std::vector<Packet> packets;
};

struct Input {
    Packet packet;
    std::uint32_t peer = 0;
    std::uint32_t customer = 0;
};

Joined join(std::vector<Input> inputs, bool takes_udp = true) {
    Coalescer coalescer;
    Output out;
    for (Input& input : inputs) {
        coalescer.add({{input.peer}, {input.customer}, 1'420, {.tcp = true, .udp = takes_udp}, &kWireguardFraming},
                      *InnerPacket::parse(input.packet), out);
    }
    coalescer.finish(out);
    Joined joined;
    for (const TunWrite& write : out.tun_writes) {
        Packet whole = gather(write, out);
        joined.writes.push_back(write.packets);
        joined.headers.push_back(OffloadHeader::decode(whole));
        const auto super_packet = SuperPacket::parse(whole);
        REQUIRE(super_packet.has_value());
        REQUIRE(super_packet->count() == write.packets);
        for (std::size_t i = 0; i < super_packet->count(); ++i) {
            Packet packet(super_packet->size_of(i));
            super_packet->write(i, packet.data());
            joined.packets.push_back(std::move(packet));
        }
    }
    return joined;
}

std::vector<Input> inputs_of(const std::vector<Packet>& packets) {
    std::vector<Input> out;
    for (const Packet& packet : packets) out.push_back({packet});
    return out;
}

std::size_t writes_for(const std::vector<Packet>& packets) {
    return join(inputs_of(packets)).writes.size();
}

// A TCP or UDP flow whose packets follow one another.
class Flow {
  public:
    Flow(bool is_v4, bool is_tcp, std::uint16_t port = 40'000) : is_tcp_(is_tcp) {
        ip.source = *parse_ip(is_v4 ? "10.0.0.2" : "fd00::2");
        ip.destination = *parse_ip(is_v4 ? "10.0.1.10" : "fd00::1");
        tcp.source_port = port;
    }
    Packet next(std::size_t size, std::uint8_t flags = 0x10) {
        Packet payload(size);
        for (auto& byte : payload) byte = static_cast<std::uint8_t>(++fill_ * 37);
        tcp.flags = flags;
        Packet out = is_tcp_ ? tcp_packet(ip, tcp, payload) : udp_packet(ip, tcp.source_port, 53, payload);
        tcp.sequence += static_cast<std::uint32_t>(size);
        ++ip.identification;
        return out;
    }

    IpFields ip;
    TcpFields tcp;

  private:
    bool is_tcp_;
    std::uint32_t fill_ = 0;
};

TEST_CASE("packets of one flow become one super-packet, and come back byte for byte") {
    for (const bool is_v4 : {true, false}) {
        for (const bool is_tcp : {true, false}) {
            Flow flow(is_v4, is_tcp);
            std::vector<Packet> packets;
            for (int i = 0; i < 20; ++i) packets.push_back(flow.next(1'000));
            packets.push_back(flow.next(777, is_tcp ? 0x18 : 0));
            const Joined joined = join(inputs_of(packets));
            REQUIRE(joined.writes == std::vector<std::size_t>{21});
            CHECK(joined.packets == packets);
            const OffloadHeader& header = joined.headers[0];
            CHECK(header.flags == OffloadHeader::kNeedsChecksum);
            CHECK(header.gso_type == (!is_tcp ? 5 : is_v4 ? 1 : 4));
            CHECK(header.gso_size == 1'000);
            CHECK(header.checksum_start == (is_v4 ? 20 : 40));
            CHECK(header.checksum_offset == (is_tcp ? 16 : 6));
            CHECK(header.header_size == header.checksum_start + (is_tcp ? 20 : 8));
        }
    }
}

TEST_CASE("a super-packet's own checksum is what the kernel completes: the sum over its pseudo-header") {
    Flow flow(true, true);
    std::vector<Input> inputs = inputs_of({flow.next(100), flow.next(100), flow.next(40)});
    Coalescer coalescer;
    Output out;
    for (Input& input : inputs)
        coalescer.add({{0}, {0}, 1'420, {.tcp = true, .udp = true}, &kWireguardFraming},
                      *InnerPacket::parse(input.packet), out);
    coalescer.finish(out);
    Packet whole = gather(out.tun_writes.at(0), out);
    const Bytes packet = Bytes(whole).subspan(10);
    CHECK(packet.size() == 20 + 20 + 240);
    CHECK(load_be<std::uint16_t>(packet.data() + 2) == packet.size());
    CHECK(naive_ipv4_header_is_right(packet));
    Packet completed(packet.begin(), packet.end());
    const std::uint16_t checksum = naive_checksum(Bytes(completed).subspan(20));
    store_be(completed.data() + 20 + 16, checksum);
    CHECK(naive_transport_checksum(completed) == 0);
}

TEST_CASE("a single packet is unchanged, with an empty offload header") {
    Flow flow(true, true);
    const Packet packet = flow.next(500);
    const Joined joined = join(inputs_of({packet}));
    CHECK(joined.packets == std::vector<Packet>{packet});
    CHECK(joined.headers[0].encode() == std::array<std::uint8_t, kOffloadHeaderSize>{});
}

TEST_CASE("packets are joined only if they differ in no field but length, sequence, identification and checksum") {
    using Change = void (*)(Flow&);
    const std::vector<Change> changes_for_all{
        [](Flow& f) { f.ip.traffic_class = 4; },     [](Flow& f) { f.ip.traffic_class = 3; },
        [](Flow& f) { f.ip.hop_limit = 63; },        [](Flow& f) { f.tcp.source_port = 1; },
        [](Flow& f) { f.ip.source.octets[3] ^= 1; }, [](Flow& f) { f.ip.destination.octets[3] ^= 1; }};
    const std::vector<Change> changes_for_tcp{
        [](Flow& f) { f.tcp.sequence += 1; }, [](Flow& f) { f.tcp.sequence -= 1; },
        [](Flow& f) { f.tcp.acknowledgement += 1; }, [](Flow& f) { f.tcp.window += 1; },
        [](Flow& f) {
            f.tcp.options = {1, 1, 1, 1};
        }};
    for (const bool is_v4 : {true, false}) {
        for (const bool is_tcp : {true, false}) {
            auto changes = changes_for_all;
            if (is_tcp) changes.insert(changes.end(), changes_for_tcp.begin(), changes_for_tcp.end());
            if (is_v4) changes.push_back([](Flow& f) { f.ip.dont_fragment = false; });
            for (const Change change : changes) {
                Flow flow(is_v4, is_tcp);
                std::vector<Packet> packets{flow.next(100), flow.next(100)};
                CHECK(writes_for(packets) == 1);
                change(flow);
                packets.push_back(flow.next(100));
                const Joined joined = join(inputs_of(packets));
                CHECK(joined.writes == std::vector<std::size_t>{2, 1});
                CHECK(joined.packets == packets);
            }
        }
    }
}

TEST_CASE("TCP options are compared byte for byte") {
    Flow flow(true, true);
    flow.tcp.options = {1, 1, 8, 10, 0, 0, 0, 5, 0, 0, 0, 6};
    std::vector<Packet> packets{flow.next(100), flow.next(100)};
    CHECK(writes_for(packets) == 1);
    flow.tcp.options[11] = 7;
    packets.push_back(flow.next(100));
    CHECK(writes_for(packets) == 2);
}

TEST_CASE("only segments with ACK alone are joined, and with PSH on the last") {
    for (unsigned flags = 0; flags < 256; ++flags) {
        Flow flow(true, true);
        const auto middle = static_cast<std::uint8_t>(flags);
        const std::vector<Packet> packets{flow.next(100), flow.next(100, middle), flow.next(100), flow.next(100)};
        const Joined joined = join(inputs_of(packets));
        std::vector<std::size_t> expected{1, 1, 2};
        if (flags == 0x10) expected = {4};
        if (flags == 0x18) expected = {2, 2};
        CHECK(joined.writes == expected);
        CHECK(joined.packets == packets);
    }
}

TEST_CASE("packets without payload, and of growing size, are not joined; a shorter one is the last") {
    Flow flow(true, true);
    const std::vector<Packet> packets{flow.next(0),   flow.next(100), flow.next(0), flow.next(100),
                                      flow.next(101), flow.next(50),  flow.next(50)};
    const Joined joined = join(inputs_of(packets));
    CHECK(joined.writes == std::vector<std::size_t>{1, 1, 1, 1, 2, 1});
    CHECK(joined.packets == packets);
}

TEST_CASE("D13: packets are never joined across peers or customers") {
    Flow flow(true, true);
    std::vector<Input> inputs = inputs_of({flow.next(100), flow.next(100), flow.next(100)});
    inputs[1].peer = 1;
    CHECK(join(inputs).writes.size() == 3);
    inputs[1].peer = 0;
    inputs[1].customer = 1;
    CHECK(join(inputs).writes.size() == 3);
    inputs[1].customer = 0;
    CHECK(join(inputs).writes.size() == 1);
}

TEST_CASE("a corrupt packet is not joined, because a new checksum would hide the error") {
    for (const bool is_tcp : {true, false}) {
        for (std::size_t corrupt = 0; corrupt < 4; ++corrupt) {
            Flow flow(true, is_tcp);
            std::vector<Packet> packets{flow.next(100), flow.next(100), flow.next(100), flow.next(100)};
            packets[corrupt].back() ^= 1;
            const Joined joined = join(inputs_of(packets));
            CHECK(joined.packets == packets);  // still wrong, and the others right
            std::size_t at = 0;
            for (const std::size_t count : joined.writes) {
                if (at <= corrupt && corrupt < at + count) CHECK(count == 1);
                at += count;
            }
        }
    }
}

TEST_CASE("a wrong IPv4 header checksum is not repaired by joining") {
    for (std::size_t corrupt = 0; corrupt < 3; ++corrupt) {
        Flow flow(true, true);
        std::vector<Packet> packets{flow.next(100), flow.next(100), flow.next(100)};
        packets[corrupt][10] ^= 1;
        const Joined joined = join(inputs_of(packets));
        CHECK(joined.packets == packets);
    }
}

TEST_CASE("a UDP packet without a checksum, or with a wrong length, stays alone") {
    Flow flow(true, false);
    std::vector<Packet> packets{flow.next(100), flow.next(100)};
    for (Packet& packet : packets) packet[26] = packet[27] = 0;
    CHECK(writes_for(packets) == 2);
    packets = {flow.next(100), flow.next(100)};
    for (Packet& packet : packets) packet[25] ^= 4;
    CHECK(writes_for(packets) == 2);
}

TEST_CASE("fragments, IP options and other protocols stay alone") {
    Flow flow(true, true);
    std::vector<Packet> packets{flow.next(100), flow.next(100)};
    for (Packet& packet : packets) {
        packet[6] = 0x20;
        store_be<std::uint16_t>(packet.data() + 10, 0);
        store_be(packet.data() + 10, naive_checksum(Bytes(packet).first(20)));
    }
    CHECK(writes_for(packets) == 2);
    packets = {ip_packet({}, 47, Packet(100)), ip_packet({}, 47, Packet(100))};
    CHECK(writes_for(packets) == 2);
    const auto with_option = [&] {
        Packet packet = flow.next(100);
        packet.insert(packet.begin() + 20, {1, 1, 1, 1});
        packet[0] = 0x46;
        store_be(packet.data() + 2, static_cast<std::uint16_t>(packet.size()));
        store_be<std::uint16_t>(packet.data() + 10, 0);
        store_be(packet.data() + 10, naive_checksum(Bytes(packet).first(24)));
        return packet;
    };
    packets = {with_option(), with_option()};
    CHECK(writes_for(packets) == 2);
}

TEST_CASE("without UDP segmentation at the TUN datagrams stay alone, but TCP is joined") {
    Flow udp(true, false);
    CHECK(join(inputs_of({udp.next(100), udp.next(100)}), false).writes.size() == 2);
    Flow tcp(true, true);
    CHECK(join(inputs_of({tcp.next(100), tcp.next(100)}), false).writes.size() == 1);
}

TEST_CASE("a super-packet becomes one train again: 64 packets, and at most the bytes of a datagram") {
    for (const std::size_t size : {1U, 1'000U, 1'380U, 1'400U, 8'000U, 32'000U}) {
        Flow flow(true, true);
        std::vector<Packet> packets;
        for (int i = 0; i < 200; ++i) packets.push_back(flow.next(size));
        const Joined joined = join(inputs_of(packets));
        CHECK(joined.packets == packets);
        for (const std::size_t count : joined.writes) {
            CHECK(count <= 64);
            CHECK(count * (WireguardFraming::padded_size(size + 40, 1'420) + 32) <= 65'507);
            CHECK(40 + count * size <= 65'000);
        }
        if (size == 1'380) CHECK(joined.writes[0] == 45);
    }
}

TEST_CASE("parallel flows are joined separately; more than eight at once stay correct") {
    for (const std::size_t flows : {2U, 8U, 9U, 30U}) {
        std::vector<Flow> all;
        for (std::size_t i = 0; i < flows; ++i)
            all.emplace_back(i % 2 == 0, i % 3 != 0, static_cast<std::uint16_t>(1'000 + i));
        std::vector<Packet> packets;
        for (int round = 0; round < 5; ++round) {
            for (Flow& flow : all) packets.push_back(flow.next(200));
        }
        const Joined joined = join(inputs_of(packets));
        if (flows <= 8) CHECK(joined.writes.size() == flows);
        CHECK(std::is_permutation(joined.packets.begin(), joined.packets.end(), packets.begin(), packets.end()));
    }
}

// The packets of each flow, in order.
std::map<Packet, std::vector<Packet>> by_flow(const std::vector<Packet>& packets) {
    std::map<Packet, std::vector<Packet>> out;
    for (const Packet& packet : packets) {
        const bool is_v4 = packet[0] >> 4 == 4;
        Packet flow{packet[is_v4 ? 9 : 6]};  // protocol; then addresses and ports
        flow.insert(flow.end(), packet.begin() + (is_v4 ? 12 : 8), packet.begin() + (is_v4 ? 24 : 44));
        out[flow].push_back(packet);
    }
    return out;
}

// Without the identification of IPv4 packets that may not be fragmented: it has no meaning, and joining does not keep
// it (RFC 6864 §4.1).
std::vector<Packet> without_identification(std::vector<Packet> packets) {
    for (Packet& packet : packets) {
        if (packet[0] >> 4 == 4 && (packet[6] & 0x40) != 0) packet[4] = packet[5] = packet[10] = packet[11] = 0;
    }
    return packets;
}

TEST_CASE("random flows with all kinds of packets: every packet comes out once, unchanged, in its flow's order") {
    for (std::uint32_t seed = 1; seed <= 150; ++seed) {
        CAPTURE(seed);
        std::mt19937 random(seed);
        std::vector<Flow> flows;
        for (std::uint16_t i = 0; i < 1 + seed % 11; ++i)
            flows.emplace_back(random() % 2 == 0, random() % 3 != 0, static_cast<std::uint16_t>(1'000 + i));
        std::vector<Packet> packets;
        for (int i = 0; i < 120; ++i) {
            Flow& flow = flows[random() % flows.size()];
            if (random() % 40 == 0) flow.tcp.sequence += 100;
            if (random() % 40 == 0) flow.tcp.acknowledgement += 100;
            if (random() % 40 == 0) flow.ip.traffic_class ^= 2;
            if (random() % 60 == 0) flow.ip.dont_fragment = !flow.ip.dont_fragment;
            const std::size_t size = random() % 8 == 0 ? random() % 1'400 : 700;
            const std::uint8_t flags = random() % 10 == 0 ? static_cast<std::uint8_t>(random()) : std::uint8_t{0x10};
            Packet packet = flow.next(size, flags);
            if (random() % 20 == 0) packet[20 + random() % (packet.size() - 20)] ^= 1;
            packets.push_back(std::move(packet));
        }
        const std::vector<Packet> given = without_identification(packets);
        const std::vector<Packet> got = without_identification(join(inputs_of(packets)).packets);
        REQUIRE(std::is_permutation(got.begin(), got.end(), given.begin(), given.end()));
        // A flipped bit may have changed the ports. Then the packet belongs to another flow and its order.
        REQUIRE(by_flow(got) == by_flow(given));
    }
}

// --- super-packets from a stack --------------------------------------------------------------------------------------

// A TCP packet of `payload` bytes from a stack: its checksum is incomplete, and it is to be segmented at `gso_size`.
Packet super_tcp(bool is_v4, std::size_t payload, std::uint16_t gso_size, std::uint8_t flags) {
    Flow flow(is_v4, true);
    flow.tcp.options = {1, 1, 1, 1};
    Packet packet = flow.next(payload, flags);
    const std::uint16_t start = is_v4 ? 20 : 40;
    store_be<std::uint16_t>(packet.data() + start + 16, 0xdead);  // any old value
    OffloadHeader header{
        OffloadHeader::kNeedsChecksum, static_cast<std::uint8_t>(is_v4 ? 1 : 4), 9'999, gso_size, start, 16};
    const auto encoded = header.encode();
    Packet out(encoded.begin(), encoded.end());
    out.insert(out.end(), packet.begin(), packet.end());
    return out;
}

TEST_CASE("a TCP super-packet becomes the segments a stack would have sent") {
    for (const bool is_v4 : {true, false}) {
        Packet whole = super_tcp(is_v4, 3'500, 1'000, 0x19);  // FIN, PSH, ACK
        const auto packet = SuperPacket::parse(whole);
        REQUIRE(packet.has_value());
        REQUIRE(packet->count() == 4);
        Flow expected(is_v4, true);
        expected.tcp.options = {1, 1, 1, 1};
        for (std::size_t i = 0; i < 4; ++i) {
            Packet segment(packet->size_of(i));
            packet->write(i, segment.data());
            CHECK(segment == expected.next(i < 3 ? 1'000 : 500, i < 3 ? 0x10 : 0x19));
        }
    }
}

TEST_CASE("a UDP super-packet becomes datagrams with their own lengths and checksums") {
    for (const bool is_v4 : {true, false}) {
        Flow flow(is_v4, false);
        Packet packet = flow.next(2'500);
        const std::uint16_t start = is_v4 ? 20 : 40;
        OffloadHeader header{OffloadHeader::kNeedsChecksum, 5, 0, 1'000, start, 6};
        Packet whole = from_tun(packet);
        std::ranges::copy(header.encode(), whole.begin());
        const auto parsed = SuperPacket::parse(whole);
        REQUIRE(parsed.has_value());
        REQUIRE(parsed->count() == 3);
        Flow expected(is_v4, false);
        for (std::size_t i = 0; i < 3; ++i) {
            Packet datagram(parsed->size_of(i));
            parsed->write(i, datagram.data());
            CHECK(datagram == expected.next(i < 2 ? 1'000 : 500));
        }
    }
}

TEST_CASE("a single packet gets the checksum that the stack left incomplete") {
    for (const bool is_v4 : {true, false}) {
        for (const bool is_tcp : {true, false}) {
            Flow flow(is_v4, is_tcp);
            const Packet expected = flow.next(333);
            Packet whole = from_tun(expected);
            const std::size_t start = is_v4 ? 20 : 40;
            const std::size_t field = is_tcp ? 16 : 6;
            // The kernel leaves the pseudo-header's sum in the field, not inverted.
            store_be<std::uint16_t>(whole.data() + 10 + start + field, 0);
            Packet pseudo(expected.begin() + (is_v4 ? 12 : 8), expected.begin() + static_cast<std::ptrdiff_t>(start));
            for (const std::size_t number : {expected.size() - start, std::size_t{is_tcp ? 6U : 17U}}) {
                pseudo.push_back(static_cast<std::uint8_t>(number >> 8));
                pseudo.push_back(static_cast<std::uint8_t>(number));
            }
            store_be(whole.data() + 10 + start + field, static_cast<std::uint16_t>(~naive_checksum(pseudo)));
            OffloadHeader header{OffloadHeader::kNeedsChecksum,    0, 0, 0, static_cast<std::uint16_t>(start),
                                 static_cast<std::uint16_t>(field)};
            std::ranges::copy(header.encode(), whole.begin());
            const auto parsed = SuperPacket::parse(whole);
            REQUIRE(parsed.has_value());
            REQUIRE(parsed->count() == 1);
            Packet packet(parsed->size_of(0));
            parsed->write(0, packet.data());
            CHECK(packet == expected);
        }
    }
}

TEST_CASE("invalid offload headers are refused") {
    const auto refused = [](OffloadHeader header, Packet packet) {
        Packet whole = from_tun(packet);
        std::ranges::copy(header.encode(), whole.begin());
        const auto parsed = SuperPacket::parse(whole);
        return !parsed.has_value() && parsed.error() == DropReason::kOffloadHeaderInvalid;
    };
    Flow v4(true, true);
    Flow v6(false, true);
    Flow udp(true, false);
    const Packet tcp_v4 = v4.next(100);
    const Packet tcp_v6 = v6.next(100);
    const Packet datagram = udp.next(100);
    constexpr std::uint8_t kNeeds = OffloadHeader::kNeedsChecksum;
    CHECK_FALSE(refused({kNeeds, 1, 0, 10, 20, 16}, tcp_v4));
    CHECK_FALSE(refused({kNeeds, 0x81, 0, 10, 20, 16}, tcp_v4));  // with the ECN flag
    CHECK(refused({kNeeds, 1, 0, 0, 20, 16}, tcp_v4));            // no segment size
    CHECK(refused({kNeeds, 1, 0, 10, 40, 16}, tcp_v6));           // wrong family
    CHECK(refused({kNeeds, 4, 0, 10, 20, 16}, tcp_v4));
    CHECK(refused({kNeeds, 1, 0, 10, 20, 16}, datagram));  // wrong protocol
    CHECK(refused({kNeeds, 5, 0, 10, 20, 6}, tcp_v4));
    CHECK(refused({kNeeds, 3, 0, 10, 20, 6}, datagram));  // fragmentation offload, which we did not request
    CHECK(refused({kNeeds, 77, 0, 10, 20, 6}, datagram));
    CHECK(refused({kNeeds, 0, 0, 0, 19, 6}, datagram));    // a checksum inside the IP header
    CHECK(refused({kNeeds, 0, 0, 0, 20, 107}, datagram));  // beyond the end
    CHECK(refused({kNeeds, 0, 0, 0, 65'535, 65'535}, datagram));
    CHECK(refused({kNeeds, 1, 0, 10, 20, 16}, Packet(tcp_v4.begin(), tcp_v4.begin() + 40)) ==
          false);  // shorter than its length field: malformed
    Packet no_payload = v4.next(0);
    CHECK(refused({kNeeds, 1, 0, 10, 20, 16}, no_payload));
    Packet bad_offset = tcp_v4;
    bad_offset[20 + 12] = 0x40;
    CHECK(refused({kNeeds, 1, 0, 10, 20, 16}, bad_offset));
    bad_offset[20 + 12] = 0xf0;
    CHECK_FALSE(refused({kNeeds, 1, 0, 10, 20, 16}, bad_offset));
}

TEST_CASE("a 64 KB super-packet with the smallest segments is split without loss") {
    Rig rig;
    rig.put({.peers = {{0, {"10.0.1.0/24"}}}});
    rig.set_endpoint(0, "198.51.100.7:1111");
    rig.install(0, 100, true);
    rig.sent();
    for (const unsigned gso_size : {48U, 536U, 1'376U}) {
        rig.transmit_super(0, super_tcp(true, 65'000, static_cast<std::uint16_t>(gso_size), 0x10));
        const auto sent = rig.sent();
        CHECK(sent.size() == (65'000U + gso_size - 1) / gso_size);
        std::size_t payload = 0;
        for (const Sent& one : sent) {
            const Packet plain = rig.open(100, one);
            payload += load_be<std::uint16_t>(plain.data() + 2) - 44U;
        }
        CHECK(payload == 65'000);
    }
    CHECK(rig.all_drops() == 0);
}

}  // namespace
}  // namespace warren::dataplane::test
