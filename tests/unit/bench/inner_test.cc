// The generator's packets are like those of real hosts: intact, and TCP segments are consecutive, so that a data path
// can join them.
#include "bench/wgblast/inner.h"

#include <doctest/doctest.h>

#include "bench/wgblast/flow.h"
#include "bench/wgblast/roster.h"
#include "vpnd/dataplane/coalesce.h"
#include "vpnd/dataplane/framing/wireguard.h"

namespace warren::bench {
namespace {

using Packet = std::vector<std::uint8_t>;

std::vector<Packet> walk(Mix mix, std::size_t count) {
    FlowWalk flows(std::move(mix));
    std::vector<Packet> packets;
    for (std::size_t i = 0; i < count; ++i) {
        const NextPacket next = flows.take();
        packets.emplace_back(next.shape->size());
        next.shape->write({0x0a000100, kStackAddress, next.source_port, next.sequence}, packets.back().data());
    }
    return packets;
}

std::size_t writes_after_joining(std::vector<Packet> packets) {
    dataplane::Coalescer coalescer;
    dataplane::Output out;
    for (Packet& packet : packets)
        coalescer.add({{0}, {0}, 1420, {.tcp = true, .udp = true}, &dataplane::kWireguardFraming},
                      *dataplane::InnerPacket::parse(packet), out);
    coalescer.finish(out);
    return out.tun_writes.size();
}

TEST_CASE("packets of every size and transport are intact, and a flipped bit is noticed") {
    for (const auto transport : {Transport::kTcp, Transport::kUdp}) {
        for (const std::size_t size :
             {std::size_t{40}, std::size_t{41}, std::size_t{64}, std::size_t{575}, std::size_t{1420}}) {
            for (Packet& packet : walk({transport, {size}, 3, 0, 1, 44}, 5)) {
                REQUIRE(packet.size() == size);
                REQUIRE(is_intact(packet));
                packet[size - 1] ^= 1;
                REQUIRE_FALSE(is_intact(packet));
            }
        }
    }
}

TEST_CASE("segments of one TCP flow are joined into one super-packet, segments of several flows into several") {
    CHECK(writes_after_joining(walk({Transport::kTcp, {1420}, 1, 0, 1, 44}, 44)) == 1);
    CHECK(writes_after_joining(walk({Transport::kTcp, {1420}, 4, 0, 1, 44}, 44)) == 4);
    CHECK(writes_after_joining(walk({Transport::kUdp, {92}, 1, 0, 1, 44}, 44)) == 1);
}

TEST_CASE("a walk visits every peer, each for one burst") {
    FlowWalk flows({Transport::kUdp, {64}, 1, 5, 10, 3});
    std::vector<unsigned> visits(15);
    for (int i = 0; i < 30; ++i) {
        const std::uint32_t before = flows.peer();
        CHECK(flows.take().peer == before);
        ++visits[before];
    }
    for (std::uint32_t peer = 0; peer < 15; ++peer) CHECK(visits[peer] == (peer < 5 ? 0U : 3U));
}

TEST_CASE("an echo reply carries the stamp of its request") {
    Packet packet(kEchoSize);
    write_echo_request(0x0a000100, {7, 123'456'789'012}, packet);
    CHECK(is_intact(packet));
    CHECK_FALSE(parse_echo_reply(packet).has_value());
    packet[20] = 0;  // as the stack changes it
    const auto echo = parse_echo_reply(packet);
    REQUIRE(echo.has_value());
    CHECK(echo->identifier == 7);
    CHECK(echo->stamp == 123'456'789'012);
}

}  // namespace
}  // namespace warren::bench
