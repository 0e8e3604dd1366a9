// Addresses that are leased, and configuration payloads.
#include "vpnd/ike/pool.h"

#include <doctest/doctest.h>

#include <set>

#include "tests/unit/ike_engine/crowd.h"

using namespace warren;
using namespace warren::ike;
using namespace warren::ike::testing;

namespace {

Pool pool_of(std::initializer_list<const char*> networks, std::size_t most_kept = 100) {
    std::vector<Prefix> prefixes;
    for (const char* const network : networks) prefixes.push_back(*parse_prefix(network));
    Pool out;
    out.configure(std::move(prefixes), most_kept);
    return out;
}

std::string take(Pool& pool, std::string_view holder, const char* wanted = nullptr, Family family = Family::kV4) {
    const auto address = pool.take(family, holder, wanted == nullptr ? std::nullopt : parse_ip(wanted));
    return address ? to_string(*address) : "none";
}

SelectorList list_of(const TsPayload& payload) {
    SelectorList out;
    for (const TrafficSelector& selector : payload.selectors) out.push_back(selector);
    return out;
}

}  // namespace

TEST_CASE("KC1: every address of a pool is leased once, without those of the network itself") {
    Pool pool = pool_of({"10.99.0.0/29", "10.98.0.0/31", "10.97.0.1/32"});
    std::set<std::string> seen;
    for (int i = 0; i < 9; ++i) seen.insert(take(pool, "holder " + std::to_string(i)));
    CHECK(seen == std::set<std::string>{"10.99.0.1", "10.99.0.2", "10.99.0.3", "10.99.0.4", "10.99.0.5", "10.99.0.6",
                                        "10.98.0.0", "10.98.0.1", "10.97.0.1"});
    CHECK(take(pool, "one more") == "none");
    CHECK(take(pool, "one more", nullptr, Family::kV6) == "none");
    CHECK(pool.taken() == 9);
    pool.give_back(*parse_ip("10.99.0.4"));
    CHECK(take(pool, "one more") == "10.99.0.4");
}

TEST_CASE("KC1: the address asked for is leased when it is free, of the pool, and nobody else's") {
    Pool pool = pool_of({"10.99.0.0/24"});
    CHECK(take(pool, "alice", "10.99.0.77") == "10.99.0.77");
    for (const char* const not_to_have : {"10.99.0.77", "10.99.0.0", "10.99.0.255", "10.99.1.1", "fd00::1"}) {
        const std::string other = take(pool, "bob", not_to_have);
        CHECK(other != not_to_have);
        CHECK(pool.has(*parse_ip(other)));
        pool.give_back(*parse_ip(other));
    }
    // It stays alice's while there are others.
    pool.give_back(*parse_ip("10.99.0.77"));
    CHECK(take(pool, "mallory", "10.99.0.77") != "10.99.0.77");
    CHECK(take(pool, "alice") == "10.99.0.77");
}

TEST_CASE("KC2: who comes again has the same address; two of one holder have two") {
    Pool pool = pool_of({"10.99.0.0/24", "fd00:99::/64"});
    const std::string first = take(pool, "alice");
    const std::string second = take(pool, "alice");
    CHECK(first != second);
    const std::string v6 = take(pool, "alice", nullptr, Family::kV6);
    for (const std::string& address : {first, second, v6}) pool.give_back(*parse_ip(address));
    for (int i = 0; i < 50; ++i) (void)take(pool, "holder " + std::to_string(i));
    CHECK(take(pool, "alice") == first);
    CHECK(take(pool, "alice") == second);
    CHECK(take(pool, "alice", nullptr, Family::kV6) == v6);
    // Of an earlier process too.
    Pool next = pool_of({"10.99.0.0/24"});
    const Pool::Past alices{{*parse_ip("192.0.2.1"), *parse_ip(second)}, {}};
    const Pool::Past bobs{{}, [&](const IpAddress& one) { return to_string(one) == second; }};
    const auto bob = next.take(Family::kV4, "bob", parse_ip(second), bobs);
    REQUIRE(bob.has_value());
    CHECK(to_string(*bob) != second);
    const auto alice = next.take(Family::kV4, "alice", std::nullopt, alices);
    REQUIRE(alice.has_value());
    CHECK(to_string(*alice) == second);
    // Unless nothing else is left.
    Pool small = pool_of({"10.99.0.1/32"});
    const Pool::Past all{{}, [](const IpAddress&) { return true; }};
    CHECK(small.take(Family::kV4, "bob", std::nullopt, all) == *parse_ip("10.99.0.1"));
}

TEST_CASE("KC2: an address that is kept goes to another when nothing else is left, the one free for longest first") {
    Pool pool = pool_of({"10.99.0.0/30"});
    CHECK(take(pool, "a", "10.99.0.1") == "10.99.0.1");
    CHECK(take(pool, "b", "10.99.0.2") == "10.99.0.2");
    pool.give_back(*parse_ip("10.99.0.2"));
    pool.give_back(*parse_ip("10.99.0.1"));
    CHECK(take(pool, "c") == "10.99.0.2");
    CHECK(take(pool, "a") == "10.99.0.1");
    CHECK(take(pool, "d") == "none");
}

TEST_CASE("a pool keeps a bounded number of addresses, however large it is and however many came") {
    Pool pool = pool_of({"10.0.0.0/8", "fd00::/16"}, 8);
    for (int i = 0; i < 1000; ++i) {
        const std::string address = take(pool, "holder " + std::to_string(i), nullptr, Family::kV6);
        REQUIRE(address != "none");
        pool.give_back(*parse_ip(address));
        REQUIRE(pool.kept() <= 8);
    }
    // Holders whose names meet at one place find the next ones.
    std::set<std::string> seen;
    for (int i = 0; i < 300; ++i) seen.insert(take(pool, "the same"));
    CHECK(seen.size() == 300);
    CHECK(pool.taken() == 300);
    // A smaller one forgets what is not in it.
    pool.configure({*parse_prefix("192.0.2.0/24")}, 8);
    CHECK(pool.kept() == 0);
}

// --- configuration payloads ----------------------------------------------------------------------

TEST_CASE("KC1: a client gets what it asks for, of what there is, with unknown attributes between") {
    Crowd crowd(2, {"10.99.0.0/24", "fd00:99::/112"}, [](Connection& connection) {
        connection.clients = {{*parse_ip("10.0.0.53"), *parse_ip("fd00::53")}, {"corp.acme.example", "acme.example"}};
        connection.children[0].local = {network("10.2.0.0/16"), network("fd00:2::/32")};
    });
    const auto ask = [](std::vector<std::uint16_t> types) {
        return [types](Chain& chain) {
            std::vector<ConfigAttribute> attributes;
            for (const std::uint16_t type : types) attributes.push_back({static_cast<CfgAttribute>(type), {}});
            chain.cp(CfgType::kRequest, attributes);
        };
    };
    Client client(1);
    const OpenedMessage all = crowd.connect(client, "a.example.net", ask({9999, 1, 2, 3, 8, 10, 13, 15, 25, 7, 20}));
    const auto* const reply = all.payloads.find<CpPayload>();
    REQUIRE(reply != nullptr);
    CHECK(reply->type == CfgType::kReply);
    std::vector<std::pair<std::uint16_t, std::vector<std::uint8_t>>> got;
    for (const ConfigAttribute& one : reply->attributes)
        got.emplace_back(static_cast<std::uint16_t>(one.type), std::vector(one.value.begin(), one.value.end()));
    REQUIRE(got.size() == 8);
    CHECK(got[0].first == 1);
    CHECK(got[0].second.size() == 4);
    CHECK(got[1].first == 8);
    CHECK(got[1].second.size() == 17);
    CHECK(got[1].second.back() == 128);
    CHECK(got[2] == std::pair(std::uint16_t{3}, std::vector<std::uint8_t>{10, 0, 0, 53}));
    CHECK(got[3].first == 10);
    CHECK(got[4].first == 25);
    CHECK(std::string(got[4].second.begin(), got[4].second.end()) == "corp.acme.example");
    CHECK(got[5].first == 25);
    CHECK(got[6] == std::pair(std::uint16_t{13}, std::vector<std::uint8_t>{10, 2, 0, 0, 255, 255, 0, 0}));
    CHECK(got[7].first == 15);
    CHECK(got[7].second.size() == 17);
    CHECK(got[7].second.back() == 32);
    // Only what is asked for.
    Client modest(2);
    const OpenedMessage little = crowd.connect(modest, "b.example.net", ask({8}));
    REQUIRE(little.payloads.find<CpPayload>() != nullptr);
    CHECK(little.payloads.find<CpPayload>()->attributes.size() == 1);
    CHECK(lease_v4(little) == "none");
    CHECK(lease_v6(little).starts_with("fd00:99::"));
}

TEST_CASE("KC1: what a client offers is narrowed to its lease, which alone leads to it") {
    Crowd crowd(2, {"10.99.0.0/24"});
    Client a(1);
    Client b(2);
    const OpenedMessage first = crowd.connect(a, "a.example.net", asking_v4("10.99.0.9"));
    CHECK(lease_v4(first) == "10.99.0.9");
    const auto* const tsi = first.payloads.find<TsiPayload>();
    const auto* const tsr = first.payloads.find<TsrPayload>();
    REQUIRE(tsi != nullptr);
    CHECK(list_of(*tsi) == SelectorList{network("10.99.0.9/32")});
    CHECK(list_of(*tsr) == SelectorList{network("10.2.0.0/16")});
    CHECK(crowd.hub.sessions.reach.at(0) == std::set{*parse_prefix("10.99.0.9/32")});
    // Another one cannot have it, neither by asking nor by its selectors, at once or later.
    b.peer.local = {network("10.99.0.9/32")};
    const OpenedMessage second = crowd.connect(b, "b.example.net", asking_v4("10.99.0.9"));
    CHECK(lease_v4(second) != "10.99.0.9");
    CHECK(second.has(NotifyType::kTsUnacceptable));
    CHECK(crowd.request(b, ExchangeType::kCreateChildSa, b.peer.child_chain(7000)).has(NotifyType::kTsUnacceptable));
    b.peer.local = {network("0.0.0.0/0")};
    const OpenedMessage third = crowd.request(b, ExchangeType::kCreateChildSa, b.peer.child_chain(7001));
    REQUIRE(third.payloads.find<TsiPayload>() != nullptr);
    CHECK(to_string(*third.payloads.find<TsiPayload>()->selectors.begin()) == lease_v4(second) + "/32");
    CHECK(crowd.hub.sessions.reach.at(0) == std::set{*parse_prefix("10.99.0.9/32")});
}

TEST_CASE("KA12: a client without address has an IKE_SA without child for 30 s, and is told why") {
    Crowd crowd(3, {"10.99.0.4/32"});
    Client first(1);
    CHECK(lease_v4(crowd.connect(first, "a.example.net", asking_v4())) == "10.99.0.4");
    Client second(2);
    const OpenedMessage empty = crowd.connect(second, "b.example.net", asking_v4());
    CHECK(empty.has(NotifyType::kInternalAddressFailure));
    CHECK(empty.payloads.find<AuthPayload>() != nullptr);
    CHECK(empty.payloads.find<SaPayload>() == nullptr);
    CHECK(empty.payloads.find<CpPayload>() == nullptr);
    CHECK(crowd.hub.dropped(DropReason::kIkePoolEmpty) == 1);
    Client third(3);
    CHECK(crowd.connect(third, "c.example.net").has(NotifyType::kFailedCpRequired));
    Client fourth(4);
    const auto set = [](Chain& chain) { chain.cp(CfgType::kSet, {}); };
    crowd.leave(third);
    CHECK(crowd.connect(fourth, "d.example.net", set).has(NotifyType::kFailedCpRequired));
    CHECK(crowd.hub.engine.sizes().ike_sas == 3);
    crowd.hub.run_until(crowd.hub.now.instant + kChildlessLife - 1s);
    CHECK(crowd.hub.engine.sizes().ike_sas == 3);
    crowd.hub.sent.clear();
    crowd.hub.run_until(crowd.hub.now.instant + 2s);
    CHECK(std::any_of(crowd.hub.sent.begin(), crowd.hub.sent.end(),
                      [&](const Wire& wire) { return wire.to == second.at; }));
}

TEST_CASE("KC2: a lease comes again with its identity, is free with the IKE_SA, and stays over rekeys") {
    Crowd crowd(8, {"10.99.0.0/24"});
    Client phone(1);
    Client laptop(2);
    const std::string first = lease_v4(crowd.connect(phone, "a.example.net", asking_v4()));
    const std::string second = lease_v4(crowd.connect(laptop, "a.example.net", asking_v4()));
    CHECK(first != second);
    Client other(3);
    CHECK(lease_v4(crowd.connect(other, "b.example.net", asking_v4(first.c_str()))) != first);
    crowd.leave(phone);
    Client again(4);
    CHECK(lease_v4(crowd.connect(again, "a.example.net", asking_v4())) == first);
    // From where it was, without having said goodbye: the same address, at once.
    Client rebooted(5);
    rebooted.at = again.at;
    CHECK(lease_v4(crowd.connect(rebooted, "a.example.net", asking_v4())) == first);
    CHECK(crowd.hub.status().sessions == 3);
    // We rekey its child with its own address.
    crowd.hub.sent.clear();
    crowd.hub.call(
        [&] { (void)crowd.hub.engine.rekey(crowd.hub.now, kFirst, Engine::Rekey::kChildren, crowd.hub.out); });
    bool is_seen = false;
    for (const Wire& wire : crowd.hub.sent) {
        if (wire.to != rebooted.at || wire.exchange() != ExchangeType::kCreateChildSa) continue;
        const OpenedMessage request = rebooted.peer.open(wire.message());
        REQUIRE(request.payloads.find<TsrPayload>() != nullptr);
        CHECK(to_string(*request.payloads.find<TsrPayload>()->selectors.begin()) == first + "/32");
        is_seen = true;
    }
    CHECK(is_seen);
}

TEST_CASE("a pool that changes ends the sessions whose addresses it has no more, and no others") {
    Crowd crowd(4, {"10.99.0.0/24"});
    Client low(1);
    Client high(2);
    (void)crowd.connect(low, "a.example.net", asking_v4("10.99.0.9"));
    (void)crowd.connect(high, "b.example.net", asking_v4("10.99.0.200"));
    crowd.connection.pool = {*parse_prefix("10.99.0.0/25")};
    crowd.connection.children[0].routes = crowd.connection.pool;
    crowd.hub.put(crowd.connection);
    CHECK(crowd.hub.status().sessions == 1);
    CHECK(crowd.child_of(0) == low.peer.child_spi);
    CHECK(crowd.child_of(1) == 0);
}
