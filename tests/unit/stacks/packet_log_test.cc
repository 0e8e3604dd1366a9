// What the kernel tells of logged packets, as it came once from one, and bytes that nobody should send.
#include "stacks/kernel/packet_log.h"

#include <doctest/doctest.h>

#include <array>
#include <vector>

using namespace warren;
using namespace warren::stacks;

namespace {

// A ping on the loopback device, with the prefix "abc" and the group 77.
std::vector<std::uint8_t> report() {
    std::vector<std::uint8_t> out{0,    0, 0,  0,    0,   4,   0,   0,
                                  0,    0, 0,  0,    0,   0,   0,   0,  // length; type; flags, sequence, port
                                  2,    0, 0,  0x4d,                    // family, version, group
                                  8,    0, 1,  0,    8,   0,   3,   0,  // hardware protocol, hook
                                  8,    0, 10, 0,    'a', 'b', 'c', 0,  // prefix
                                  8,    0, 5,  0,    0,   0,   0,   1,  // out device
                                  0x58, 0, 9,  0};                      // 84 bytes of packet
    const std::array<std::uint8_t, 20> header{0x45, 0,    0,   0x54, 2, 0x24, 0x40, 0, 0x40, 1,
                                              0x3a, 0x83, 127, 0,    0, 1,    127,  0, 0,    1};
    out.insert(out.end(), header.begin(), header.end());
    out.resize(out.size() + 64);
    out[0] = static_cast<std::uint8_t>(out.size());
    return out;
}

std::vector<std::uint8_t> ipv4(std::uint8_t protocol, std::uint8_t fragment = 0) {
    return {0x45, 0, 0, 40, 0, 0, 0, fragment, 64, protocol, 0, 0, 10, 0, 1, 5, 10, 42, 0, 10, 0xc0, 0, 1, 0xbb};
}

}  // namespace

TEST_CASE("a report is read as the kernel wrote it") {
    const auto packets = parse_packet_log(report());
    REQUIRE(packets.size() == 1);
    CHECK(packets[0].prefix == "abc");
    CHECK(packets[0].in_device == 0);
    CHECK(packets[0].out_device == 1);
    CHECK(packets[0].packet.size() == 84);
    CHECK(packet_text(packets[0].packet) == "icmp 127.0.0.1 -> 127.0.0.1");
    auto two = report();
    const auto again = report();
    two.insert(two.end(), again.begin(), again.end());
    CHECK(parse_packet_log(two).size() == 2);
}

TEST_CASE("no bytes, half a report and others' messages are no packets") {
    CHECK(parse_packet_log({}).empty());
    const auto whole = report();
    for (std::size_t size = 0; size < whole.size(); ++size)
        CHECK(parse_packet_log(Bytes(whole).first(size)).size() <= 1);
    auto other = report();
    other[4] = 2;  // NLMSG_ERROR
    other[5] = 0;
    CHECK(parse_packet_log(other).empty());
}

TEST_CASE("a packet is a line: ports where there are some, and nothing that it does not have") {
    CHECK(packet_text(ipv4(6)) == "tcp 10.0.1.5:49152 -> 10.42.0.10:443");
    CHECK(packet_text(ipv4(17)) == "udp 10.0.1.5:49152 -> 10.42.0.10:443");
    CHECK(packet_text(ipv4(47)) == "protocol 47 10.0.1.5 -> 10.42.0.10");
    CHECK(packet_text(ipv4(6, 1)) == "tcp 10.0.1.5 -> 10.42.0.10");  // a later fragment
    for (std::size_t size = 0; size < 20; ++size) CHECK(packet_text(Bytes(ipv4(6)).first(size)) == "not IP");
    CHECK(packet_text(Bytes(ipv4(6)).first(20)) == "tcp 10.0.1.5 -> 10.42.0.10");
    std::vector<std::uint8_t> six(44);
    six[0] = 0x60;
    six[6] = 17;
    six[23] = 1;
    six[39] = 2;
    six[41] = 53;
    six[43] = 54;
    CHECK(packet_text(six) == "udp [::1]:53 -> [::2]:54");
    CHECK(packet_text(Bytes(six).first(39)) == "not IP");
    std::vector<std::uint8_t> options = ipv4(6);
    options[0] = 0x4f;  // a header of 60 bytes that are not there
    CHECK(packet_text(options) == "tcp 10.0.1.5 -> 10.42.0.10");
}
