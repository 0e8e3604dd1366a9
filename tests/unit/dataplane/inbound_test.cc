// wireguard.md sections 4, 6 and 8 for packets from the network to a stack.
#include <doctest/doctest.h>

#include "rig.h"

namespace warren::dataplane::test {
namespace {

const Packet kHello{'h', 'e', 'l', 'l', 'o'};

Packet hello_from(const char* source, const char* destination = nullptr) {
    IpFields fields;
    fields.source = *parse_ip(source);
    fields.destination = *parse_ip(destination != nullptr ? destination : fields.source.is_v4() ? "10.0.0.1" : "fd00:42::1");
    return udp_packet(fields, 1000, 2000, kHello);
}

TEST_CASE("a packet of an allowed source reaches the stack as it was sent, without its padding") {
    Rig rig;
    rig.put({});
    rig.install(0, 100, true);
    for (const char* source : {"10.0.0.2", "10.1.2.3", "fd00:1::9"}) {
        const Packet packet = hello_from(source);
        static std::uint64_t counter = 0;
        rig.receive(rig.seal(100, counter++, packet));
        const auto delivered = rig.delivered();
        REQUIRE(delivered.size() == 1);
        CHECK(delivered[0].packet == packet);
        CHECK(delivered[0].customer == CustomerIndex{0});
    }
    CHECK(rig.all_drops() == 0);
    CHECK(rig.traffic(0).rx_packets == 3);
    CHECK(rig.traffic(0).rx_bytes == (48 + 32) * 2 + (64 + 32));
}

}  // namespace
}  // namespace warren::dataplane::test
