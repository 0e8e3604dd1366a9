// What selectors see of a packet (RFC 4301 §4.4.1.1).
#include "vpnd/packet/selector.h"

#include <doctest/doctest.h>

#include "packets.h"

namespace warren::dataplane::test {
namespace {

IpFields between(const char* source, const char* destination) {
    IpFields fields;
    fields.source = *parse_ip(source);
    fields.destination = *parse_ip(destination);
    return fields;
}

FlowKey flow_of(Packet packet) {
    const auto inner = InnerPacket::parse(packet);
    REQUIRE(inner.has_value());
    return outbound_flow(*inner);
}

// IPv6 with these extension headers, each {its number, its bytes}, before the transport header.
Packet with_headers(const std::vector<std::pair<std::uint8_t, Packet>>& headers, std::uint8_t protocol, Bytes rest) {
    Packet payload;
    for (std::size_t i = 0; i < headers.size(); ++i) {
        Packet header = headers[i].second;
        header[0] = i + 1 < headers.size() ? headers[i + 1].first : protocol;
        payload.insert(payload.end(), header.begin(), header.end());
    }
    payload.insert(payload.end(), rest.begin(), rest.end());
    return ip_packet(between("fd00::1", "fd00::2"), headers.empty() ? protocol : headers[0].first, payload);
}

const Packet kPorts{0x03, 0xe8, 0x07, 0xd0, 0, 0, 0, 0};  // 1000 to 2000

TEST_CASE("ports are seen of TCP, UDP, SCTP, DCCP and UDP-Lite, and of no other protocol") {
    for (unsigned protocol = 0; protocol < 256; ++protocol) {
        CAPTURE(protocol);
        if (protocol == kProtocolIcmp) continue;
        const FlowKey flow =
            flow_of(ip_packet(between("10.0.0.1", "10.0.0.2"), static_cast<std::uint8_t>(protocol), kPorts));
        const bool has_ports = protocol == 6 || protocol == 17 || protocol == 33 || protocol == 132 || protocol == 136;
        CHECK(flow.has_ports == has_ports);
        CHECK(flow.protocol == protocol);
        CHECK(flow.local_port == (has_ports ? 1000 : 0));
        CHECK(flow.remote_port == (has_ports ? 2000 : 0));
    }
    CHECK_FALSE(flow_of(ip_packet(between("10.0.0.1", "10.0.0.2"), kProtocolUdp, Bytes(kPorts).first(3))).has_ports);
}

TEST_CASE("type and code of ICMP are both ports, of each family's own ICMP only") {
    const Packet unreachable{3, 4, 0, 0};
    CHECK(flow_of(ip_packet(between("10.0.0.1", "10.0.0.2"), kProtocolIcmp, unreachable)).local_port == 0x0304);
    CHECK(flow_of(ip_packet(between("10.0.0.1", "10.0.0.2"), kProtocolIcmp, unreachable)).remote_port == 0x0304);
    CHECK(flow_of(with_headers({}, kProtocolIcmpV6, unreachable)).remote_port == 0x0304);
    CHECK_FALSE(flow_of(with_headers({}, kProtocolIcmp, unreachable)).has_ports);
    CHECK_FALSE(flow_of(ip_packet(between("10.0.0.1", "10.0.0.2"), kProtocolIcmpV6, unreachable)).has_ports);

    Selector only_errors{{*parse_ip("10.0.0.1"), *parse_ip("10.0.0.1")},
                         {*parse_ip("10.0.0.0"), *parse_ip("10.0.0.255")},
                         kProtocolIcmp,
                         {0x0300, 0x03ff},
                         {0, UINT16_MAX}};
    CHECK(only_errors.matches(flow_of(ip_packet(between("10.0.0.1", "10.0.0.2"), kProtocolIcmp, unreachable))));
    CHECK_FALSE(
        only_errors.matches(flow_of(ip_packet(between("10.0.0.1", "10.0.0.2"), kProtocolIcmp, Packet{8, 0, 0, 0}))));
}

TEST_CASE("IPv6's extension headers are skipped; one that is cut short hides the rest") {
    const Packet options{0, 0, 1, 4, 0, 0, 0, 0};
    const Packet long_options{0, 1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    const Packet first_fragment{0, 0, 0, 1, 0, 0, 0, 9};
    for (const auto& headers : std::vector<std::vector<std::pair<std::uint8_t, Packet>>>{
             {{0, options}},
             {{43, long_options}},
             {{60, options}},
             {{44, first_fragment}},
             {{0, options}, {60, long_options}, {43, options}, {44, first_fragment}, {60, options}}}) {
        const FlowKey flow = flow_of(with_headers(headers, kProtocolUdp, kPorts));
        CHECK(flow.protocol == kProtocolUdp);
        CHECK(flow.remote_port == 2000);
        CHECK_FALSE(flow.is_later_fragment);
    }
    Packet beyond = long_options;
    beyond[1] = 200;
    const FlowKey cut = flow_of(with_headers({{60, beyond}}, kProtocolUdp, kPorts));
    CHECK(cut.protocol == 60);
    CHECK_FALSE(cut.has_ports);
    // Nobody needs nine of them.
    const std::vector<std::pair<std::uint8_t, Packet>> many(9, {60, options});
    CHECK_FALSE(flow_of(with_headers(many, kProtocolUdp, kPorts)).has_ports);
    // Behind these nothing can be seen: authentication header, no next header.
    CHECK(flow_of(with_headers({{51, options}}, kProtocolUdp, kPorts)).protocol == 51);
}

TEST_CASE("a later fragment has no ports, and what it begins with is no header") {
    Packet later{0, 0, 0, 8, 0, 0, 0, 9};
    const FlowKey v6 = flow_of(with_headers({{44, later}}, kProtocolUdp, kPorts));
    CHECK(v6.is_later_fragment);
    CHECK(v6.protocol == kProtocolUdp);
    CHECK_FALSE(v6.has_ports);
    CHECK(flow_of(with_headers({{44, later}}, 60, Packet{kProtocolUdp, 0, 1, 4, 0, 0, 0, 0})).protocol == 60);

    Packet v4 = ip_packet(between("10.0.0.1", "10.0.0.2"), kProtocolUdp, kPorts);
    for (const int offset : {0x0001, 0x2001, 0x1fff}) {
        store_be(v4.data() + 6, static_cast<std::uint16_t>(offset));
        CHECK(flow_of(v4).is_later_fragment);
        CHECK_FALSE(flow_of(v4).has_ports);
    }
    store_be<std::uint16_t>(v4.data() + 6, 0x2000);
    CHECK(flow_of(v4).has_ports);
}

}  // namespace
}  // namespace warren::dataplane::test
