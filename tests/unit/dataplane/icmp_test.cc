// Errors into the stack (conformance D6).
#include "vpnd/dataplane/icmp.h"

#include <doctest/doctest.h>

#include "packets.h"

namespace warren::dataplane::test {
namespace {

CustomerView customer() {
    CustomerView view;
    for (const char* address : {"192.168.7.1/24", "10.0.0.1/8", "10.0.0.129/25", "fe80::1/64", "fd00:42::1/64"}) {
        view.addresses.push_back(*parse_prefix(address));
    }
    return view;
}

IpFields from_to(const char* source, const char* destination) {
    IpFields fields;
    fields.source = *parse_ip(source);
    fields.destination = *parse_ip(destination);
    return fields;
}

std::optional<Packet> answer(Packet offender, IcmpError error = IcmpError::kNoPeer,
                             const CustomerView& view = customer()) {
    IcmpPacket out;
    const auto inner = InnerPacket::parse(offender);
    REQUIRE(inner.has_value());
    if (!write_icmp_error(error, *inner, view, 1'300, out)) return std::nullopt;
    return Packet(out.bytes().begin(), out.bytes().end());
}

TEST_CASE("D6: host unreachable is a valid ICMP packet from the stack to the sender, and quotes its packet") {
    const Packet offender = udp_packet(from_to("10.0.0.9", "172.16.0.1"), 1, 2, Packet(300, 'x'));
    const auto icmp = answer(offender);
    REQUIRE(icmp.has_value());
    CHECK(naive_ipv4_header_is_right(*icmp));
    CHECK(naive_checksum(Bytes(*icmp).subspan(20)) == 0);
    CHECK((*icmp)[9] == 1);
    CHECK((*icmp)[20] == 3);
    CHECK((*icmp)[21] == 1);
    CHECK(load_be<std::uint16_t>(icmp->data() + 2) == icmp->size());
    Packet copy = *icmp;
    const auto inner = InnerPacket::parse(copy);
    CHECK(inner->source() == *parse_ip("10.0.0.1"));
    CHECK(inner->destination() == *parse_ip("10.0.0.9"));
    CHECK(Packet(icmp->begin() + 28, icmp->end()) == offender);
}

TEST_CASE("D6: address unreachable is a valid ICMPv6 packet") {
    const Packet offender = udp_packet(from_to("fd00:42::9", "2001:db8::1"), 1, 2, Packet(301, 'x'));
    const auto icmp = answer(offender);
    REQUIRE(icmp.has_value());
    CHECK(naive_transport_checksum(*icmp) == 0);
    CHECK((*icmp)[6] == 58);
    CHECK((*icmp)[40] == 1);
    CHECK((*icmp)[41] == 3);
    Packet copy = *icmp;
    CHECK(InnerPacket::parse(copy)->source() == *parse_ip("fd00:42::1"));
    CHECK(InnerPacket::parse(copy)->destination() == *parse_ip("fd00:42::9"));
    CHECK(Packet(icmp->begin() + 48, icmp->end()) == offender);
}

TEST_CASE("D6: packet too big contains the size, in the form of either family") {
    const auto v4 = answer(udp_packet(from_to("10.0.0.9", "172.16.0.1"), 1, 2, Packet(300, 'x')), IcmpError::kTooBig);
    CHECK((*v4)[20] == 3);
    CHECK((*v4)[21] == 4);
    CHECK(load_be<std::uint16_t>(v4->data() + 26) == 1'300);
    const auto v6 =
        answer(udp_packet(from_to("fd00:42::9", "2001:db8::1"), 1, 2, Packet(300, 'x')), IcmpError::kTooBig);
    CHECK((*v6)[40] == 2);
    CHECK((*v6)[41] == 0);
    CHECK(load_be<std::uint32_t>(v6->data() + 44) == 1'300);
}

TEST_CASE("D6: an error is never longer than the size that every host must accept") {
    CHECK(answer(udp_packet(from_to("10.0.0.9", "172.16.0.1"), 1, 2, Packet(1'400, 'x')))->size() == 576);
    CHECK(answer(udp_packet(from_to("fd00:42::9", "2001:db8::1"), 1, 2, Packet(1'400, 'x')))->size() == 1'280);
}

TEST_CASE("D6: an error comes from the stack's address nearest to the sender") {
    const auto source_for = [](const char* sender, const char* destination) {
        auto icmp = answer(udp_packet(from_to(sender, destination), 1, 2, Packet(9)));
        REQUIRE(icmp.has_value());
        return InnerPacket::parse(*icmp)->source();
    };
    CHECK(source_for("192.168.7.20", "172.16.0.1") == *parse_ip("192.168.7.1"));
    CHECK(source_for("10.9.9.9", "172.16.0.1") == *parse_ip("10.0.0.1"));
    CHECK(source_for("10.0.0.200", "172.16.0.1") == *parse_ip("10.0.0.129"));
    CHECK(source_for("172.20.0.1", "172.16.0.1") == *parse_ip("192.168.7.1"));
    CHECK(source_for("2001:db8::7", "2001:db8::1") == *parse_ip("fd00:42::1"));
    CustomerView v4_only = customer();
    v4_only.addresses.resize(2);
    CHECK_FALSE(answer(udp_packet(from_to("fd00::1", "2001:db8::1"), 1, 2, Packet(9)), IcmpError::kNoPeer, v4_only)
                    .has_value());
}

TEST_CASE("D6: an ICMP error causes no error, an ICMP request may") {
    const Packet rest(24, 0x45);
    for (unsigned type = 0; type < 256; ++type) {
        const bool v4_error = type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
        const bool v6_error = type < 128 || type == 137;
        CAPTURE(type);
        CHECK(answer(icmp_packet(from_to("10.0.0.9", "172.16.0.1"), static_cast<std::uint8_t>(type), 0, rest))
                  .has_value() == !v4_error);
        CHECK(answer(icmp_packet(from_to("fd00:42::9", "2001:db8::1"), static_cast<std::uint8_t>(type), 0, rest))
                  .has_value() == !v6_error);
    }
    CHECK_FALSE(answer(ip_packet(from_to("10.0.0.9", "172.16.0.1"), 1, {})).has_value());  // too short to know its type
}

TEST_CASE("D6: no error about multicast or broadcast, or to a source that is not a host") {
    for (const char* destination : {"224.0.0.1", "255.255.255.255", "192.168.7.255", "10.255.255.255", "10.0.0.255"}) {
        CHECK_MESSAGE(!answer(udp_packet(from_to("10.0.0.9", destination), 1, 2, Packet(9))).has_value(), destination);
    }
    CHECK_FALSE(answer(udp_packet(from_to("fd00:42::9", "ff02::1"), 1, 2, Packet(9))).has_value());
    for (const char* source : {"0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255", "192.168.7.255"}) {
        CHECK_MESSAGE(!answer(udp_packet(from_to(source, "172.16.0.1"), 1, 2, Packet(9))).has_value(), source);
    }
    for (const char* source : {"::", "::1", "ff02::1"}) {
        CHECK_MESSAGE(!answer(udp_packet(from_to(source, "2001:db8::1"), 1, 2, Packet(9))).has_value(), source);
    }
}

TEST_CASE("D6: the first fragment may cause an error, later ones do not") {
    Packet fragment = udp_packet(from_to("10.0.0.9", "172.16.0.1"), 1, 2, Packet(64));
    fragment[6] = 0x20;  // more fragments, offset 0
    CHECK(answer(fragment).has_value());
    fragment[7] = 1;
    CHECK_FALSE(answer(fragment).has_value());

    // IPv6: a fragment header behind destination options.
    const auto fragment_v6 = [](std::uint16_t offset) {
        Packet extensions{44, 0, 1, 4, 0, 0, 0, 0, 17, 0, 0, 0, 0, 0, 0, 9};
        store_be(extensions.data() + 10, offset);
        extensions.resize(extensions.size() + 64);
        return ip_packet(from_to("fd00:42::9", "2001:db8::1"), 60, extensions);
    };
    CHECK(answer(fragment_v6(1)).has_value());
    CHECK_FALSE(answer(fragment_v6(8)).has_value());
}

TEST_CASE("D6: an ICMPv6 error behind extension headers is recognised, and unreadable headers get no answer") {
    Packet extensions{58, 0, 1, 4, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0};
    CHECK_FALSE(answer(ip_packet(from_to("fd00:42::9", "2001:db8::1"), 0, extensions)).has_value());
    extensions[8] = 128;  // an echo request
    CHECK(answer(ip_packet(from_to("fd00:42::9", "2001:db8::1"), 0, extensions)).has_value());
    extensions[0] = 17;
    CHECK(answer(ip_packet(from_to("fd00:42::9", "2001:db8::1"), 0, extensions)).has_value());
    extensions[1] = 200;  // longer than the packet
    CHECK_FALSE(answer(ip_packet(from_to("fd00:42::9", "2001:db8::1"), 0, extensions)).has_value());
    const Packet endless(400, 0);  // hop-by-hop options behind hop-by-hop options
    CHECK_FALSE(answer(ip_packet(from_to("fd00:42::9", "2001:db8::1"), 0, endless)).has_value());
}

TEST_CASE("D6: the limit allows a burst, then one per hundredth of a second, and never saves more than the burst") {
    TokenBucket bucket;
    Instant now{1};
    const auto taken = [&](int tries) {
        int count = 0;
        for (int i = 0; i < tries; ++i) {
            if (bucket.take(now, kIcmpErrorRate)) ++count;
        }
        return count;
    };
    CHECK(taken(1'000) == 50);
    now = now + std::chrono::milliseconds(9);
    CHECK(taken(10) == 0);
    now = now + std::chrono::milliseconds(1);
    CHECK(taken(10) == 1);
    now = now + std::chrono::seconds(100);
    CHECK(taken(1'000) == 50);
}

}  // namespace
}  // namespace warren::dataplane::test
