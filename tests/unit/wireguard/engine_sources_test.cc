// A peer whose customer belongs to a group of a fleet: what leaves for it leaves from the group's addresses alone.
#include "tests/unit/wireguard/harness.h"

namespace warren::wireguard {
namespace {

using namespace testing;

const IpAddress kService = IpAddress::v4(192, 0, 2, 200);

struct GroupHub : Hub {
    GroupHub() { local = {kService, 2}; }
    ScriptedPeer peer = make_peer();

    void put_in_group(const std::optional<LastKnown>& last_known = {}, std::vector<IpAddress> sources = {kService}) {
        PeerConfig config = config_of(peer);
        config.sources = std::make_unique<const std::vector<IpAddress>>(std::move(sources));
        if (last_known) config.last_known = std::make_unique<const LastKnown>(*last_known);
        put(std::move(config));
    }
    static LastKnown seen_at(const Endpoint& where) {
        LastKnown known;
        known.endpoint = where;
        known.has_session = true;
        return known;
    }
};

TEST_CASE("a peer that another node saw gets an initiation at once, from the group's address") {
    GroupHub hub;
    hub.put_in_group(GroupHub::seen_at(endpoint_at(7)));
    REQUIRE(hub.messages_of(MessageType::kInitiation) == 1);
    CHECK(hub.out.messages[0].to == endpoint_at(7));
    CHECK(hub.out.messages[0].from.address == kService);
    CHECK(hub.out.messages[0].pinned);
    const auto places = hub.commands<dataplane::SetEndpoint>();
    REQUIRE(places.size() == 1);
    CHECK(places[0]->local.address == kService);
    CHECK(places[0]->pinned);
}

TEST_CASE("after a takeover the first repetitions come after 0.3 s and 1 s") {
    GroupHub hub;
    hub.put_in_group(GroupHub::seen_at(endpoint_at(7)));
    hub.run(310ms);
    CHECK(hub.messages_of(MessageType::kInitiation) == 1);
    hub.run(1'010ms);
    CHECK(hub.messages_of(MessageType::kInitiation) == 1);
}

TEST_CASE("an initiation to another address of ours gets no answer; to the group's it does, from there") {
    GroupHub hub;
    hub.put_in_group();
    hub.local = {IpAddress::v4(10, 9, 0, 1), 2};
    hub.deliver(hub.peer.initiate(7, hub.timestamp()));
    CHECK(hub.sends_nothing());
    CHECK(hub.dropped(DropReason::kUnknownPeer) == 1);

    hub.local = {kService, 2};
    hub.advance(1s);
    hub.deliver(hub.peer.initiate(7, hub.timestamp()));
    REQUIRE(hub.messages_of(MessageType::kResponse) == 1);
    CHECK(hub.out.messages[0].from.address == kService);
    CHECK(hub.out.messages[0].pinned);
    const auto sessions = hub.commands<dataplane::InstallSession>();
    REQUIRE(sessions.size() == 1);
    CHECK(sessions[0]->pinned);
}

TEST_CASE("the kernel's choice is no way out when nobody answers") {
    GroupHub hub;
    hub.put_in_group(GroupHub::seen_at(endpoint_at(7)));
    hub.run(200s);
    CHECK(hub.news<HandshakeGaveUp>() > 0);
    CHECK(hub.commands<dataplane::ClearLocalAddress>().empty());
    hub.need_session();
    REQUIRE(hub.messages_of(MessageType::kInitiation) == 1);
    CHECK(hub.out.messages[0].from.address == kService);
}

TEST_CASE("a peer that sent to another address of ours still hears from the group's") {
    GroupHub hub;
    hub.put_in_group();
    (void)hub.connect(hub.peer);
    hub.tell(dataplane::PeerRoamed{PeerIndex{0}, endpoint_at(9), {IpAddress::v4(10, 9, 0, 1), 2}});
    const auto places = hub.commands<dataplane::SetEndpoint>();
    REQUIRE(places.size() == 1);
    CHECK(places[0]->remote == endpoint_at(9));
    CHECK(places[0]->local.address == kService);
}

TEST_CASE("where the group has no address of the family, nothing is sent") {
    GroupHub hub;
    hub.put_in_group(GroupHub::seen_at(*parse_endpoint("[2001:db8::7]:51820")));
    CHECK(hub.out.messages.empty());
    CHECK(hub.commands<dataplane::SetEndpoint>().empty());
    hub.put_in_group({}, {kService, *parse_ip("2001:db8:f::7")});
    hub.tell(dataplane::PeerRoamed{
        PeerIndex{0}, *parse_endpoint("[2001:db8::7]:51820"), {*parse_ip("2001:db8:ffff::1"), 2}});
    hub.run(100ms);
}

TEST_CASE("a peer without sources is answered from wherever it sent to") {
    Hub hub;
    ScriptedPeer peer = hub.make_peer();
    hub.put(peer);
    hub.deliver(peer.initiate(7, hub.timestamp()));
    REQUIRE(hub.out.messages.size() == 1);
    CHECK_FALSE(hub.out.messages[0].pinned);
}

}  // namespace
}  // namespace warren::wireguard
