// What a session may be used for, when it is sent on, and which of a peer's sessions carries which packet.
#include <doctest/doctest.h>

#include "rig.h"
#include "vpnd/dataplane/framing/wireguard.h"

namespace warren::dataplane::test {
namespace {

Packet packet_to(const char* destination) {
    IpFields fields;
    fields.source = *parse_ip("10.0.0.1");
    fields.destination = *parse_ip(destination);
    return udp_packet(fields, 1000, 2000, Packet(5, 'x'));
}
Packet packet_from(const char* source) {
    IpFields fields;
    fields.source = *parse_ip(source);
    return udp_packet(fields, 2000, 1000, Packet(5, 'x'));
}

struct Tunnel : Rig {
    Tunnel() {
        put({});
        set_endpoint(0, "198.51.100.7:1111");
    }
    [[nodiscard]] InstallSession session(std::uint32_t id, SendWhen when = SendWhen::kNow) const {
        InstallSession install;
        install.local_id = {id};
        install.remote_id = id + 0x1000'0000;
        install.peer = {0};
        install.listener = {0};
        install.created = now;
        install.receive_key.secret.writable()[0] = 1;
        store_le(install.receive_key.secret.writable().data() + 4, id);
        install.send_when = when;
        return install;
    }
};

std::size_t text_size() {
    return WireguardFraming::padded_size(packet_to("10.0.0.2").size(), 1420);
}

TEST_CASE("a session is not sent on beyond its bytes, and asks for another before") {
    Tunnel tunnel;
    InstallSession install = tunnel.session(100);
    const std::size_t message = text_size() + kWireguardFraming.overhead;
    install.lifetime.renew_on_sending.bytes = 32 + 2 * message;  // the keepalive and two packets
    install.lifetime.hard.bytes = 32 + 3 * message;
    tunnel.apply(std::move(install));
    (void)tunnel.sent();
    tunnel.transmit(0, packet_to("10.0.0.2"));
    CHECK(tunnel.sent().size() == 1);
    CHECK(Rig::only<NeedSession>(tunnel.events()).empty());
    tunnel.transmit(0, packet_to("10.0.0.2"));
    CHECK(tunnel.sent().size() == 1);
    const auto needs = Rig::only<NeedSession>(tunnel.events());
    REQUIRE(needs.size() == 1);
    CHECK_FALSE(needs[0].packet.has_value());  // a renewal
    CHECK(needs[0].past_limit == SessionId{100});
    tunnel.transmit(0, packet_to("10.0.0.2"));
    CHECK(tunnel.sent().size() == 1);
    tunnel.transmit(0, packet_to("10.0.0.2"));
    CHECK(tunnel.sent().empty());
    tunnel.apply(tunnel.session(101));
    CHECK(tunnel.sent().size() == 1);  // it waited
}

TEST_CASE("a session is not received on beyond its bytes") {
    Tunnel tunnel;
    InstallSession install = tunnel.session(100);
    const std::size_t message = tunnel.seal(100, 0, packet_from("10.0.0.2")).size();
    install.lifetime.hard.bytes = 2 * message;
    tunnel.apply(std::move(install));
    for (std::uint64_t counter = 0; counter < 3; ++counter) {
        tunnel.receive(tunnel.seal(100, counter, packet_from("10.0.0.2")));
    }
    CHECK(tunnel.delivered().size() == 2);
    CHECK(tunnel.drops(DropReason::kLifetimeBytesSpent) == 1);
}

TEST_CASE("Confirm makes a waiting session the sending one, without a message") {
    Tunnel tunnel;
    tunnel.apply(tunnel.session(100, SendWhen::kAfterFirstReceived));
    tunnel.transmit(0, packet_to("10.0.0.2"));
    CHECK(tunnel.sent().empty());
    tunnel.apply(Confirm{{101}});  // unknown
    CHECK(tunnel.sent().empty());
    tunnel.apply(Confirm{{100}});
    CHECK(tunnel.sent().size() == 1);

    tunnel.apply(tunnel.session(200, SendWhen::kAfterFirstReceived));
    tunnel.apply(tunnel.session(201, SendWhen::kAfterFirstReceived));
    tunnel.transmit(0, packet_to("10.0.0.2"));
    const auto before = tunnel.sent();
    REQUIRE(before.size() == 1);
    CHECK(load_le<std::uint32_t>(before[0].bytes.data() + 4) == 100 + 0x1000'0000);
    tunnel.apply(Confirm{{200}});  // though 201 took its place
    (void)tunnel.sent();           // an empty message tells the peer
    tunnel.transmit(0, packet_to("10.0.0.2"));
    const auto sent = tunnel.sent();
    REQUIRE(sent.size() == 1);
    CHECK(load_le<std::uint32_t>(sent[0].bytes.data() + 4) == 200 + 0x1000'0000);
}

TEST_CASE("Confirm of the session that is sent on changes nothing, and of an older one goes back to it") {
    Tunnel tunnel;
    tunnel.apply(tunnel.session(100, SendWhen::kNow));
    tunnel.apply(tunnel.session(200, SendWhen::kNow));
    (void)tunnel.sent();
    tunnel.apply(Confirm{{200}});
    CHECK(tunnel.sent().empty());
    tunnel.apply(Confirm{{100}});
    tunnel.apply(RetireSession{{200}});
    (void)tunnel.sent();
    tunnel.transmit(0, packet_to("10.0.0.2"));
    const auto sent = tunnel.sent();
    REQUIRE(sent.size() == 1);
    CHECK(load_le<std::uint32_t>(sent[0].bytes.data() + 4) == 100 + 0x1000'0000);
}

TEST_CASE("a peer whose session does not follow stays where it is") {
    for (const Follow follow : {Follow::kAuthentic, Follow::kNever}) {
        Tunnel tunnel;
        InstallSession install = tunnel.session(100);
        install.follow = follow;
        tunnel.apply(std::move(install));
        (void)tunnel.sent();
        tunnel.from = *parse_endpoint("203.0.113.99:4444");
        tunnel.receive(tunnel.seal(100, 0, packet_from("10.0.0.2")));
        CHECK(tunnel.delivered().size() == 1);
        tunnel.transmit(0, packet_to("10.0.0.2"));
        const auto sent = tunnel.sent();
        REQUIRE(sent.size() == 1);
        CHECK((sent[0].remote == tunnel.from) == (follow == Follow::kAuthentic));
    }
}

TEST_CASE("a new session takes the place of the one of its flow only; a peer has sixteen flows") {
    Tunnel tunnel;
    const auto of_flow = [&](std::uint32_t id, std::uint8_t flow, std::uint8_t protocol) {
        InstallSession install = tunnel.session(id);
        install.flow = flow;
        install.selectors = {{{*parse_ip("0.0.0.0"), *parse_ip("255.255.255.255")},
                              {*parse_ip("0.0.0.0"), *parse_ip("255.255.255.255")},
                              protocol,
                              {},
                              {}}};
        tunnel.apply(std::move(install));
        (void)tunnel.sent();
    };
    const auto id_for = [&](const Packet& packet) -> std::uint32_t {
        tunnel.transmit(0, packet);
        const auto sent = tunnel.sent();
        return sent.empty() ? 0 : load_le<std::uint32_t>(sent[0].bytes.data() + 4) - 0x1000'0000;
    };
    const Packet any = packet_to("10.0.0.2");
    const std::uint8_t protocol = any[9];
    of_flow(100, 0, static_cast<std::uint8_t>(protocol + 1));
    CHECK(id_for(any) == 0);  // no flow carries it: it waits
    of_flow(101, 1, protocol);
    of_flow(102, 2, 0);
    CHECK(id_for(any) == 101);
    of_flow(201, 1, protocol);
    CHECK(id_for(any) == 201);
    tunnel.apply(RetireSession{{201}});
    CHECK(id_for(any) == 102);
    of_flow(300, kFlowsPerPeer, protocol);  // one too many: not installed
    CHECK(id_for(any) == 102);
}

TEST_CASE("what a packet needs is said with it") {
    Tunnel tunnel;
    tunnel.transmit(0, packet_to("10.0.0.2"));
    const auto needs = Rig::only<NeedSession>(tunnel.events());
    REQUIRE(needs.size() == 1);
    REQUIRE(needs[0].packet.has_value());
    CHECK(needs[0].packet->remote == *parse_ip("10.0.0.2"));
}

TEST_CASE("a listener that is gone takes nothing in, and no session is installed on it") {
    Tunnel tunnel;
    tunnel.apply(tunnel.session(100));
    tunnel.pipeline->drop_listener({0});
    tunnel.receive(tunnel.seal(100, 0, packet_from("10.0.0.2")));
    CHECK(tunnel.delivered().empty());
    CHECK(tunnel.own_drops(DropReason::kListenerMismatch) == 1);
    (void)tunnel.sent();
    tunnel.apply(tunnel.session(101));
    CHECK(tunnel.sent().empty());
}

}  // namespace
}  // namespace warren::dataplane::test
