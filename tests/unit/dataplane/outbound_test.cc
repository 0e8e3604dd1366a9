// wireguard.md sections 4 and 6 for packets from a stack to the network.
#include <doctest/doctest.h>

#include "rig.h"

namespace warren::dataplane::test {
namespace {

const Packet kHello{'h', 'e', 'l', 'l', 'o'};

Packet hello_to(const char* destination) {
    IpFields fields;
    fields.destination = *parse_ip(destination);
    fields.source = *parse_ip(fields.destination.is_v4() ? "10.0.0.1" : "fd00:42::1");
    return udp_packet(fields, 1000, 2000, kHello);
}

TEST_CASE("a packet for a peer leaves sealed, padded to 16, to his endpoint") {
    Rig rig;
    rig.put({});
    rig.set_endpoint(0, "198.51.100.7:1111");
    rig.install(0, 100, true);
    CHECK(rig.sent().size() == 1);  // the keepalive that confirms the session
    for (const char* destination : {"10.0.0.2", "10.1.2.3", "fd00:1::9"}) {
        Packet packet = hello_to(destination);
        rig.transmit(0, packet);
        const auto sent = rig.sent();
        REQUIRE(sent.size() == 1);
        CHECK(sent[0].bytes.size() % 16 == 0);
        CHECK(sent[0].remote == *parse_endpoint("198.51.100.7:1111"));
        packet.resize((packet.size() + 15) / 16 * 16);
        CHECK(rig.open(100, sent[0]) == packet);
    }
    CHECK(rig.all_drops() == 0);
    CHECK(rig.traffic(0).tx_packets == 4);
}

}  // namespace
}  // namespace warren::dataplane::test
