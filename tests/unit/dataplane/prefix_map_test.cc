// Translation of networks one to one: each kind of packet and of checksum, and a simple oracle for all of them.
#include <doctest/doctest.h>

#include <random>

#include "tests/unit/dataplane/packets.h"
#include "vpnd/packet/prefix_map.h"

using namespace warren;
using namespace warren::dataplane;
using namespace warren::dataplane::test;

namespace {

const std::vector<PrefixMap> kMaps{{*parse_prefix("10.0.1.0/24"), *parse_prefix("10.101.1.0/24")},
                                   {*parse_prefix("192.168.0.0/17"), *parse_prefix("10.77.128.0/17")},
                                   {*parse_prefix("fd00:1::/64"), *parse_prefix("fd77:9:8:7::/64")}};
const IpAddress kReal = *parse_ip("10.0.1.5");
const IpAddress kMapped = *parse_ip("10.101.1.5");
const IpAddress kFar = *parse_ip("10.0.2.9");
const IpAddress kReal6 = *parse_ip("fd00:1::5");
const IpAddress kMapped6 = *parse_ip("fd77:9:8:7::5");
const IpAddress kFar6 = *parse_ip("fd00:2::9");

Packet from_peer(Packet packet) {
    const auto inner = InnerPacket::parse(packet);
    REQUIRE(inner.has_value());
    translate_from_peer(kMaps, *inner);
    return packet;
}
Packet to_peer(Packet packet) {
    const auto inner = InnerPacket::parse(packet);
    REQUIRE(inner.has_value());
    translate_to_peer(kMaps, *inner);
    return packet;
}

Packet slice(const Packet& packet, std::size_t from) {
    return {packet.begin() + static_cast<std::ptrdiff_t>(from), packet.end()};
}

}  // namespace

TEST_CASE("an address keeps its host part, and one that is in no map stays") {
    CHECK(mapped_of(kMaps, kReal) == kMapped);
    CHECK(real_of(kMaps, kMapped) == kReal);
    CHECK(mapped_of(kMaps, *parse_ip("192.168.127.254")) == *parse_ip("10.77.255.254"));
    CHECK(mapped_of(kMaps, *parse_ip("192.168.128.1")) == std::nullopt);
    CHECK(mapped_of(kMaps, kReal6) == kMapped6);
    CHECK(mapped_of(kMaps, kMapped) == std::nullopt);
    CHECK(real_of(kMaps, kReal) == std::nullopt);
}

TEST_CASE("TCP, UDP, ICMP and ICMPv6 are what they would be if the far end had the other address") {
    const Packet data{1, 2, 3, 4, 5};
    for (const bool is_v4 : {true, false}) {
        const IpFields real{.source = is_v4 ? kReal : kReal6, .destination = is_v4 ? kFar : kFar6};
        const IpFields mapped{.source = is_v4 ? kMapped : kMapped6, .destination = is_v4 ? kFar : kFar6};
        CHECK(from_peer(tcp_packet(real, {}, data)) == tcp_packet(mapped, {}, data));
        CHECK(from_peer(udp_packet(real, 53, 1'000, data)) == udp_packet(mapped, 53, 1'000, data));
        CHECK(from_peer(icmp_packet(real, is_v4 ? 8 : 128, 0, data)) == icmp_packet(mapped, is_v4 ? 8 : 128, 0, data));
        CHECK(from_peer(ip_packet(real, 47, data)) == ip_packet(mapped, 47, data));  // no checksum of its own
        const IpFields back{.source = real.destination, .destination = mapped.source};
        const IpFields home{.source = real.destination, .destination = real.source};
        CHECK(to_peer(tcp_packet(back, {}, data)) == tcp_packet(home, {}, data));
        CHECK(to_peer(udp_packet(back, 1'000, 53, data)) == udp_packet(home, 1'000, 53, data));
        CHECK(to_peer(icmp_packet(back, is_v4 ? 0 : 129, 0, data)) == icmp_packet(home, is_v4 ? 0 : 129, 0, data));
    }
}

TEST_CASE("only the source of what comes from the peer is translated, only the destination of what goes there") {
    const Packet packet = udp_packet({.source = kFar, .destination = kReal}, 1, 2, Packet{7});
    CHECK(from_peer(packet) == packet);
    const Packet other = udp_packet({.source = kMapped, .destination = kFar}, 1, 2, Packet{7});
    CHECK(to_peer(other) == other);
}

TEST_CASE("UDP without a checksum stays without, and a checksum of zero is written as ones") {
    Packet none = udp_packet({.source = kReal, .destination = kFar}, 1, 2, Packet{7});
    store_be(none.data() + 26, std::uint16_t{0});
    const Packet translated = from_peer(none);
    CHECK(load_be<std::uint16_t>(translated.data() + 26) == 0);
    CHECK(naive_ipv4_header_is_right(translated));

    // A payload for which the sum comes out as zero: RFC 768 writes that as ones.
    for (std::uint32_t value = 0; value < 0x10000; ++value) {
        Packet data(2);
        store_be(data.data(), static_cast<std::uint16_t>(value));
        const Packet wanted = udp_packet({.source = kMapped, .destination = kFar}, 1, 2, data);
        if (load_be<std::uint16_t>(wanted.data() + 26) != 0xffff) continue;
        CHECK(from_peer(udp_packet({.source = kReal, .destination = kFar}, 1, 2, data)) == wanted);
        return;
    }
    FAIL("there is such a payload");
}

TEST_CASE("a wrong checksum stays wrong") {
    Packet tcp = tcp_packet({.source = kReal, .destination = kFar}, {}, Packet{1, 2, 3});
    tcp[36] ^= 0x10;
    CHECK(naive_transport_checksum(from_peer(tcp)) != 0);
    tcp[36] ^= 0x10;
    tcp[10] ^= 0x10;
    CHECK_FALSE(naive_ipv4_header_is_right(from_peer(tcp)));
}

TEST_CASE("a first fragment has the transport header, a later one addresses alone") {
    for (const unsigned offset : {0U, 100U}) {
        Packet packet = tcp_packet({.source = kReal, .destination = kFar}, {}, Packet(64, 0xaa));
        store_be(packet.data() + 6, static_cast<std::uint16_t>(0x2000 | offset));
        store_be(packet.data() + 10, std::uint16_t{0});
        store_be(packet.data() + 10, naive_checksum(Bytes(packet).first(20)));
        const Packet translated = from_peer(packet);
        CHECK(naive_ipv4_header_is_right(translated));
        CHECK(IpAddress::from_bytes(Bytes(translated).subspan(12, 4)) == kMapped);
        CHECK((slice(translated, 20) == slice(packet, 20)) == (offset != 0));
        if (offset == 0) CHECK(naive_transport_checksum(translated) == 0);
    }
}

TEST_CASE("IPv6 extension headers are stepped over, and a later fragment has addresses alone") {
    const Packet udp = slice(udp_packet({.source = kReal6, .destination = kFar6}, 1, 2, Packet{1, 2, 3, 4}), 40);
    const Packet wanted = slice(udp_packet({.source = kMapped6, .destination = kFar6}, 1, 2, Packet{1, 2, 3, 4}), 40);
    struct Row {
        std::uint8_t first;
        Packet headers;
        bool has_transport;
    };
    const std::vector<Row> rows{
        {0, {60, 0, 1, 4, 0, 0, 0, 0, 17, 1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, true},  // hop by hop, options
        {44, {17, 0, 0, 1, 0, 0, 0, 9}, true},                                                   // the first fragment
        {44, {17, 0, 0, 8, 0, 0, 0, 9}, false},                                                  // a later one
        {43, {17, 0, 4, 0, 0, 0, 0, 0}, true},                                                   // routing, at its end
        {43, {17, 0, 4, 1, 0, 0, 0, 0}, false},  // or not: the last destination is in it
        {51, {17, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2}, true},
    };
    for (const Row& row : rows) {
        Packet rest = row.headers;
        rest.insert(rest.end(), udp.begin(), udp.end());
        const Packet out = from_peer(ip_packet({.source = kReal6, .destination = kFar6}, row.first, rest));
        CHECK(IpAddress::from_bytes(Bytes(out).subspan(8, 16)) == kMapped6);
        CHECK(slice(out, 40 + row.headers.size()) == (row.has_transport ? wanted : udp));
    }
}

TEST_CASE("an ICMP error is about the packet that its reader knows") {
    // 10.0.2.9 sent to 10.101.1.5; the peer's router answers about 10.0.1.5.
    const IpAddress router = *parse_ip("10.0.1.1");
    const auto error_about = [](const IpAddress& from, const IpAddress& to, std::uint8_t type, const Packet& about,
                                std::size_t quoted) {
        Packet rest(4);
        rest.insert(rest.end(), about.begin(), about.begin() + static_cast<std::ptrdiff_t>(quoted));
        return icmp_packet({.source = from, .destination = to}, type, 0, rest);
    };
    const Packet data(40, 0x33);
    for (const std::uint8_t type : std::array<std::uint8_t, 3>{3, 11, 12}) {
        for (const std::size_t quoted : {28U, 60U}) {  // 8 bytes of transport (RFC 792), or all that counts
            const Packet here = tcp_packet({.source = kFar, .destination = kMapped}, {}, data);
            const Packet there = tcp_packet({.source = kFar, .destination = kReal}, {}, data);
            CHECK(from_peer(error_about(router, kFar, type, there, quoted)) ==
                  error_about(*parse_ip("10.101.1.1"), kFar, type, here, quoted));
            // And the other way: what the peer sent, which its far end answers about.
            const Packet sent = udp_packet({.source = kReal, .destination = kFar}, 9, 33'434, data);
            const Packet seen = udp_packet({.source = kMapped, .destination = kFar}, 9, 33'434, data);
            CHECK(to_peer(error_about(kFar, kMapped, type, seen, quoted)) ==
                  error_about(kFar, kReal, type, sent, quoted));
        }
    }
    // An echo quotes nothing, whatever its data look like.
    const Packet inside = tcp_packet({.source = kFar, .destination = kReal}, {}, data);
    CHECK(from_peer(error_about(router, kFar, 8, inside, 60)) ==
          error_about(*parse_ip("10.101.1.1"), kFar, 8, inside, 60));
}

TEST_CASE("an ICMPv6 error is about the packet that its reader knows") {
    const auto error_about = [](const IpAddress& from, const IpAddress& to, std::uint8_t type, const Packet& about) {
        Packet rest(4);
        rest.insert(rest.end(), about.begin(), about.end());
        return icmp_packet({.source = from, .destination = to}, type, 0, rest);
    };
    const Packet data(40, 0x33);
    for (const std::uint8_t type : std::array<std::uint8_t, 4>{1, 2, 3, 4}) {
        const Packet here = udp_packet({.source = kFar6, .destination = kMapped6}, 9, 9, data);
        const Packet there = udp_packet({.source = kFar6, .destination = kReal6}, 9, 9, data);
        CHECK(from_peer(error_about(kReal6, kFar6, type, there)) == error_about(kMapped6, kFar6, type, here));
        CHECK(to_peer(error_about(kFar6, kMapped6, type,
                                  from_peer(udp_packet({.source = kReal6, .destination = kFar6}, 9, 9, data)))) ==
              error_about(kFar6, kReal6, type, udp_packet({.source = kReal6, .destination = kFar6}, 9, 9, data)));
    }
}

TEST_CASE("an ICMP error in an error of a router between is mended though its own address is in no map") {
    const IpAddress transit = *parse_ip("172.16.9.9");
    const Packet there = udp_packet({.source = kFar, .destination = kReal}, 9, 9, Packet(20));
    const Packet here = udp_packet({.source = kFar, .destination = kMapped}, 9, 9, Packet(20));
    Packet rest(4);
    rest.insert(rest.end(), there.begin(), there.end());
    Packet wanted(4);
    wanted.insert(wanted.end(), here.begin(), here.end());
    CHECK(from_peer(icmp_packet({.source = transit, .destination = kFar}, 11, 0, rest)) ==
          icmp_packet({.source = transit, .destination = kFar}, 11, 0, wanted));
}

TEST_CASE("there and back is the same packet, and a checksum that was mended is the one that is reckoned anew") {
    std::mt19937 random(4'711);
    const auto below = [&](std::uint32_t most) { return static_cast<std::uint32_t>(random() % most); };
    for (int round = 0; round < 3'000; ++round) {
        const bool is_v4 = below(2) == 0;
        IpAddress real = is_v4 ? kReal : kReal6;
        IpAddress far = is_v4 ? kFar : kFar6;
        real.octets[is_v4 ? 3 : 15] = static_cast<std::uint8_t>(random());
        far.octets[is_v4 ? 3 : 15] = static_cast<std::uint8_t>(random());
        const IpFields fields{.source = real, .destination = far};
        const Packet data = random_bytes(random, below(200));
        Packet packet;
        switch (below(4)) {
            case 0: packet = tcp_packet(fields, {.sequence = below(UINT32_MAX), .options = {}}, data); break;
            case 1: packet = udp_packet(fields, static_cast<std::uint16_t>(random()), 2, data); break;
            case 2: packet = icmp_packet(fields, is_v4 ? 8 : 128, 0, data); break;
            default: {
                const Packet about = udp_packet({.source = far, .destination = real}, 7, 7, data);
                Packet rest(4);
                rest.insert(rest.end(), about.begin(),
                            about.end() - below(static_cast<std::uint32_t>(data.size()) + 1));
                packet = icmp_packet(fields, is_v4 ? 3 : 1, 0, rest);
            }
        }
        const Packet out = from_peer(packet);
        CHECK(out != packet);
        if (is_v4) CHECK(naive_ipv4_header_is_right(out));
        const bool is_icmp_v4 = is_v4 && out[9] == 1;
        CHECK((is_icmp_v4 ? naive_checksum(Bytes(out).subspan(20)) : naive_transport_checksum(out)) == 0);
        // Back: as if it had gone there, its ends exchanged in the map's eyes.
        std::vector<PrefixMap> turned;
        for (const PrefixMap& map : kMaps) turned.push_back({map.mapped, map.real});
        Packet back = out;
        translate_from_peer(turned, *InnerPacket::parse(back));
        CHECK(back == packet);
    }
}

TEST_CASE("bytes that are no packet do no harm") {
    std::mt19937 random(12);
    for (int round = 0; round < 20'000; ++round) {
        Packet packet = random_bytes(random, 20 + random() % 120);
        packet[0] = round % 2 == 0 ? static_cast<std::uint8_t>(0x40 | (5 + random() % 11)) : 0x60;
        if (round % 2 == 0) {
            store_be(packet.data() + 2, static_cast<std::uint16_t>(packet.size()));
            packet[9] = static_cast<std::uint8_t>(std::array<int, 4>{1, 6, 17, 47}[random() % 4]);
            if (random() % 2 == 0) store_be(packet.data() + 6, std::uint16_t{0});
            packet[12] = 10, packet[13] = 0, packet[14] = 1;
        } else if (packet.size() > 40) {
            store_be(packet.data() + 4, static_cast<std::uint16_t>(packet.size() - 40));
            packet[6] = static_cast<std::uint8_t>(std::array<int, 6>{0, 43, 44, 51, 58, 60}[random() % 6]);
            std::copy_n(kReal6.octets.begin(), 8, packet.begin() + 8);
        }
        const auto inner = InnerPacket::parse(packet);
        if (!inner) continue;
        translate_from_peer(kMaps, *inner);
        translate_to_peer(kMaps, *inner);
    }
}
