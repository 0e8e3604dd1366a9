// Packets from a stack to the network (conformance S and D).
#include <doctest/doctest.h>

#include "rig.h"
#include "vpnd/dataplane/framing/wireguard.h"

namespace warren::dataplane::test {
namespace {

Packet packet_to(const char* destination, std::size_t size = 5, std::uint8_t traffic_class = 0) {
    IpFields fields;
    fields.destination = *parse_ip(destination);
    fields.source = *parse_ip(fields.destination.is_v4() ? "10.0.0.1" : "fd00:42::1");
    fields.traffic_class = traffic_class;
    return udp_packet(fields, 1000, 2000, Packet(size, 'x'));
}

Rig ready_rig(std::uint16_t mtu = 1420) {
    Rig rig;
    rig.put({.mtu = mtu});
    rig.set_endpoint(0, "198.51.100.7:1111");
    rig.install(0, 100, true);
    rig.sent();
    rig.events();
    return rig;
}

TEST_CASE("a packet for a peer leaves sealed, padded to 16, to its endpoint") {
    Rig rig = ready_rig();
    for (const char* destination : {"10.0.0.2", "10.1.2.3", "fd00:1::9"}) {
        Packet packet = packet_to(destination);
        rig.transmit(0, packet);
        const auto sent = rig.sent();
        REQUIRE(sent.size() == 1);
        CHECK(sent[0].bytes.size() % 16 == 0);
        CHECK(sent[0].remote == *parse_endpoint("198.51.100.7:1111"));
        CHECK(sent[0].listener == ListenerIndex{0});
        packet.resize((packet.size() + 15) / 16 * 16);
        CHECK(rig.open(100, sent[0]) == packet);
    }
    CHECK(rig.all_drops() == 0);
    CHECK(rig.traffic(0).tx_packets == 4);
    CHECK(rig.traffic(0).tx_bytes == 32 + 2 * (48 + 32) + 64 + 32);
}

TEST_CASE("D1: a full packet is not padded beyond the MTU") {
    Rig rig = ready_rig(1299);
    rig.transmit(0, packet_to("10.0.0.2", 1299 - 28));
    CHECK(rig.sent().at(0).bytes.size() == 1299 + 32);
    rig.transmit(0, packet_to("10.0.0.2", 1290 - 28));
    CHECK(rig.sent().at(0).bytes.size() == 1296 + 32);
}

TEST_CASE("S6: the counter rises by one per message and is never used twice in a session") {
    Rig rig = ready_rig();
    for (std::uint64_t expected = 1; expected < 200; ++expected) {
        rig.transmit(0, packet_to("10.0.0.2", expected));
        CHECK(WireguardFraming::parse(rig.sent().at(0).bytes).sequence == expected);
    }
}

TEST_CASE("S4: nothing is sent at REJECT_AFTER_TIME; the packet waits and a session is requested") {
    Rig rig = ready_rig();
    rig.now = kStart + std::chrono::seconds(180) - Duration(1);
    rig.transmit(0, packet_to("10.0.0.2"));
    CHECK(rig.sent().size() == 1);
    rig.events();
    rig.now = kStart + std::chrono::seconds(181);
    rig.transmit(0, packet_to("10.0.0.2"));
    CHECK(rig.sent().empty());
    CHECK(Rig::only<NeedSession>(rig.events()).size() == 1);
    CHECK(rig.all_drops() == 0);
}

TEST_CASE("S4: a session sends nothing beyond REJECT_AFTER_MESSAGES, and a super-packet leaves or waits whole") {
    Rig rig;
    rig.put({});
    rig.set_endpoint(0, "198.51.100.7:1111");
    InstallSession install;
    install.local_id = {100};
    install.remote_id = 0x10000064;
    install.peer = {0};
    install.listener = {0};
    install.created = rig.now;
    install.lifetime.hard.messages = 3;
    install.lifetime.renew_on_sending.messages = 1;
    install.send_when = SendWhen::kNow;
    rig.apply(std::move(install));  // counter 0: the keepalive
    CHECK(rig.sent().size() == 1);
    rig.transmit(0, packet_to("10.0.0.2"));
    CHECK(rig.sent().size() == 1);
    CHECK(Rig::only<NeedSession>(rig.events()).size() == 1);  // past rekey_after_messages
    rig.now = rig.now + std::chrono::seconds(2);
    rig.transmit(0, packet_to("10.0.0.2"));
    CHECK(rig.sent().size() == 1);
    rig.now = rig.now + std::chrono::seconds(2);
    rig.events();
    rig.transmit(0, packet_to("10.0.0.2"));
    CHECK(rig.sent().empty());
    CHECK(Rig::only<NeedSession>(rig.events()).size() == 1);
}

TEST_CASE("S5: past rekey_after_sending a send requests a session, at most once a second") {
    Rig rig = ready_rig();
    rig.now = kStart + std::chrono::seconds(120) - Duration(1);
    rig.transmit(0, packet_to("10.0.0.2"));
    CHECK(Rig::only<NeedSession>(rig.events()).empty());
    rig.now = kStart + std::chrono::seconds(120);
    for (int i = 0; i < 50; ++i) rig.transmit(0, packet_to("10.0.0.2"));
    CHECK(Rig::only<NeedSession>(rig.events()).size() == 1);
    rig.now = rig.now + std::chrono::seconds(1);
    rig.transmit(0, packet_to("10.0.0.2"));
    CHECK(Rig::only<NeedSession>(rig.events()).size() == 1);
    CHECK(rig.sent().size() == 52);
}

TEST_CASE("D6: a packet to a destination without a peer gets unreachable from the stack's address") {
    Rig rig = ready_rig();
    rig.transmit(0, packet_to("172.16.0.1"));
    rig.transmit(0, packet_to("2001:db8::1"));
    CHECK(rig.sent().empty());
    CHECK(rig.drops(DropReason::kNoPeerForDestination) == 2);
    const auto delivered = rig.delivered();
    REQUIRE(delivered.size() == 2);
    CHECK(delivered[0].packet[20] == 3);
    CHECK(delivered[0].packet[21] == 1);
    CHECK(delivered[1].packet[40] == 1);
    CHECK(delivered[1].packet[41] == 3);
}

TEST_CASE("D6: a packet to a peer without an endpoint gets the same answer, and no session is requested") {
    Rig rig;
    rig.put({});
    rig.transmit(0, packet_to("10.0.0.2"));
    CHECK(rig.drops(DropReason::kNoEndpoint) == 1);
    CHECK(rig.delivered().size() == 1);
    CHECK(rig.events().empty());
}

TEST_CASE("D6: errors are limited in rate per customer") {
    Rig rig;
    rig.put({.index = 0, .peers = {{0, {"10.0.0.2/32"}}}});
    rig.put({.index = 1, .peers = {{1, {"10.0.0.2/32"}}}});
    for (int i = 0; i < 500; ++i) rig.transmit(0, packet_to("172.16.0.1"));
    CHECK(rig.delivered().size() == 50);
    CHECK(rig.drops(DropReason::kNoPeerForDestination, 0) == 500);
    rig.transmit(1, packet_to("172.16.0.1"));
    CHECK(rig.delivered().size() == 1);  // another customer has its own budget
    rig.now = rig.now + std::chrono::milliseconds(100);
    for (int i = 0; i < 500; ++i) rig.transmit(0, packet_to("172.16.0.1"));
    CHECK(rig.delivered().size() == 10);
}

TEST_CASE("D7: 500 packets for an absent peer, then a session: exactly the last 128 arrive, in order") {
    Rig rig;
    rig.put({});
    rig.set_endpoint(0, "198.51.100.7:1111");
    for (std::size_t i = 0; i < 500; ++i) rig.transmit(0, packet_to("10.0.0.2", i + 1));
    CHECK(rig.sent().empty());
    CHECK(rig.drops(DropReason::kStagedOverflow) == 500 - 128);
    CHECK(Rig::only<NeedSession>(rig.events()).size() == 1);
    rig.install(0, 100, true);
    const auto sent = rig.sent();
    REQUIRE(sent.size() == 128);
    for (std::size_t i = 0; i < 128; ++i) {
        Packet expected = packet_to("10.0.0.2", 500 - 128 + i + 1);
        expected.resize(WireguardFraming::padded_size(expected.size(), 1420));
        REQUIRE(rig.open(100, sent[i]) == expected);
    }
    // They are sent, and no session is needed any more.
    rig.now = rig.now + std::chrono::seconds(2);
    rig.install(0, 101, true);
    CHECK(rig.sent().size() == 1);
    CHECK(rig.traffic(0).tx_packets == 129);
}

TEST_CASE("D7: staged packets are purged on command, with their peer and with their customer") {
    Rig rig;
    rig.put({});
    rig.set_endpoint(0, "198.51.100.7:1111");
    rig.transmit(0, packet_to("10.0.0.2"));
    rig.apply(PurgeStaged{{0}});
    CHECK(rig.drops(DropReason::kStagedPurged) == 1);
    rig.apply(PurgeStaged{{0}});
    CHECK(rig.drops(DropReason::kStagedPurged) == 1);
    rig.transmit(0, packet_to("10.0.0.2"));
    rig.put({.peers = {}});
    CHECK(rig.drops(DropReason::kStagedPurged) == 2);
    rig.put({});
    rig.set_endpoint(0, "198.51.100.7:1111");
    rig.transmit(0, packet_to("10.0.0.2"));
    rig.pipeline->drop_customer({0});
    rig.put({});
    rig.set_endpoint(0, "198.51.100.7:1111");
    rig.install(0, 100, true);
    CHECK(rig.open(100, rig.sent().at(0)).empty());  // a keepalive: nothing waited
}

TEST_CASE("D7: purged or sent packets free their room") {
    Rig rig;
    rig.put({.mtu = 60'000});
    rig.set_endpoint(0, "198.51.100.7:1111");
    for (std::uint32_t round = 0; round < 600; ++round) {
        rig.transmit(0, packet_to("10.0.0.2", 20'000));
        if (round % 2 == 0) {
            rig.apply(PurgeStaged{{0}});
        } else {
            rig.install(0, 100 + round, true);
            rig.apply(RetireSession{{100 + round}});
        }
    }
    CHECK(rig.sent().size() == 300);
    CHECK(rig.all_drops() == 300);  // purged
    for (int i = 0; i < 200; ++i) rig.transmit(0, packet_to("10.0.0.2", 20'000));
    rig.install(0, 99, true);
    CHECK(rig.sent().size() == 128);
    CHECK(rig.drops(DropReason::kStagedOverflow) == 72);
}

TEST_CASE("D7: a customer's staged packets are limited, and take no room from another customer") {
    Rig rig;
    Rig::CustomerSpec spec{.index = 0, .peers = {}, .mtu = 60'000};
    for (std::uint32_t i = 0; i < 40; ++i) spec.peers.push_back({i, {}});
    static std::vector<std::string> prefixes;
    for (int i = 0; i < 40; ++i) prefixes.push_back("10.9.0." + std::to_string(i) + "/32");
    for (std::size_t i = 0; i < 40; ++i) spec.peers[i].allowed_ips = {prefixes[i].c_str()};
    rig.put(spec);
    rig.put({.index = 1, .peers = {{100, {"10.0.0.2/32"}}}});
    rig.set_endpoint(100, "198.51.100.7:1111");
    for (std::uint32_t i = 0; i < 40; ++i) rig.set_endpoint(i, "198.51.100.7:1111");
    // 40 peers with 10 packets of 50,000 bytes: 20 MB, of which 4 MB may wait.
    for (int round = 0; round < 10; ++round) {
        for (int i = 0; i < 40; ++i) rig.transmit(0, packet_to(("10.9.0." + std::to_string(i)).c_str(), 50'000));
    }
    CHECK(rig.drops(DropReason::kStagedOverflow, 0) >= 400 - (4 << 20) / 50'000);
    rig.transmit(1, packet_to("10.0.0.2"));
    CHECK(rig.drops(DropReason::kStagedOverflow, 1) == 0);
    rig.events();
    rig.install(100, 100, true);
    CHECK(rig.sent().size() == 1);
}

TEST_CASE("D9: the outer header gets the inner ECN field and DSCP 0; trains end where they change") {
    Rig rig = ready_rig();
    for (const char* destination : {"10.0.0.2", "fd00:1::9"}) {
        for (unsigned traffic_class = 0; traffic_class < 256; ++traffic_class) {
            rig.transmit(0, packet_to(destination, 5, static_cast<std::uint8_t>(traffic_class)));
            CHECK(rig.sent().at(0).traffic_class == (traffic_class & 3));
        }
    }
    for (const unsigned ecn : {0U, 0U, 2U, 2U, 3U}) {
        Packet packet = from_tun(packet_to("10.0.0.2", 5, static_cast<std::uint8_t>(ecn)));
        rig.pipeline->outbound(rig.now, {0}, packet, rig.out);
    }
    CHECK(rig.out.trains.size() == 3);
    rig.pipeline->finish(rig.out);
    rig.out.clear();
}

TEST_CASE("D13: a train has one peer, one size and a shorter last packet; other peers between do not disorder it") {
    Rig rig;
    rig.put({.peers = {{0, {"10.0.0.2/32"}}, {1, {"10.0.0.3/32"}}}});
    for (std::uint32_t peer = 0; peer < 2; ++peer) {
        rig.set_endpoint(peer, peer == 0 ? "198.51.100.7:1111" : "198.51.100.8:1111");
        rig.install(peer, 100 + peer, true);
    }
    rig.sent();
    const auto add = [&](const char* destination, std::size_t size) {
        Packet packet = from_tun(packet_to(destination, size));
        rig.pipeline->outbound(rig.now, {0}, packet, rig.out);
    };
    add("10.0.0.2", 100);  // train 0
    add("10.0.0.3", 100);  // train 1
    add("10.0.0.2", 100);  // train 0
    add("10.0.0.2", 20);   // train 0, ends it
    add("10.0.0.2", 20);   // train 2
    add("10.0.0.2", 100);  // train 3: larger
    add("10.0.0.3", 100);  // train 1
    REQUIRE(rig.out.trains.size() == 4);
    CHECK(rig.out.trains[0].count == 3);
    CHECK(rig.out.trains[1].count == 2);
    CHECK(rig.out.trains[2].count == 1);
    CHECK(rig.out.trains[3].count == 1);
    rig.transmit(0, packet_to("10.0.0.2", 5));
    const auto sent = rig.sent();
    std::uint64_t next = 1;
    for (const Sent& one : sent) {
        if (one.peer == PeerIndex{0}) CHECK(WireguardFraming::parse(one.bytes).sequence == next++);
    }
}

TEST_CASE("a train has at most 64 datagrams and 65,507 bytes, and all of it opens") {
    Rig rig = ready_rig();
    for (const std::size_t size : {1U, 100U, 1392U}) {
        for (int i = 0; i < 300; ++i) {
            Packet packet = from_tun(packet_to("10.0.0.2", size));
            rig.pipeline->outbound(rig.now, {0}, packet, rig.out);
        }
        rig.transmit(0, packet_to("10.0.0.2", size));
        const auto sent = rig.sent();
        CHECK(rig.trains == (size == 1392 ? (301 + 44) / 45 : (301 + 63) / 64));
        REQUIRE(sent.size() == 301);
        for (const Sent& one : sent)
            REQUIRE(rig.open(100, one).size() == WireguardFraming::padded_size(size + 28, 1420));
    }
}

TEST_CASE("a packet that fits into no datagram gets packet too big") {
    Rig rig = ready_rig(65'520);
    rig.transmit(0, packet_to("10.0.0.2", 65'500));
    rig.transmit(0, packet_to("fd00:1::9", 65'500));
    CHECK(rig.sent().empty());
    CHECK(rig.drops(DropReason::kPacketTooBig) == 2);
    const auto delivered = rig.delivered();
    REQUIRE(delivered.size() == 2);
    CHECK(delivered[0].packet[20] == 3);
    CHECK(delivered[0].packet[21] == 4);
    CHECK(load_be<std::uint16_t>(delivered[0].packet.data() + 26) == WireguardFraming::kInnerMaximum);
    CHECK(delivered[1].packet[40] == 2);
    CHECK(load_be<std::uint32_t>(delivered[1].packet.data() + 44) == WireguardFraming::kInnerMaximum);
}

TEST_CASE("buffers run out before memory does, which is counted, and they return") {
    Rig rig = ready_rig();
    std::size_t taken = 0;
    // Growing sizes, so that every packet needs its own train.
    for (std::size_t size = 16; size < 1'390; size += 16) {
        Packet packet = from_tun(packet_to("10.0.0.2", size));
        rig.pipeline->outbound(rig.now, {0}, packet, rig.out);
        ++taken;
        CHECK(rig.pipeline->has_room() == (taken <= Egress::kBuffers / 2));
    }
    CHECK(rig.drops(DropReason::kBuffersExhausted) == taken - Egress::kBuffers);
    rig.pipeline->finish(rig.out);
    rig.out.clear();
    CHECK(rig.pipeline->has_room());
    rig.transmit(0, packet_to("10.0.0.2"));
    CHECK(rig.sent().size() == 1);
}

TEST_CASE("a suspended customer sends nothing") {
    Rig rig = ready_rig();
    rig.put({.suspended = true});
    rig.transmit(0, packet_to("10.0.0.2"));
    CHECK(rig.sent().empty());
    CHECK(rig.drops(DropReason::kCustomerSuspended) == 1);
    CHECK(rig.delivered().empty());
}

TEST_CASE("a customer that was suspended and came back sends nothing before a peer's next handshake") {
    Rig rig = ready_rig();
    rig.transmit(0, packet_to("10.0.0.2"));
    REQUIRE(rig.sent().size() == 1);
    rig.put({.suspended = true});
    rig.put({});
    (void)rig.events();
    rig.transmit(0, packet_to("10.0.0.2"));
    CHECK(rig.sent().empty());
    CHECK(Rig::only<NeedSession>(rig.events()).size() == 1);
    rig.install(0, 101, true);
    CHECK(rig.sent().size() == 1);  // what waited
}

TEST_CASE("an invalid packet from the TUN is dropped") {
    Rig rig = ready_rig();
    rig.transmit_super(0, Packet(5));
    CHECK(rig.drops(DropReason::kOffloadHeaderInvalid) == 1);
    rig.transmit(0, Packet(30, 0x50));
    CHECK(rig.drops(DropReason::kInnerMalformed) == 1);
    CHECK(rig.sent().empty());
}

TEST_CASE("after the path refused trains they are marked, until the time is over or the peer has moved") {
    Rig rig = ready_rig();
    const auto is_ungrouped = [&] {
        Packet packet = from_tun(packet_to("10.0.0.2"));
        rig.pipeline->outbound(rig.now, {0}, packet, rig.out);
        const bool marked = rig.out.trains.at(0).ungrouped;
        rig.pipeline->finish(rig.out);
        rig.out.clear();
        return marked;
    };
    CHECK_FALSE(is_ungrouped());
    rig.pipeline->send_ungrouped({0}, rig.now + std::chrono::seconds(60));
    CHECK(is_ungrouped());
    rig.now = rig.now + std::chrono::seconds(60);
    CHECK_FALSE(is_ungrouped());
    rig.pipeline->send_ungrouped({0}, rig.now + std::chrono::seconds(60));
    rig.set_endpoint(0, "198.51.100.9:1");
    CHECK_FALSE(is_ungrouped());
}

}  // namespace
}  // namespace warren::dataplane::test
