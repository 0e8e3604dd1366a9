#include "vpnd/packet/inner_packet.h"

#include <doctest/doctest.h>

#include "packets.h"

namespace warren::dataplane::test {
namespace {

DropReason refusal(Packet packet) {
    const auto parsed = InnerPacket::parse(packet);
    REQUIRE_FALSE(parsed.has_value());
    return parsed.error();
}

Packet v4_of(std::size_t size, std::uint16_t total, std::uint8_t first = 0x45) {
    Packet packet(size);
    if (size > 0) packet[0] = first;
    if (size >= 4) store_be(packet.data() + 2, total);
    return packet;
}

Packet v6_of(std::size_t size, std::uint16_t payload, std::uint8_t next_header = 17) {
    Packet packet(size);
    if (size > 0) packet[0] = 0x60;
    if (size >= 7) {
        store_be(packet.data() + 4, payload);
        packet[6] = next_header;
    }
    return packet;
}

TEST_CASE("D3: only versions 4 and 6 with a complete header are accepted") {
    CHECK(refusal({}) == DropReason::kInnerMalformed);
    for (unsigned version = 0; version < 16; ++version) {
        if (version == 4 || version == 6) continue;
        CHECK(refusal(v4_of(64, 64, static_cast<std::uint8_t>(version << 4 | 5))) == DropReason::kInnerMalformed);
    }
    for (std::size_t size = 1; size < 20; ++size)
        CHECK(refusal(v4_of(size, static_cast<std::uint16_t>(size))) == DropReason::kInnerMalformed);
    for (std::size_t size = 1; size < 40; ++size) CHECK(refusal(v6_of(size, 8)) == DropReason::kInnerMalformed);
}

TEST_CASE("D3: the total length is at least the header and at most the packet; padding is removed") {
    for (std::size_t total = 0; total <= 70; ++total) {
        Packet packet = v4_of(64, static_cast<std::uint16_t>(total));
        const auto parsed = InnerPacket::parse(packet);
        CHECK(parsed.has_value() == (total >= 20 && total <= 64));
        if (parsed) CHECK(parsed->bytes().size() == total);
    }
    for (std::size_t payload = 1; payload <= 70; ++payload) {
        Packet packet = v6_of(64, static_cast<std::uint16_t>(payload));
        const auto parsed = InnerPacket::parse(packet);
        CHECK(parsed.has_value() == (payload <= 24));
        if (parsed) CHECK(parsed->bytes().size() == 40 + payload);
    }
}

TEST_CASE("D3: a wrong IPv4 header length is refused") {
    for (unsigned words = 0; words < 16; ++words) {
        Packet packet = v4_of(64, 40, static_cast<std::uint8_t>(0x40 | words));
        CHECK(InnerPacket::parse(packet).has_value() == (words >= 5 && words * 4 <= 40));
    }
}

TEST_CASE("D3: an IPv6 payload length of zero means a jumbogram, or no payload") {
    CHECK(refusal(v6_of(64, 0, 0)) == DropReason::kInnerJumbogram);
    CHECK(refusal(v6_of(64, 0, 6)) == DropReason::kInnerJumbogram);
    Packet empty = v6_of(48, 0, 59);
    REQUIRE(InnerPacket::parse(empty).has_value());
    CHECK(InnerPacket::parse(empty)->bytes().size() == 40);
}

TEST_CASE("the accessors read the written values") {
    IpFields fields;
    fields.traffic_class = 0xb9;
    Packet v4 = udp_packet(fields, 1, 2, Packet{9});
    const auto parsed_v4 = InnerPacket::parse(v4);
    CHECK(parsed_v4->is_v4());
    CHECK(parsed_v4->protocol() == 17);
    CHECK(parsed_v4->source() == fields.source);
    CHECK(parsed_v4->destination() == fields.destination);
    CHECK(parsed_v4->traffic_class() == 0xb9);
    CHECK(parsed_v4->dont_fragment());
    fields.source = *parse_ip("fd00::1");
    fields.destination = *parse_ip("fd00::2");
    Packet v6 = udp_packet(fields, 1, 2, Packet{9});
    const auto parsed_v6 = InnerPacket::parse(v6);
    CHECK_FALSE(parsed_v6->is_v4());
    CHECK(parsed_v6->protocol() == 17);
    CHECK(parsed_v6->source() == fields.source);
    CHECK(parsed_v6->destination() == fields.destination);
    CHECK(parsed_v6->traffic_class() == 0xb9);
}

TEST_CASE("D9: setting the ECN field keeps DSCP, and keeps a valid header checksum valid and a wrong one wrong") {
    for (unsigned traffic_class = 0; traffic_class < 256; ++traffic_class) {
        for (unsigned ecn = 0; ecn < 4; ++ecn) {
            for (const char* source : {"10.0.0.2", "fd00::2"}) {
                IpFields fields;
                fields.source = *parse_ip(source);
                if (!fields.source.is_v4()) fields.destination = *parse_ip("fd00::1");
                fields.traffic_class = static_cast<std::uint8_t>(traffic_class);
                Packet packet = udp_packet(fields, 1, 2, Packet{9});
                InnerPacket::parse(packet)->set_ecn(static_cast<Ecn>(ecn));
                fields.traffic_class = static_cast<std::uint8_t>((traffic_class & 0xfc) | ecn);
                const Packet expected = udp_packet(fields, 1, 2, Packet{9});
                REQUIRE(InnerPacket::parse(packet)->traffic_class() == fields.traffic_class);
                if (!fields.source.is_v4()) REQUIRE(packet == expected);
                if (fields.source.is_v4()) REQUIRE(naive_ipv4_header_is_right(packet));
            }
        }
    }
    Packet wrong = udp_packet({}, 1, 2, Packet{9});
    wrong[8] ^= 1;
    InnerPacket::parse(wrong)->set_ecn(Ecn::kCe);
    CHECK_FALSE(naive_ipv4_header_is_right(wrong));
}

TEST_CASE("D4: addresses that no host can have as a source") {
    for (const char* martian :
         {"0.0.0.0", "0.1.2.3", "127.0.0.1", "127.255.255.255", "224.0.0.1", "239.255.255.255", "255.255.255.255",
          "::", "::1", "ff02::1", "ff0e::1", "::ffff:10.0.0.2", "::ffff:127.0.0.1"}) {
        CHECK_MESSAGE(is_martian_source(*parse_ip(martian)), martian);
    }
    for (const char* host :
         {"10.0.0.2", "1.0.0.0", "126.255.255.255", "128.0.0.1", "223.255.255.255", "240.0.0.1", "255.255.255.254",
          "::2", "fd00::1", "fe80::1", "2001:db8::1", "::fffe:10.0.0.2", "1::ffff:10.0.0.2"}) {
        CHECK_MESSAGE(!is_martian_source(*parse_ip(host)), host);
    }
}

TEST_CASE("D9: the table of RFC 6040, figure 4") {
    constexpr auto kDrop = std::nullopt;
    using enum Ecn;
    struct Row {
        Ecn inner;
        std::optional<Ecn> outer[4];  // by outer: not-ECT, ECT(1), ECT(0), CE
    };
    const Row rows[] = {{kNotEct, {kNotEct, kNotEct, kNotEct, kDrop}},
                        {kEct0, {kEct0, kEct1, kEct0, kCe}},
                        {kEct1, {kEct1, kEct1, kEct1, kCe}},
                        {kCe, {kCe, kCe, kCe, kCe}}};
    for (const Row& row : rows) {
        for (std::size_t outer = 0; outer < 4; ++outer)
            CHECK(decapsulated_ecn(static_cast<Ecn>(outer), row.inner) == row.outer[outer]);
    }
    for (unsigned traffic_class = 0; traffic_class < 256; ++traffic_class) {
        CHECK(encapsulated_traffic_class(static_cast<std::uint8_t>(traffic_class)) == (traffic_class & 3));
    }
}

}  // namespace
}  // namespace warren::dataplane::test
