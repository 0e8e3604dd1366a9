// Several peers of one connection: each has a session of its own, with peers of the data plane of its own.
#include <doctest/doctest.h>

#include <set>

#include "tests/unit/ike_engine/crowd.h"
#include "vpnd/ike/reach.h"

using namespace warren;
using namespace warren::ike;
using namespace warren::ike::testing;

namespace {

Client client(std::uint64_t seed, const char* lan) {
    Client out(seed);
    out.peer.local = {network(lan)};
    return out;
}

void say_initial_contact(Chain& chain) {
    chain.notify(notify_of(NotifyType::kInitialContact));
}

std::vector<std::string> texts(const std::vector<Prefix>& prefixes) {
    std::vector<std::string> out;
    for (const Prefix& prefix : prefixes) out.push_back(to_string(prefix));
    return out;
}

}  // namespace

TEST_CASE("KI6: each of two peers of a connection has a peer of the data plane, with its networks alone") {
    Crowd crowd(2);
    Client a = client(1, "10.1.1.0/24");
    Client b = client(2, "10.1.2.0/24");
    REQUIRE(crowd.connect(a, "a.example.net").payloads.find<SaPayload>() != nullptr);
    REQUIRE(crowd.connect(b, "b.example.net").payloads.find<SaPayload>() != nullptr);
    CHECK(crowd.child_of(0) == a.peer.child_spi);
    CHECK(crowd.child_of(1) == b.peer.child_spi);
    CHECK(crowd.hub.sessions.endpoints.at(0) == a.at);
    CHECK(crowd.hub.sessions.endpoints.at(1) == b.at);
    CHECK(crowd.hub.sessions.reach.at(0) == std::set{*parse_prefix("10.1.1.0/24")});
    CHECK(crowd.hub.sessions.reach.at(1) == std::set{*parse_prefix("10.1.2.0/24")});
    const ConnectionStatus status = crowd.hub.status();
    CHECK(status.sessions == 2);
    REQUIRE(status.ike_sas.size() == 2);
    CHECK(status.ike_sas[0].children.at(0).peer != status.ike_sas[1].children.at(0).peer);

    crowd.leave(a);
    CHECK(crowd.hub.sessions.reach.at(0).empty());
    CHECK(crowd.child_of(1) == b.peer.child_spi);
    CHECK(crowd.hub.engine.peer_status(PeerIndex{0})->has_session == false);
    CHECK(crowd.hub.engine.peer_status(PeerIndex{1})->has_session);
    // Another one takes its place, and is counted anew.
    Client c = client(3, "10.1.3.0/24");
    (void)crowd.connect(c, "c.example.net");
    CHECK(crowd.child_of(0) == c.peer.child_spi);
    CHECK(crowd.hub.sessions.counted_anew == std::vector<std::uint32_t>{0, 1, 0});
}

TEST_CASE("a peer that comes again has its session of before, whoever was there meanwhile") {
    Crowd crowd(3);
    Client a = client(1, "10.1.1.0/24");
    Client b = client(2, "10.1.2.0/24");
    (void)crowd.connect(a, "a.example.net");
    (void)crowd.connect(b, "b.example.net");
    crowd.leave(a);
    crowd.leave(b);
    Client again = client(4, "10.1.2.0/24");
    (void)crowd.connect(again, "b.example.net");
    CHECK(crowd.child_of(0) == 0);
    CHECK(crowd.child_of(1) == again.peer.child_spi);
}

TEST_CASE("two devices of one identity have a session each; INITIAL_CONTACT ends those of that identity alone") {
    Crowd crowd(4);
    Client phone = client(1, "10.1.1.0/24");
    Client laptop = client(2, "10.1.2.0/24");
    Client other = client(3, "10.1.3.0/24");
    (void)crowd.connect(phone, "a.example.net");
    (void)crowd.connect(laptop, "a.example.net");
    (void)crowd.connect(other, "b.example.net");
    CHECK(crowd.hub.engine.sizes().ike_sas == 3);
    Client anew = client(4, "10.1.4.0/24");
    (void)crowd.connect(anew, "a.example.net", say_initial_contact);
    CHECK(crowd.hub.engine.sizes().ike_sas == 2);
    std::set<std::uint32_t> children;
    for (std::uint32_t peer = 0; peer < 4; ++peer) children.insert(crowd.child_of(peer));
    CHECK(children == std::set<std::uint32_t>{0, other.peer.child_spi, anew.peer.child_spi});
}

TEST_CASE("who comes from where a session of its identity is has that session, and the old IKE_SA is deleted") {
    Crowd crowd(4);
    Client before = client(1, "10.1.1.0/24");
    (void)crowd.connect(before, "a.example.net");
    Client after = client(2, "10.1.1.0/24");
    after.at = before.at;
    (void)crowd.connect(after, "a.example.net");
    CHECK(crowd.child_of(0) == after.peer.child_spi);
    CHECK(crowd.hub.status().sessions == 1);
    const bool is_told = std::any_of(crowd.hub.sent.begin(), crowd.hub.sent.end(), [](const Wire& wire) {
        return wire.exchange() == ExchangeType::kInformational && !wire.is_response();
    });
    CHECK(is_told);
    // Another identity there is another peer.
    Client neighbour = client(3, "10.1.2.0/24");
    neighbour.at = before.at;
    (void)crowd.connect(neighbour, "b.example.net");
    CHECK(crowd.hub.status().sessions == 2);
}

TEST_CASE("a rekeyed IKE_SA keeps its session, and its child the peer of the data plane") {
    Crowd crowd(2);
    Client a = client(1, "10.1.1.0/24");
    Client b = client(2, "10.1.2.0/24");
    (void)crowd.connect(a, "a.example.net");
    (void)crowd.connect(b, "b.example.net");
    Chain chain = b.peer.child_chain(0xbeef0001);
    chain.notify(rekey_sa(b.peer.child_spi));
    REQUIRE(crowd.request(b, ExchangeType::kCreateChildSa, chain).payloads.find<SaPayload>() != nullptr);
    REQUIRE(crowd.hub.status().ike_sas[1].children.size() == 2);
    const auto status = crowd.hub.status();
    for (const ChildStatus& child : status.ike_sas[1].children) CHECK(child.peer == PeerIndex{1});
    CHECK(crowd.child_of(0) == a.peer.child_spi);
}

TEST_CASE("what the data plane says of a peer is of its session") {
    Crowd crowd(2);
    Client a = client(1, "10.1.1.0/24");
    Client b = client(2, "10.1.2.0/24");
    (void)crowd.connect(a, "a.example.net");
    (void)crowd.connect(b, "b.example.net");
    const Endpoint elsewhere{*parse_ip("203.0.113.77"), 4711, 0};
    crowd.hub.tell(dataplane::PeerRoamed{PeerIndex{1}, elsewhere, {}});
    CHECK(crowd.hub.engine.peer_status(PeerIndex{0})->endpoint == a.at);
    CHECK(crowd.hub.engine.peer_status(PeerIndex{1})->endpoint == elsewhere);
    crowd.hub.run_until(crowd.hub.now.instant + 20s);
    crowd.hub.tell(dataplane::PeerActivity{.peer = PeerIndex{1}, .last_received = crowd.hub.now.instant});
    crowd.hub.sent.clear();
    crowd.hub.run_until(crowd.hub.now.instant + 15s);
    REQUIRE(crowd.hub.sent.size() >= 1);  // a is asked whether it is there, and b is not
    for (const Wire& wire : crowd.hub.sent) CHECK(wire.to == a.at);
}

TEST_CASE("fewer sessions in a new configuration: those beyond end, all others stay") {
    Crowd crowd(3);
    std::vector<Client> clients;
    for (std::uint64_t i = 1; i <= 3; ++i) {
        clients.push_back(client(i, i == 1 ? "10.1.1.0/24" : i == 2 ? "10.1.2.0/24" : "10.1.3.0/24"));
        (void)crowd.connect(clients.back(), i == 1 ? "a.example.net" : i == 2 ? "b.example.net" : "c.example.net");
    }
    crowd.connection.max_sessions = 2;
    crowd.connection.children[0].more_peers.resize(1);
    crowd.hub.put(crowd.connection);
    CHECK(crowd.hub.status().sessions == 2);
    CHECK(crowd.child_of(0) == clients[0].peer.child_spi);
    CHECK(crowd.child_of(1) == clients[1].peer.child_spi);
    CHECK(crowd.child_of(2) == 0);
    // A customer's new worker is told everything.
    crowd.hub.sessions.told_workers.clear();
    crowd.connection.workers = {0, 1};
    crowd.hub.put(crowd.connection);
    CHECK(crowd.hub.sessions.told_workers == std::set<std::uint32_t>{0, 1});
}

TEST_CASE("ranges as prefixes, and what of them may lead to a peer") {
    const auto range = [](const char* first, const char* last) {
        return TrafficSelector{.first = *parse_ip(first), .last = *parse_ip(last)};
    };
    CHECK(texts(prefixes_of(range("0.0.0.0", "255.255.255.255"))) == Texts{"0.0.0.0/0"});
    CHECK(texts(prefixes_of(range("10.0.0.7", "10.0.0.7"))) == Texts{"10.0.0.7/32"});
    CHECK(texts(prefixes_of(range("10.0.0.1", "10.0.0.6"))) ==
          Texts{"10.0.0.1/32", "10.0.0.2/31", "10.0.0.4/31", "10.0.0.6/32"});
    CHECK(texts(prefixes_of(range("255.255.255.254", "255.255.255.255"))) == Texts{"255.255.255.254/31"});
    CHECK(texts(prefixes_of(range("::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"))) == Texts{"::/0"});
    const std::vector<Prefix> routes{*parse_prefix("10.1.0.0/16"), *parse_prefix("10.2.3.0/24")};
    const SelectorList all{network("0.0.0.0/0"), network("::/0")};
    CHECK(texts(reach_of(all, routes)) == Texts{"10.1.0.0/16", "10.2.3.0/24"});
    CHECK(texts(reach_of(SelectorList{network("10.1.7.0/24")}, routes)) == Texts{"10.1.7.0/24"});
    CHECK(reach_of(SelectorList{network("10.9.0.0/16")}, routes).empty());
    // 62 prefixes are one range, and two are more than a peer may have.
    const SelectorList many{range("10.1.0.1", "10.1.255.254"), range("10.1.0.3", "10.1.255.252"),
                            range("10.1.0.5", "10.1.255.250"), range("10.1.0.7", "10.1.255.248")};
    CHECK(reach_of(many, routes).size() <= kMostReach);
}
