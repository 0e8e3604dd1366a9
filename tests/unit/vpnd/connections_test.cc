// IKE's connections in the customer set: which peers each has, what a new generation changes, what is refused.
#include "vpnd/customers/connections.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "tests/unit/ipc/field_changer.h"
#include "tests/unit/vpnd/fixtures.h"
#include "vpnd/customers/customer_set.h"

using namespace warren;
using namespace warren::vpnd;

namespace {

std::vector<Prefix> networks(const std::vector<std::string>& texts) {
    std::vector<Prefix> out;
    for (const std::string& text : texts) out.push_back(*parse_prefix(text));
    return out;
}

ipc::IpsecChild child(const std::string& name, const std::vector<std::string>& routes) {
    return {name, networks({"10.0.0.0/24"}), networks(routes), networks(routes)};
}

ipc::PutConnection site(const std::string& name, std::vector<ipc::IpsecChild> children) {
    ipc::PutConnection out;
    out.settings.name = name;
    out.settings.remote_identity = {IkeIdentityType::kFqdn, false, name};
    out.settings.children = std::move(children);
    out.psk = 7;
    return out;
}

ipc::PutConnection people(const std::string& name, std::uint16_t sessions, const std::string& pool = "10.99.0.0/24") {
    ipc::PutConnection out;
    out.settings.name = name;
    out.settings.auth = IpsecAuth::kEapTls;
    out.settings.pool = networks({pool});
    out.settings.children = {{name, networks({"0.0.0.0/0"}), {}, {}}};
    out.settings.max_sessions = sessions;
    return out;
}

NewListener ike_listener(bool has_sockets = true) {
    NewListener out;
    out.put.id = kIkeListener;
    out.put.port = kNatTraversalPort;
    out.put.settings = ipc::IkeListener{};
    for (std::uint8_t port = 0; port < 2 && has_sockets; ++port) {
        out.put.roles.push_back({ipc::SocketRole::kMessages, Family::kV4, 0, port});
        if (port == 0) out.put.roles.push_back({ipc::SocketRole::kData});
        out.put.roles.push_back({ipc::SocketRole::kSolicited, Family::kV4, 0, port});
    }
    out.sockets = {out.put.roles, test::any_descriptors(out.put.roles.size())};
    return out;
}

NewCustomer customer(const std::string& id, std::vector<ipc::PutConnection> connections, bool has_tun = true,
                     const std::string& identity = "") {
    NewCustomer out = test::new_customer(id, {}, "", has_tun);
    out.put.ipsec.emplace().identity = {IkeIdentityType::kFqdn, false, (identity.empty() ? id : identity) + ".example"};
    out.put.connection_count = static_cast<std::uint32_t>(connections.size());
    out.connections = std::move(connections);
    return out;
}

struct Draft {
    Generation generation;
    explicit Draft(std::uint64_t number, bool full = false) {
        generation.number = number;
        generation.full = full;
    }
    Draft& listener(bool has_sockets = true) {
        generation.listeners.push_back(ike_listener(has_sockets));
        return *this;
    }
    Draft& put(NewCustomer customer) {
        generation.customers.push_back(std::move(customer));
        return *this;
    }
};

Changes accept(CustomerSet& set, Draft& draft) {
    auto changes = set.apply(std::move(draft.generation));
    if (!changes) FAIL(changes.error().what);
    return std::move(*changes);
}
std::string refused(CustomerSet& set, Draft& draft) {
    const std::size_t customers = set.customers().size();
    const auto changes = set.apply(std::move(draft.generation));
    REQUIRE_FALSE(changes);
    CHECK(set.customers().size() == customers);
    return changes.error().what;
}

const HeldConnection& held(const CustomerSet& set, const std::string& customer, std::size_t position) {
    const HeldCustomer* const found = set.customer(customer);
    REQUIRE(found != nullptr);
    REQUIRE(position < found->connections.size());
    return found->connections[position];
}

PeerIndex route_of(const Changes& changes, const std::string& address) {
    REQUIRE(changes.swap_views.size() == 1);
    const PeerIndex* const found = changes.swap_views[0].view->allowed_ips.find(*parse_ip(address));
    return found == nullptr ? PeerIndex{} : *found;
}

std::vector<ipc::PutConnection> connections(ipc::PutConnection one) {
    std::vector<ipc::PutConnection> out;
    out.push_back(std::move(one));
    return out;
}

}  // namespace

TEST_CASE("children have a peer each, but those whose routes overlap share one, as flows in their order") {
    using Places = std::vector<ChildPlace>;
    CHECK(places_of({child("a", {"10.1.0.0/16"})}) == Places{{0, 0}});
    CHECK(places_of({child("a", {"10.1.0.0/16"}), child("b", {"10.2.0.0/16"})}) == Places{{0, 0}, {1, 0}});
    CHECK(places_of({child("a", {"10.1.0.0/16"}), child("b", {"10.2.0.0/16"}), child("c", {"10.1.2.0/24"})}) ==
          Places{{0, 0}, {1, 0}, {0, 1}});
    // The third joins the first two.
    CHECK(places_of({child("a", {"10.1.0.0/16"}), child("b", {"10.2.0.0/16"}), child("c", {"10.0.0.0/8"}),
                     child("d", {"fd00::/64"}), child("e", {"10.2.3.0/24"})}) ==
          Places{{0, 0}, {0, 1}, {0, 2}, {1, 0}, {0, 3}});
    CHECK(places_of({{"people", networks({"0.0.0.0/0"}), {}, {}}}) == Places{{0, 0}});
}

TEST_CASE("a site's children have peers with its routes, and the engine gets the connection") {
    CustomerSet set(1);
    const Changes changes =
        accept(set, Draft(1, true).listener().put(
                        customer("acme", connections(site("graz", {child("lan", {"10.1.0.0/16", "fd00:1::/64"}),
                                                                   child("voice", {"10.2.0.0/16"})})))));
    const HeldConnection& graz = held(set, "acme", 0);
    REQUIRE(graz.peers.size() == 2);
    CHECK(graz.peer(0, 0) != graz.peer(0, 1));
    CHECK(route_of(changes, "10.1.2.3") == graz.peer(0, 0));
    CHECK(route_of(changes, "fd00:1::1") == graz.peer(0, 0));
    CHECK(route_of(changes, "10.2.0.1") == graz.peer(0, 1));
    CHECK(changes.swap_views[0].view->peers == graz.peers);
    REQUIRE(changes.put_connections.size() == 1);
    CHECK(changes.put_connections[0].connection == graz.index);
    CHECK(set.listener(changes.put_connections[0].listener)->id == kIkeListener);
    CHECK(set.find(graz.index).connection == &graz);
    CHECK(set.connection_of(graz.peer(0, 1)).connection == &graz);
    const auto [owner, peer] = set.find(graz.peer(0, 1));
    CHECK(owner == set.customer("acme"));
    CHECK(peer == nullptr);
    REQUIRE(changes.open_listeners.size() == 1);
}

TEST_CASE("many clients have a peer each, and no route until they come") {
    CustomerSet set(1);
    const Changes changes =
        accept(set, Draft(1, true).listener().put(customer("acme", connections(people("people", 200)))));
    const HeldConnection& all = held(set, "acme", 0);
    CHECK(all.peers.size() == 200);
    CHECK(std::set<PeerIndex>(all.peers.begin(), all.peers.end()).size() == 200);
    CHECK(all.peer(199, 0) == all.peers.back());
    CHECK_FALSE(route_of(changes, "10.99.0.7").valid());
    CHECK(changes.swap_views[0].view->peers.size() == 200);
}

TEST_CASE("a connection that did not change gets no change; one that did keeps its index and its peers") {
    CustomerSet set(1);
    const auto graz = [] { return site("graz", {child("lan", {"10.1.0.0/16"})}); };
    accept(set, Draft(1, true).listener().put(customer("acme", connections(graz()))));
    set.settle();
    const HeldConnection before = [&] {
        HeldConnection copy;
        copy.index = held(set, "acme", 0).index;
        copy.peers = held(set, "acme", 0).peers;
        return copy;
    }();
    CHECK(accept(set, Draft(2, true).listener(false).put(customer("acme", connections(graz()), false))).empty());

    ipc::PutConnection changed = graz();
    bool other_view = false;
    SUBCASE("another key") {
        changed.psk = 8;
    }
    SUBCASE("another lifetime") {
        changed.settings.child_rekey_seconds = 77;
    }
    SUBCASE("other networks") {
        changed.settings.children[0] = child("lan", {"10.7.0.0/16"});
        other_view = true;
    }
    SUBCASE("a child more") {
        changed.settings.children.push_back(child("voice", {"10.2.0.0/16"}));
        other_view = true;
    }
    const Changes changes = accept(set, Draft(3).put(customer("acme", connections(std::move(changed)), false)));
    const HeldConnection& after = held(set, "acme", 0);
    CHECK(after.index == before.index);
    CHECK(after.peer(0, 0) == before.peers[0]);
    REQUIRE(changes.put_connections.size() == 1);
    CHECK(changes.remove_connections.empty());
    CHECK(changes.swap_views.empty() == !other_view);
}

TEST_CASE("every field of a connection, and of its customer's IPsec, reaches the engine when it changes") {
    const auto graz = [] {
        ipc::PutConnection out = site("graz", {child("lan", {"10.1.0.0/16"})});
        out.settings.ike = {{{1, 20, 256}}};
        return out;
    };
    const auto applied = [&](CustomerSet& set) {
        accept(set, Draft(1, true).listener().put(customer("acme", connections(graz()))));
        set.settle();
    };
    const std::size_t of_settings = test::count_fields(graz().settings);
    std::size_t changed_fields = 0;
    std::size_t limits = 0;
    for (std::size_t field = 0; field < of_settings; ++field) {
        ipc::PutConnection other = graz();
        test::change_field(other.settings, field);
        // Another name is another connection, and some changes leave no valid one.
        if (other.settings.name != "graz" || !ipc::check(other.settings)) continue;
        CAPTURE(field);
        CustomerSet set(1);
        applied(set);
        const Changes changes = accept(set, Draft(2).put(customer("acme", connections(std::move(other)), false)));
        // Rates and quotas are the data plane's: sessions go on.
        const bool is_limit = !changes.swap_views.empty() && changes.put_connections.empty();
        CHECK((changes.put_connections.size() == 1) != is_limit);
        limits += is_limit ? 1 : 0;
        ++changed_fields;
    }
    CHECK(changed_fields > 30);
    CHECK(limits == test::count_fields(ipc::Limits{}));
    const std::size_t of_ipsec = test::count_fields(*customer("acme", {}).put.ipsec);
    for (std::size_t field = 0; field < of_ipsec; ++field) {
        CAPTURE(field);
        CustomerSet set(1);
        applied(set);
        NewCustomer other = customer("acme", connections(graz()), false);
        test::change_field(*other.put.ipsec, field);
        CHECK(accept(set, Draft(2).put(std::move(other))).put_connections.size() == 1);
    }
}

TEST_CASE("a child keeps its peer while others come and go, and freed peers are given out after the barrier only") {
    CustomerSet set(1);
    const auto with = [](std::vector<ipc::IpsecChild> children) {
        return customer("acme", connections(site("graz", std::move(children))), false);
    };
    NewCustomer first = with({child("a", {"10.1.0.0/16"}), child("b", {"10.2.0.0/16"})});
    first.put.has_tun = true;
    first.tuns = test::any_descriptors(1);
    accept(set, Draft(1, true).listener().put(std::move(first)));
    set.settle();
    const PeerIndex a = held(set, "acme", 0).peer(0, 0);
    const PeerIndex b = held(set, "acme", 0).peer(0, 1);
    const Changes changes = accept(set, Draft(2).put(with({child("c", {"10.3.0.0/16"}), child("b", {"10.2.0.0/16"})})));
    CHECK(held(set, "acme", 0).peer(0, 1) == b);
    // What is kept of the peer elsewhere goes: its engine, and what the log knows of it.
    REQUIRE(changes.release_peers.size() == 1);
    CHECK(changes.release_peers[0].peer == a);
    CHECK(changes.release_peers[0].customer == set.customer("acme")->index);
    CHECK(changes.remove_connections.empty());
    CHECK(held(set, "acme", 0).peer(0, 0) != a);
    CHECK(set.find(a).customer == nullptr);
    set.settle();
    accept(set,
           Draft(3).put(with({child("c", {"10.3.0.0/16"}), child("b", {"10.2.0.0/16"}), child("d", {"10.4.0.0/16"})})));
    CHECK(held(set, "acme", 0).peer(0, 2) == a);
}

TEST_CASE("fewer sessions give peers back, more get new ones, the others stay") {
    CustomerSet set(1);
    accept(set, Draft(1, true).listener().put(customer("acme", connections(people("people", 3)))));
    set.settle();
    const std::vector<PeerIndex> three = held(set, "acme", 0).peers;
    accept(set, Draft(2).put(customer("acme", connections(people("people", 2)), false)));
    CHECK(held(set, "acme", 0).peers == std::vector(three.begin(), three.begin() + 2));
    accept(set, Draft(3).put(customer("acme", connections(people("people", 4)), false)));
    const std::vector<PeerIndex>& four = held(set, "acme", 0).peers;
    REQUIRE(four.size() == 4);
    CHECK(std::equal(four.begin(), four.begin() + 2, three.begin()));
    CHECK(std::find(three.begin(), three.end(), four[2]) == three.end());  // not before the barrier
}

TEST_CASE("what is gone is removed from the engine with its peers, and so is all of a suspended customer") {
    CustomerSet set(1);
    const auto two = [] {
        std::vector<ipc::PutConnection> out = connections(site("graz", {child("lan", {"10.1.0.0/16"})}));
        out.push_back(people("people", 5));
        return out;
    };
    accept(set, Draft(1, true).listener().put(customer("acme", two())));
    set.settle();
    const ConnectionIndex graz = held(set, "acme", 0).index;
    const std::vector<PeerIndex> peers = held(set, "acme", 0).peers;
    SUBCASE("a connection") {
        const Changes changes = accept(set, Draft(2).put(customer("acme", connections(people("people", 5)), false)));
        REQUIRE(changes.remove_connections.size() == 1);
        CHECK(changes.remove_connections[0].connection == graz);
        CHECK(changes.remove_connections[0].peers == peers);
        CHECK(changes.put_connections.empty());
        CHECK_FALSE(route_of(changes, "10.1.0.1").valid());
        CHECK(set.find(graz).connection == nullptr);
    }
    SUBCASE("the customer") {
        Draft draft(2);
        draft.generation.removed_customers.emplace_back("acme");
        CHECK(accept(set, draft).remove_connections.size() == 2);
        CHECK(set.find(graz).connection == nullptr);
        // Its identity is free.
        accept(set, Draft(3).put(customer("globex", {}, true, "acme")));
    }
    SUBCASE("suspended, and back") {
        NewCustomer suspended = customer("acme", two(), false);
        suspended.put.settings.suspended = true;
        const Changes away = accept(set, Draft(2).put(std::move(suspended)));
        CHECK(away.remove_connections.size() == 2);
        CHECK(away.put_connections.empty());
        const Changes back = accept(set, Draft(3).put(customer("acme", two(), false)));
        CHECK(back.put_connections.size() == 2);
        CHECK(held(set, "acme", 0).peers == peers);
    }
    SUBCASE("renamed") {
        Draft draft(2);
        draft.generation.renames = {{"acme", "zenith"}};
        const Changes changes = accept(set, draft);
        CHECK(changes.remove_connections.empty());
        CHECK(changes.put_connections.size() == 2);
        CHECK(held(set, "zenith", 0).peers == peers);
    }
    SUBCASE("renamed, and without connections") {
        Draft draft(2);
        draft.generation.renames = {{"acme", "zenith"}};
        const Changes changes = accept(set, draft.put(customer("zenith", {}, false, "acme")));
        CHECK(changes.remove_connections.size() == 2);
        CHECK(changes.put_connections.empty());
    }
    SUBCASE("operated") {
        Draft draft(2);
        draft.generation.operations = {{"acme", "graz", ipc::ConnectionAction::kTerminate},
                                       {"acme", "nobody", ipc::ConnectionAction::kRekey},
                                       {"nobody", "graz", ipc::ConnectionAction::kRekey}};
        CHECK_FALSE(draft.generation.is_empty());
        const Changes changes = accept(set, draft);
        REQUIRE(changes.operate_connections.size() == 1);
        CHECK(changes.operate_connections[0].connection == graz);
        CHECK(changes.operate_connections[0].action == ipc::ConnectionAction::kTerminate);
        CHECK(changes.remove_connections.empty());
        CHECK(changes.put_connections.empty());
    }
    SUBCASE("begun anew") {
        Draft draft(2);
        draft.generation.reset_peers.push_back({"acme", "graz"});
        const Changes changes = accept(set, draft);
        REQUIRE(changes.remove_connections.size() == 1);
        CHECK(changes.remove_connections[0].connection == graz);
        REQUIRE(changes.put_connections.size() == 1);
        CHECK(changes.put_connections[0].connection == graz);
    }
}

TEST_CASE("an identity is one customer's, whatever its case, and may change places with another") {
    CustomerSet set(1);
    accept(set, Draft(1, true).listener().put(customer("acme", {})).put(customer("globex", {})));
    set.settle();
    CHECK(refused(set, Draft(2).put(customer("globex", {}, false, "ACME"))).find("identity") != std::string::npos);
    CHECK(refused(set, Draft(2).put(customer("initech", {}, true, "acme"))).find("identity") != std::string::npos);
    CHECK(refused(set, Draft(2).put(customer("a", {}, true, "x")).put(customer("b", {}, true, "X"))) != "");
    accept(set, Draft(2).put(customer("acme", {}, false, "globex")).put(customer("globex", {}, false, "acme")));
    accept(set, Draft(3).put(customer("globex", {}, false, "acme")));
    CHECK(refused(set, Draft(4).put(customer("initech", {}, true, "globex"))) != "");
}

TEST_CASE("connections need the listener of IKE, which stays as long as somebody uses it") {
    CustomerSet set(1);
    Draft without(1, true);
    without.put(customer("acme", connections(site("graz", {child("lan", {"10.1.0.0/16"})}))));
    CHECK(refused(set, without).find("IKE listener") != std::string::npos);
    accept(set,
           Draft(1, true).listener().put(customer("acme", connections(site("graz", {child("lan", {"10.1.0.0/16"})})))));
    set.settle();
    Draft removing(2);
    removing.generation.removed_listeners.push_back(kIkeListener);
    CHECK(refused(set, removing).find("acme") != std::string::npos);
    Draft both(2);
    both.generation.removed_listeners.push_back(kIkeListener);
    both.put(test::new_customer("acme", {}, "", false));
    const Changes changes = accept(set, both);
    REQUIRE(changes.close_listeners.size() == 1);
    CHECK(changes.close_listeners[0].kind == ipc::ListenerKind::kIke);
    CHECK(changes.remove_connections.size() == 1);
}

TEST_CASE("a network is one tunnel's, a name one connection's, and there are not too many peers") {
    CustomerSet set(1);
    const auto refuse = [&](NewCustomer wrong) {
        Draft draft(1, true);
        draft.listener();
        draft.generation.listeners.push_back(test::new_listener("", 1));
        draft.put(std::move(wrong));
        return refused(set, draft);
    };
    const auto two = [](ipc::PutConnection one, ipc::PutConnection other) {
        std::vector<ipc::PutConnection> out = connections(std::move(one));
        out.push_back(std::move(other));
        return customer("acme", std::move(out));
    };
    const auto graz = [] { return site("graz", {child("lan", {"10.1.0.0/16"})}); };
    CHECK(refuse(two(graz(), site("linz", {child("lan", {"10.1.0.0/16"})}))).find("10.1.0.0/16 is allowed twice") !=
          std::string::npos);
    CHECK(refuse(two(graz(), graz())).find("graz is put twice") != std::string::npos);
    CHECK(refuse(two(people("a", 2), people("b", 2))).find("10.99.0.0/24 is allowed twice") != std::string::npos);
    NewCustomer mixed = customer("acme", connections(graz()));
    mixed.peers.push_back(test::put_peer(3, {"10.1.0.0/16"}));
    CHECK(refuse(std::move(mixed)).find("10.1.0.0/16 is allowed twice") != std::string::npos);
    std::vector<ipc::PutConnection> many;
    for (std::uint8_t i = 0; i < 5; ++i)
        many.push_back(people("p" + std::to_string(i), 16'384, "10." + std::to_string(i) + ".0.0/16"));
    CHECK(refuse(customer("acme", std::move(many))).find("too many peers") != std::string::npos);
    NewCustomer wrong_kind = test::new_customer("acme", {}, "");
    wrong_kind.peers.push_back(test::put_peer(3, {"10.1.0.0/16"}));
    wrong_kind.peers[0].settings.listener = kIkeListener;
    CHECK(refuse(std::move(wrong_kind)).find("kind") != std::string::npos);
    // Children of one connection may share a network.
    Draft fine(1, true);
    fine.listener().put(customer(
        "acme", connections(site("graz", {child("a", {"10.1.0.0/16"}), child("b", {"10.1.0.0/16", "10.2.0.0/16"})}))));
    accept(set, fine);
    CHECK(held(set, "acme", 0).peers.size() == 1);
}

TEST_CASE("a customer of several queues has a connection's peers at one worker, and knows at the others where") {
    CustomerSet set(2);
    NewCustomer large = customer("acme", connections(site("graz", {child("lan", {"10.1.0.0/16"})})));
    large.put.queues = 2;
    large.tuns = test::any_descriptors(2);
    large.connections[0].queue = 1;
    const Changes changes = accept(set, Draft(1, true).listener().put(std::move(large)));
    const HeldConnection& graz = held(set, "acme", 0);
    REQUIRE(changes.swap_views.size() == 2);
    CHECK(changes.swap_views[0].view->peers.empty());
    CHECK(changes.swap_views[0].view->elsewhere.at(graz.peers[0]) == changes.swap_views[1].worker);
    CHECK(changes.swap_views[1].view->peers == graz.peers);
}

TEST_CASE("only customers with IPsec come to the listener of IKE") {
    CustomerSet set(1);
    accept(set, Draft(1, true).listener().put(customer("acme", {})).put(test::new_customer("globex", {})));
    CHECK(set.listeners_of("acme").size() == 1);
    CHECK(set.listeners_of("globex").empty());
}
