// The way of an imagined packet, from what the kernel did with it and what vpnd knows.
#include "ctl/diagnosis/way.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "ctl/diagnosis/imagined.h"

namespace warren::diagnosis {
namespace {

ImaginedPacket packet(const char* from, const char* to) {
    return {*parse_ip(from), *parse_ip(to), kTcp, 40'000, 443};
}

// Two sites and a LAN; the packet goes from the branch to the LAN.
WayFacts facts() {
    WayFacts out;
    out.packet = packet("10.0.0.2", "10.42.0.10");
    out.in_device = "vpn0";
    out.customer.settings.id = "acme";
    out.customer.settings.addresses = {*parse_prefix("10.0.0.1/24")};
    out.routes = {{*parse_prefix("10.0.0.0/24"), "unicast", "vpn0"},
                  {*parse_prefix("10.42.0.0/24"), "unicast", "lan0"},
                  {*parse_prefix("10.66.0.0/24"), "blackhole", ""}};
    for (const char* name : {"branch", "depot"}) {
        ipc::PeerSnapshot peer;
        peer.settings.name = name;
        peer.activity.has_session = true;
        peer.activity.endpoint = parse_endpoint("203.0.113.7:40000");
        out.peers.push_back(peer);
    }
    out.peers[0].settings.allowed_ips = {*parse_prefix("10.0.0.2/32")};
    out.peers[1].settings.allowed_ips = {*parse_prefix("10.0.0.3/32"), *parse_prefix("10.7.0.0/16")};
    out.passage.out_device = "lan0";
    return out;
}

TEST_CASE("where a packet comes in: a peer's side, the handoff's, the stack itself, nobody's") {
    const WayFacts all = facts();
    const auto in = [&all](const char* from) { return in_device_of(*parse_ip(from), all.customer, all.routes); };
    CHECK(in("10.0.0.2") == "vpn0");
    CHECK(in("10.42.0.10") == "lan0");
    CHECK(in("10.0.0.1").empty());
    CHECK(in("192.0.2.1").empty());
}

TEST_CASE("it passes to the handoff, to a peer, to the stack") {
    WayFacts all = facts();
    Way way = way_of(all);
    CHECK(way.passes);
    CHECK(way.end == "handoff");
    CHECK(way.reason.empty());

    all.packet.to = *parse_ip("10.0.0.3");
    all.passage.out_device = "vpn0";
    way = way_of(all);
    CHECK(way.passes);
    CHECK(way.end == "peer depot");
    CHECK(way.sentence == "it passes: it goes to peer depot at 203.0.113.7:40000");

    all.passage.out_device.clear();
    all.passage.is_delivered = true;
    way = way_of(all);
    CHECK(way.passes);
    CHECK(way.end == "stack");
}

TEST_CASE("a peer without a session is asked for one, unless nobody knows where it is") {
    WayFacts all = facts();
    all.packet.to = *parse_ip("10.7.1.1");
    all.passage.out_device = "vpn0";
    all.peers[1].activity.has_session = false;
    CHECK(way_of(all).passes);
    all.peers[1].activity.endpoint.reset();
    CHECK(way_of(all).reason == "no_endpoint");
    all.peers[1].activity.endpoint = parse_endpoint("203.0.113.7:40000");
    all.peers[1].activity.is_expired = true;
    CHECK(way_of(all).reason == "peer_expired");
    all.packet.to = *parse_ip("10.0.0.77");
    const Way way = way_of(all);
    CHECK(way.reason == "no_peer_for_destination");
    CHECK_FALSE(way.passes);
}

TEST_CASE("who may not send it") {
    WayFacts all = facts();
    all.packet.from = *parse_ip("10.0.0.99");  // in a network of vpn0, and no peer's
    CHECK(way_of(all).reason == "source_not_allowed");
    all.packet.from = *parse_ip("192.0.2.1");
    all.in_device.clear();
    CHECK(way_of(all).reason == "source");
    all = facts();
    all.customer.settings.suspended = true;
    CHECK(way_of(all).reason == "suspended");
}

TEST_CASE("the rule of the firewall that decides is named") {
    WayFacts all = facts();
    all.passage.steps = {{"warren", "rules", "rule web\naccept tcp 443", true, false}};
    Way way = way_of(all);
    CHECK(way.passes);
    CHECK(way.rule == "web");
    all.passage.out_device.clear();
    all.passage.error = "ICMP type 3 code 13";
    all.passage.steps = {{"warren", "rules", "rule no-web\nreject tcp 443", true, true}};
    way = way_of(all);
    CHECK(way.reason == "firewall");
    CHECK(way.rule == "no-web");
    CHECK(way.sentence ==
          "it is dropped: by rule no-web of the customer's firewall; its sender gets ICMP type 3 code 13");
    all.passage.error.clear();
    all.passage.steps = {{"warren", "rules", "default", true, true}};
    way = way_of(all);
    CHECK(way.rule == "default");
    CHECK(way.reason == "firewall");
    // A rule without a text of its own has no colon behind its name.
    all.passage.steps = {{"warren", "rules", "ping\n", true, false}, {"warren", "rules", "default\n", true, true}};
    for (const WayPart& part : way_of(all).parts) {
        CAPTURE(part.text);
        CHECK_FALSE(part.text.ends_with(": "));
    }
    all.passage.steps = {{"mine", "extra", "", true, true}};
    CHECK(way_of(all).sentence == "it is dropped: by chain extra of table mine, which is not Warren's");
}

TEST_CASE("what the stack does not forward: no route, a blackhole, a source that leads elsewhere") {
    WayFacts all = facts();
    all.passage.out_device.clear();
    all.packet.to = *parse_ip("192.0.2.9");
    CHECK(way_of(all).sentence == "it is dropped: the stack has no route to 192.0.2.9");
    all.packet.to = *parse_ip("10.66.0.9");
    CHECK(way_of(all).sentence == "it is dropped: the stack's route 10.66.0.0/24 is blackhole");
    all = facts();
    all.passage.out_device.clear();
    all.in_device = "lan0";
    CHECK(way_of(all).reason == "source");
}

TEST_CASE("translations are told, and the peer is that of the new destination") {
    WayFacts all = facts();
    all.in_device = "lan0";
    all.packet = packet("10.42.0.10", "10.42.0.1");
    all.passage.out_device = "vpn0";
    all.passage.after = packet("10.0.0.1", "10.0.0.2");
    all.passage.after->to_port = 8443;
    const Way way = way_of(all);
    CHECK(way.end == "peer branch");
    std::vector<std::string> told;
    for (const WayPart& part : way.parts)
        if (part.name == "nat") told.push_back(part.text);
    CHECK(told == std::vector<std::string>{"source becomes 10.0.0.1:40000", "destination becomes 10.0.0.2:8443"});
}

TEST_CASE("who has expired sends nothing, and what is not shown is not known") {
    WayFacts all = facts();
    all.peers[0].activity.is_expired = true;
    CHECK(way_of(all).reason == "peer_expired");
    all = facts();
    all.packet.from = *parse_ip("10.0.0.99");
    all.peers[1].allowed_ips_left_out = 3;
    const Way from = way_of(all);
    CHECK_FALSE(from.passes);
    CHECK(from.reason == "not_known");
    all = facts();
    all.packet.to = *parse_ip("10.8.0.1");
    all.passage.out_device = "vpn0";
    all.peers[1].allowed_ips_left_out = 3;
    CHECK(way_of(all).sentence ==
          "it is not known: no peer shows 10.8.0.1 among its allowed_ips, but 3 of peer depot are not shown");
}

TEST_CASE("a connection takes what one of its children is for, in both directions") {
    WayFacts all = facts();
    ipc::ConnectionSnapshot linz;
    linz.settings.name = "linz";
    linz.state = ipc::ConnectionState::kUp;
    linz.sessions = 1;
    linz.settings.children = {
        {"lan", {*parse_prefix("10.42.0.0/24")}, {*parse_prefix("10.5.0.0/16")}, {*parse_prefix("10.5.1.0/24")}}};
    all.connections = {linz};
    all.routes.push_back({*parse_prefix("10.5.1.0/24"), "unicast", "vpn0"});
    all.packet = packet("10.5.1.9", "10.42.0.10");
    CHECK(way_of(all).passes);
    all.packet = packet("10.5.1.9", "10.43.0.10");
    CHECK(way_of(all).reason == "selector_mismatch");

    all.in_device = "lan0";
    all.passage.out_device = "vpn0";
    all.packet = packet("10.42.0.10", "10.5.1.9");
    CHECK(way_of(all).end == "connection linz");
    all.passage.after = packet("10.43.0.10", "10.5.1.9");
    CHECK(way_of(all).reason == "no_child_for_packet");
    // Among the peer's selectors, but not routed to it.
    all.passage.after = packet("10.42.0.10", "10.5.2.9");
    CHECK(way_of(all).reason == "no_peer_for_destination");
}

TEST_CASE("an address of a pool is a session's, or nobody's") {
    WayFacts all = facts();
    ipc::ConnectionSnapshot road;
    road.settings.name = "road";
    road.state = ipc::ConnectionState::kUp;
    road.settings.pool = {*parse_prefix("10.9.0.0/24")};
    road.settings.children = {{"all", {*parse_prefix("0.0.0.0/0")}, {}, {}}};
    all.connections = {road};
    all.routes.push_back({*parse_prefix("10.9.0.0/24"), "unicast", "vpn0"});
    all.packet = packet("10.9.0.5", "10.42.0.10");
    CHECK(way_of(all).reason == "source_not_allowed");
    all.connections[0].sessions = 2;
    CHECK(way_of(all).passes);
    all.in_device = "lan0";
    all.passage.out_device = "vpn0";
    all.packet = packet("10.42.0.10", "10.9.0.5");
    CHECK(way_of(all).sentence ==
          "it passes: it goes to connection road, if one of its sessions has the address 10.9.0.5");
    all.connections[0].sessions = 0;
    CHECK(way_of(all).reason == "no_peer_for_destination");
}

TEST_CASE("an imagined packet becomes bytes and is known again; its answer goes the other way") {
    for (const std::uint8_t protocol : {kTcp, kUdp, kIcmp}) {
        ImaginedPacket sent = packet("10.0.0.2", "10.42.0.10");
        sent.protocol = protocol;
        if (protocol == kIcmp) sent.to_port = 0;
        CHECK(packet_of(bytes_of(sent)) == sent);
        const ImaginedPacket back = answer_to(sent);
        CHECK(back.from == sent.to);
        CHECK(back.to == sent.from);
        const auto read = packet_of(bytes_of(back));
        REQUIRE(read);
        if (protocol != kUdp) CHECK(read->is_answer);
        CHECK(read->from_port == back.from_port);
    }
    ImaginedPacket six{*parse_ip("fd00::2"), *parse_ip("fd00::1"), kIcmpv6, 40'000, 0};
    CHECK(packet_of(bytes_of(six)) == six);
    CHECK(text_of(six) == "fd00::2 -> fd00::1 icmp");
    CHECK(text_of(packet("10.0.0.2", "10.42.0.10")) == "10.0.0.2 -> 10.42.0.10 tcp/443");
    CHECK_FALSE(packet_of({}).has_value());
    CHECK_FALSE(packet_of(Bytes(bytes_of(six)).first(44)).has_value());
}

}  // namespace
}  // namespace warren::diagnosis
