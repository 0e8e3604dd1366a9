// What changes is changed, what did not change is not touched, and what is wrong changes nothing.
#include "vpnd/customers/customer_set.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "tests/unit/ipc/field_changer.h"
#include "tests/unit/vpnd/fixtures.h"

using namespace warren;
using namespace warren::vpnd;

namespace {

std::vector<ipc::PutPeer> peers(std::initializer_list<std::uint8_t> keys) {
    std::vector<ipc::PutPeer> out;
    for (const std::uint8_t key : keys) out.push_back(test::put_peer(key, {"10." + std::to_string(key) + ".0.0/16"}));
    return out;
}

// Fluent, so that a test reads as the generation it sends.
struct Draft {
    Generation generation;
    explicit Draft(std::uint64_t number, bool full = false) {
        generation.number = number;
        generation.full = full;
    }
    Draft& listener(const std::string& id, std::uint8_t key, std::uint16_t port = 51820, bool has_sockets = true) {
        generation.listeners.push_back(test::new_listener(id, key, port, has_sockets));
        return *this;
    }
    Draft& customer(NewCustomer customer) {
        generation.customers.push_back(std::move(customer));
        return *this;
    }
    Draft& customer(const std::string& id, std::vector<ipc::PutPeer> list, const std::string& listener = "",
                    bool has_tun = true) {
        return customer(test::new_customer(id, std::move(list), listener, has_tun));
    }
    Draft& remove(const std::string& id) {
        generation.removed_customers.push_back(id);
        return *this;
    }
    Draft& remove_listener(const std::string& id) {
        generation.removed_listeners.push_back({id});
        return *this;
    }
};

Changes accept(CustomerSet& set, Draft& draft) {
    auto changes = set.apply(std::move(draft.generation));
    if (!changes) FAIL(changes.error().what);
    return std::move(*changes);
}

Changes accept(CustomerSet& set, Draft&& draft) {
    return accept(set, draft);
}

void refuse(CustomerSet& set, Draft& draft) {
    const std::uint64_t before = set.generation();
    const std::size_t customers = set.customers().size();
    const std::size_t listeners = set.listeners().size();
    CHECK_FALSE(set.apply(std::move(draft.generation)));
    CHECK(set.generation() == before);
    CHECK(set.customers().size() == customers);
    CHECK(set.listeners().size() == listeners);
}

// A shared listener with acme (peers 10, 11) and globex (peer 20), applied.
CustomerSet two_customers() {
    CustomerSet set(1);
    accept(set, Draft(1, true).listener("", 1).customer("acme", peers({10, 11})).customer("globex", peers({20})));
    set.settle();
    return set;
}

std::uint32_t worker_of(const CustomerSet& set, PeerIndex index) {
    const auto [customer, peer] = set.find(index);
    REQUIRE(peer != nullptr);
    return customer->workers[peer->config.queue];
}

PeerIndex index_of(const CustomerSet& set, const std::string& customer, std::size_t position) {
    const HeldCustomer* held = set.customer(customer);
    REQUIRE(held != nullptr);
    REQUIRE(position < held->peers.size());
    return held->peers[position].index;
}

// Peers 10, 11, ... of queues 0, 1, 0, ...
NewCustomer large(std::size_t count, std::uint16_t queues, bool has_tun = true) {
    std::vector<ipc::PutPeer> list;
    for (std::size_t i = 0; i < count; ++i) {
        list.push_back(std::move(peers({static_cast<std::uint8_t>(10 + i)}).front()));
        list.back().queue = static_cast<std::uint16_t>(i % queues);
    }
    NewCustomer customer = test::new_customer("large", std::move(list), "", has_tun);
    customer.put.queues = queues;
    if (has_tun) customer.tuns = test::any_descriptors(queues);
    return customer;
}

}  // namespace

TEST_CASE("surplus sockets go to the listener once, and are no part of what a next stackd gets") {
    CustomerSet set(1);
    Draft draft(1, true);
    draft.listener("", 1);
    ListenerSockets& sockets = draft.generation.listeners[0].sockets;
    const std::vector<ipc::DescriptorRole> lasting = sockets.roles;
    const ipc::DescriptorRole surplus{ipc::SocketRole::kSurplus, Family::kV4, 0};
    sockets.roles.insert(sockets.roles.begin(), surplus);
    sockets.descriptors.insert(sockets.descriptors.begin(), test::any_descriptor());
    const int first = sockets.descriptors[1].get();
    Changes changes = accept(set, draft);
    const HeldListener& held = set.listeners().at({});
    CHECK(held.roles == lasting);
    REQUIRE(held.descriptors.size() == lasting.size());
    CHECK(held.descriptors[0] == first);
    REQUIRE(changes.open_listeners.size() == 1);
    CHECK(changes.open_listeners[0].sockets.take(surplus).valid());
}

TEST_CASE("a first generation opens, swaps and puts everything") {
    CustomerSet set(1);
    const Changes changes =
        accept(set, Draft(1, true).listener("", 1).customer("acme", peers({10, 11})).customer("globex", peers({20})));
    REQUIRE(changes.open_listeners.size() == 1);
    CHECK(changes.open_listeners[0].listener == ListenerIndex{0});
    CHECK(changes.open_listeners[0].is_new);
    CHECK(changes.swap_views.size() == 2);
    CHECK(changes.put_peers.size() == 3);
    CHECK(changes.remove_peers.empty());
    CHECK(changes.drop_customers.empty());

    std::set<std::uint32_t> indexes;
    for (const auto& put : changes.put_peers) indexes.insert(put.peer.value);
    CHECK(indexes.size() == 3);
    for (const auto& swap : changes.swap_views) {
        CHECK(swap.tun.valid());
        const HeldCustomer* held = set.customer(swap.view->id);
        REQUIRE(held != nullptr);
        CHECK(swap.view->index == held->index);
        CHECK(swap.view->peers.size() == held->peers.size());
        CHECK(std::vector{swap.tun.get()} == held->tuns);
    }
    const auto [customer, peer] = set.find(index_of(set, "acme", 1));
    REQUIRE(peer != nullptr);
    CHECK(customer->settings.id == "acme");
    CHECK(std::get<ipc::WireguardPeer>(peer->config.tunnel).public_key == test::public_key(11));
}

TEST_CASE("the same again, in full or in part, changes nothing") {
    CustomerSet set = two_customers();
    const bool full = true;
    CHECK(accept(set, Draft(2, full)
                          .listener("", 1, 51820, false)
                          .customer("acme", peers({10, 11}), "", false)
                          .customer("globex", peers({20}), "", false))
              .empty());
    CHECK(accept(set, Draft(3).customer("acme", peers({11, 10}), "", false)).empty());  // in another order
    CHECK(accept(set, Draft(4)).empty());
    CHECK(set.generation() == 4);
    CHECK(set.customers().size() == 2);
}

TEST_CASE("other names are taken over, and all sessions stay") {
    CustomerSet set = two_customers();
    auto renamed = test::new_customer("acme", peers({10, 11}), "", false);
    renamed.put.settings.name = "Acme & Sons";
    renamed.peers[0].settings.name = "moved";
    const Changes changes = accept(set, Draft(2).customer(std::move(renamed)));
    CHECK(changes.remove_peers.empty());
    CHECK(changes.drop_customers.empty());
    CHECK(set.customer("acme")->settings.name == "Acme & Sons");
    CHECK(set.customer("acme")->peers[0].config.settings.name == "moved");
}

TEST_CASE("a peer's new settings go to the engine and leave the data plane alone") {
    CustomerSet set = two_customers();
    const PeerIndex before = index_of(set, "acme", 0);
    auto changed = peers({10, 11});
    SUBCASE("preshared key") {
        test::wireguard(changed[0]).preshared_key.secret = test::private_key(7).secret.clone();
    }
    SUBCASE("endpoint") {
        changed[0].settings.endpoint = *parse_endpoint("192.0.2.1:1");
    }
    SUBCASE("keepalive") {
        test::wireguard(changed[0]).persistent_keepalive_seconds = 25;
    }
    const Changes changes = accept(set, Draft(2).customer("acme", std::move(changed), "", false));
    REQUIRE(changes.put_peers.size() == 1);
    CHECK(changes.put_peers[0].peer == before);
    CHECK(changes.swap_views.empty());
    CHECK(changes.remove_peers.empty());
}

TEST_CASE("mtu, addresses, rates and share make a new view and leave the engine alone") {
    CustomerSet set = two_customers();
    auto changed = test::new_customer("acme", peers({10, 11}), "", false);
    SUBCASE("mtu") {
        changed.put.settings.mtu = 1280;
    }
    SUBCASE("addresses") {
        changed.put.settings.addresses.push_back(*parse_prefix("10.9.0.1/24"));
    }
    SUBCASE("rate_up") {
        changed.put.settings.rate_up = 1'000'000;
    }
    SUBCASE("rate_down") {
        changed.put.settings.rate_down = 1'000'000;
    }
    SUBCASE("share") {
        changed.put.settings.share = 3;
        changed.put.settings.groups = {{"acme", 2}};
    }
    const ipc::CustomerSettings wanted = changed.put.settings;
    const Changes changes = accept(set, Draft(2).customer(std::move(changed)));
    REQUIRE(changes.swap_views.size() == 1);
    CHECK(changes.swap_views[0].view->rate_up == wanted.rate_up);
    CHECK(changes.swap_views[0].view->rate_down == wanted.rate_down);
    CHECK(changes.swap_views[0].view->share == wanted.share);
    CHECK(changes.swap_views[0].view->groups.size() == wanted.groups.size());
    for (const auto& group : changes.swap_views[0].view->groups) CHECK(group == dataplane::ShareGroup{"acme", 2});
    CHECK_FALSE(changes.swap_views[0].tun.valid());
    CHECK(changes.put_peers.empty());
    CHECK(changes.remove_peers.empty());
}

TEST_CASE("a change of any setting of a customer makes a new view, whatever settings there are") {
    const std::size_t count = test::count_fields(test::put_customer("acme", 2).settings);
    CHECK(count >= 9);
    for (std::size_t i = 1; i < count; ++i) {  // but for the id, the first: that is another customer
        INFO("field ", i);
        CustomerSet set = two_customers();
        auto changed = test::new_customer("acme", peers({10, 11}), "", false);
        test::change_field(changed.put.settings, i);
        for (auto& group : changed.put.settings.groups) group.id = "reseller";  // one without a name is refused
        CHECK_FALSE(accept(set, Draft(2).customer(std::move(changed))).swap_views.empty());
    }
}

TEST_CASE("a change of any setting of a peer goes to the engine, whatever settings there are") {
    const std::size_t count = test::count_fields(std::move(peers({10}).front()));
    CHECK(count >= 10);
    for (std::size_t i = 0; i < count; ++i) {
        if (i + 2 == count) continue;  // same_prefixes: it sets nothing
        INFO("field ", i);
        CustomerSet set(2);
        accept(set, Draft(1, true).listener("", 1).listener("x", 3, 4000).customer(large(1, 2)));
        auto changed = large(1, 2, false);
        test::change_field(changed.peers.front(), i);
        if (changed.peers.front().settings.listener.kind != ipc::ListenerKind::kWireguard) continue;  // refused
        CHECK(accept(set, Draft(2).customer(std::move(changed))).put_peers.size() == 1);
    }
}

TEST_CASE("a prefix moves from one peer to another in one view") {
    CustomerSet set = two_customers();
    auto changed = peers({10, 11});
    std::swap(changed[0].settings.allowed_ips, changed[1].settings.allowed_ips);
    const Changes changes = accept(set, Draft(2).customer("acme", std::move(changed), "", false));
    REQUIRE(changes.swap_views.size() == 1);
    const PeerIndex* owner = changes.swap_views[0].view->allowed_ips.find(IpAddress::v4(10, 10, 0, 1));
    REQUIRE(owner != nullptr);
    CHECK(*owner == index_of(set, "acme", 1));
}

TEST_CASE("a peer that goes is removed, and its index means nobody else before the data workers confirmed") {
    CustomerSet set = two_customers();
    const PeerIndex gone = index_of(set, "acme", 0);
    Changes changes = accept(set, Draft(2).customer("acme", peers({11}), "", false));
    REQUIRE(changes.remove_peers.size() == 1);
    CHECK(changes.remove_peers[0].peer == gone);
    CHECK(changes.swap_views.size() == 1);
    CHECK(changes.put_peers.empty());
    CHECK(set.find(gone).peer == nullptr);

    accept(set, Draft(3).customer("acme", peers({11, 12}), "", false));
    CHECK(index_of(set, "acme", 1) != gone);
    set.settle();
    accept(set, Draft(4).customer("acme", peers({11, 12, 13}), "", false));
    CHECK(index_of(set, "acme", 2) == gone);
}

TEST_CASE("a customer that goes frees everything, and nothing of it is given out too soon") {
    CustomerSet set = two_customers();
    const CustomerIndex gone = set.customer("acme")->index;
    const Changes changes = accept(set, Draft(2).remove("acme").remove("nobody"));
    CHECK(changes.remove_peers.size() == 2);
    REQUIRE(changes.drop_customers.size() == 1);
    CHECK(changes.drop_customers[0].customer == gone);
    CHECK(set.customer("acme") == nullptr);
    accept(set, Draft(3).customer("initech", peers({30})));
    CHECK(set.customer("initech")->index != gone);
    set.settle();
    accept(set, Draft(4).customer("hooli", peers({10})));  // the key is free again
    CHECK(set.customer("hooli")->index == gone);
}

TEST_CASE("a full generation removes what it does not name") {
    CustomerSet set = two_customers();
    accept(set, Draft(2).listener("globex", 2, 51821));
    const Changes changes =
        accept(set, Draft(3, true).listener("", 1, 51820, false).customer("acme", peers({10, 11}), "", false));
    CHECK(changes.drop_customers.size() == 1);
    CHECK(changes.close_listeners.size() == 1);
    CHECK(changes.swap_views.empty());
    CHECK(changes.put_peers.empty());
    CHECK(set.customer("globex") == nullptr);
}

TEST_CASE("a suspended customer loses its tunnels, keeps its device, and comes back") {
    CustomerSet set = two_customers();
    auto suspended = test::new_customer("acme", peers({10, 11}), "", false);
    suspended.put.settings.suspended = true;
    Changes changes = accept(set, Draft(2).customer(std::move(suspended)));
    CHECK(changes.remove_peers.size() == 2);
    REQUIRE(changes.swap_views.size() == 1);
    CHECK(changes.swap_views[0].view->suspended);
    CHECK(changes.swap_views[0].view->peers.empty());
    CHECK(changes.drop_customers.empty());
    CHECK(changes.put_peers.empty());
    // Its keys stay its own.
    refuse(set, Draft(3).customer("globex", peers({10}), "", false));

    changes = accept(set, Draft(4).customer("acme", peers({10, 11}), "", false));
    CHECK(changes.put_peers.size() == 2);
    REQUIRE(changes.swap_views.size() == 1);
    CHECK(changes.swap_views[0].view->peers.size() == 2);
}

TEST_CASE("a customer moves to a listener of its own with new peers, as to the peers it is another tunnel") {
    CustomerSet set = two_customers();
    const PeerIndex before = index_of(set, "acme", 0);
    const Changes changes =
        accept(set, Draft(2).listener("acme", 5, 51842).customer("acme", peers({10, 11}), "acme", false));
    REQUIRE(changes.remove_peers.size() == 2);
    for (const auto& remove : changes.remove_peers) CHECK(remove.listener == ListenerIndex{0});
    REQUIRE(changes.put_peers.size() == 2);
    const ListenerIndex own = set.listeners().at({"acme"}).index;
    for (const auto& put : changes.put_peers) {
        CHECK(put.listener == own);
        CHECK(put.peer != before);
    }
    REQUIRE(changes.swap_views.size() == 1);
    CHECK_FALSE(changes.swap_views[0].tun.valid());
    accept(set, Draft(3).customer("globex", peers({10, 20}), "", false));  // the key is free on the shared listener
}

TEST_CASE("the peers of one customer may come to several listeners, and one key to each of them") {
    CustomerSet set = two_customers();
    auto both = test::new_customer("acme", peers({10, 11, 10}), "", false);
    both.peers[2].settings.listener = {"acme"};
    both.peers[2].settings.allowed_ips.clear();
    const Changes changes = accept(set, Draft(2).listener("acme", 5, 51842).customer(std::move(both)));
    CHECK(changes.remove_peers.empty());
    REQUIRE(changes.put_peers.size() == 1);
    CHECK(changes.put_peers[0].listener == set.listeners().at({"acme"}).index);
    CHECK(index_of(set, "acme", 0) != index_of(set, "acme", 2));
    CHECK(set.listeners_of("acme").at(0)->id == ipc::ListenerId{"acme"});
    CHECK(set.listeners_of("globex").at(0)->id == ipc::ListenerId{});
    refuse(set, Draft(3).remove_listener("acme"));
    refuse(set, Draft(3).remove_listener(""));
    accept(set, Draft(3).remove_listener("acme").customer("acme", peers({10, 11}), "", false));
    CHECK(set.listeners_of("acme").at(0)->id == ipc::ListenerId{});
}

TEST_CASE("a key moves from one customer to another within a generation") {
    CustomerSet set = two_customers();
    const Changes changes =
        accept(set, Draft(2).customer("globex", peers({20, 10}), "", false).customer("acme", peers({11}), "", false));
    CHECK(changes.remove_peers.size() == 1);
    CHECK(changes.put_peers.size() == 1);
    refuse(set, Draft(3).customer("acme", peers({10, 11}), "", false));
}

TEST_CASE("a new private key and new sockets of a listener keep its customers") {
    CustomerSet set = two_customers();
    Changes changes = accept(set, Draft(2).listener("", 9, 51820, false));
    CHECK(changes.change_listeners.size() == 1);
    CHECK(changes.open_listeners.empty());
    CHECK(changes.remove_peers.empty());
    CHECK(set.listeners().at({}).settings == ipc::ListenerSettings(ipc::WireguardListener{test::private_key(9)}));
    changes = accept(set, Draft(3).listener("", 9, 51999));
    CHECK(changes.change_listeners.empty());
    REQUIRE(changes.open_listeners.size() == 1);
    CHECK_FALSE(changes.open_listeners[0].is_new);
    CHECK(changes.open_listeners[0].listener == ListenerIndex{0});
    CHECK(set.listeners().at({}).port == 51999);
    CHECK(changes.swap_views.empty());
}

TEST_CASE("a new tun of a present customer is handed on") {
    CustomerSet set = two_customers();
    const Changes changes = accept(set, Draft(2).customer("acme", peers({10, 11})));
    REQUIRE(changes.swap_views.size() == 1);
    CHECK(changes.swap_views[0].tun.valid());
    CHECK(changes.put_peers.empty());
}

TEST_CASE("what is wrong is refused whole") {
    CustomerSet set = two_customers();
    SUBCASE("a key twice in one customer") {
        refuse(set, Draft(2).customer("acme", peers({10, 10}), "", false));
    }
    SUBCASE("a key of another customer") {
        refuse(set, Draft(2).customer("initech", peers({20})));
    }
    SUBCASE("a key twice among new customers") {
        refuse(set, Draft(2).customer("a", peers({30})).customer("b", peers({30})));
    }
    for (const bool of_group : {false, true}) {
        auto customer = test::new_customer("acme", peers({10, 11}), "", false);
        if (of_group) customer.put.settings.groups = {{"acme", 0}};
        if (!of_group) customer.put.settings.share = 0;  // it would never be served
        refuse(set, Draft(2).customer(std::move(customer)));
    }
    SUBCASE("a prefix twice in one customer") {
        auto list = peers({10, 11});
        list[1].settings.allowed_ips = list[0].settings.allowed_ips;
        refuse(set, Draft(2).customer("acme", std::move(list), "", false));
    }
    SUBCASE("a prefix twice, host bits apart") {
        auto list = peers({10});
        list[0].settings.allowed_ips = {*parse_prefix("10.0.0.0/8"), *parse_prefix("10.1.2.3/8")};
        refuse(set, Draft(2).customer("acme", std::move(list), "", false));
    }
    SUBCASE("a listener that is not there") {
        refuse(set, Draft(2).customer("initech", peers({30}), "initech"));
    }
    SUBCASE("a listener that goes in the same generation") {
        accept(set, Draft(2).listener("x", 4, 4000));
        refuse(set, Draft(3).remove_listener("x").customer("initech", peers({30}), "x"));
    }
    SUBCASE("a listener removed under its customers") {
        refuse(set, Draft(2).remove_listener(""));
    }
    SUBCASE("a full generation that forgets the listener") {
        refuse(set, Draft(2, true).customer("acme", peers({10}), "", false));
    }
    SUBCASE("a new customer without its tun") {
        refuse(set, Draft(2).customer("initech", peers({30}), "", false));
    }
    SUBCASE("a new listener without sockets") {
        refuse(set, Draft(2).listener("x", 4, 4000, false));
    }
    SUBCASE("another port without sockets") {
        refuse(set, Draft(2).listener("", 1, 4000, false));
    }
    SUBCASE("another protocol than the kind has") {
        Draft draft(2);
        draft.listener("x", 4, 4000);
        draft.generation.listeners[0].put.protocol = ipc::Protocol::kTcp;
        refuse(set, draft);
    }
    SUBCASE("port zero") {
        refuse(set, Draft(2).listener("x", 4, 0));
    }
    SUBCASE("a private key of zeros") {
        refuse(set, Draft(2).listener("x", 0, 4000));
    }
    SUBCASE("a customer put twice") {
        refuse(set, Draft(2).customer("a", peers({30})).customer("a", peers({31})));
    }
    SUBCASE("a customer put and removed") {
        refuse(set, Draft(2).remove("acme").customer("acme", peers({10}), "", false));
    }
    SUBCASE("a listener put twice") {
        refuse(set, Draft(2).listener("x", 4, 4000).listener("x", 5, 4001));
    }
    SUBCASE("a listener put and removed") {
        refuse(set, Draft(2).listener("", 1).remove_listener(""));
    }
    SUBCASE("a customer without an id") {
        refuse(set, Draft(2).customer("", peers({30})));
    }
    SUBCASE("an mtu too small for IPv4") {
        auto small = test::new_customer("acme", peers({10, 11}), "", false);
        small.put.settings.mtu = 575;
        refuse(set, Draft(2).customer(std::move(small)));
    }
    // Nothing changed: the present generation again asks for nothing.
    CHECK(accept(set, Draft(9).customer("acme", peers({10, 11}), "", false).customer("globex", peers({20}), "", false))
              .empty());
}

TEST_CASE("what is kept of a peer is forgotten with it, and when it is to begin anew, not when its key stays") {
    CustomerSet set(1);
    accept(set, Draft(1, true).listener("", 9).customer("acme", peers({1, 2})).customer("globex", peers({3})));
    const auto is_forgotten = [](const Changes& changes, std::uint8_t key) {
        return std::any_of(changes.forget_peers.begin(), changes.forget_peers.end(), [&](const auto& forget) {
            return forget.identity == PeerIdentity{test::public_key(key).bytes} && forget.listener == ListenerIndex{0};
        });
    };
    const Changes removed = accept(set, Draft(2).customer("acme", peers({1}), "", false));
    CHECK(is_forgotten(removed, 2));
    CHECK_FALSE(is_forgotten(removed, 1));
    // It moves to another customer, or its customer is suspended: the same peer.
    const Changes moved =
        accept(set, Draft(3).customer("acme", {}, "", false).customer("globex", peers({1, 3}), "", false));
    CHECK(moved.forget_peers.empty());
    NewCustomer suspended = test::new_customer("globex", peers({1, 3}), "", false);
    suspended.put.settings.suspended = true;
    CHECK(accept(set, Draft(4).customer(std::move(suspended))).forget_peers.empty());
    accept(set, Draft(5).customer("globex", peers({1, 3}), "", false));

    Draft reset(6);
    const std::string name = set.customer("globex")->peers[1].config.settings.name;
    reset.generation.reset_peers = {{"globex", name}, {"globex", "nobody"}, {"nobody", name}};
    CHECK_FALSE(reset.generation.is_empty());
    const Changes anew = accept(set, reset);
    REQUIRE(anew.forget_peers.size() == 1);
    CHECK(is_forgotten(anew, 3));
    REQUIRE(anew.remove_peers.size() == 1);
    REQUIRE(anew.put_peers.size() == 1);
    CHECK(anew.put_peers[0].peer == anew.remove_peers[0].peer);
    CHECK_FALSE(anew.remove_peers[0].is_gone);  // its counters go on
    CHECK(anew.put_peers[0].peer == index_of(set, "globex", 1));

    // At another listener it is another tunnel.
    accept(set, Draft(7).listener("globex", 8, 51821));
    CHECK(is_forgotten(accept(set, Draft(8).customer("globex", peers({1, 3}), "globex", false)), 1));
    const Changes gone = accept(set, Draft(9).remove("globex").remove_listener("globex"));
    CHECK(gone.forget_peers.size() == 2);
    CHECK(gone.close_listeners.size() == 1);
}

TEST_CASE("the same prefixes at two customers are the point") {
    CustomerSet set(1);
    auto acme = peers({10});
    auto globex = peers({20});
    globex[0].settings.allowed_ips = acme[0].settings.allowed_ips;
    accept(set, Draft(1, true).listener("", 1).customer("acme", std::move(acme)).customer("globex", std::move(globex)));
    CHECK(set.customers().size() == 2);
}

TEST_CASE("customers are spread over data workers and stay where they are") {
    CustomerSet set(3);
    Draft draft(1, true);
    draft.listener("", 1);
    for (std::uint8_t i = 0; i < 9; ++i)
        draft.customer("c" + std::to_string(i), peers({static_cast<std::uint8_t>(10 + i)}));
    const Changes changes = accept(set, draft);
    std::array<int, 3> used{};
    for (const auto& swap : changes.swap_views) ++used[swap.worker];
    CHECK(used == std::array<int, 3>{3, 3, 3});
    for (const auto& put : changes.put_peers)
        CHECK(worker_of(set, put.peer) == set.find(put.peer).customer->workers.front());
}

TEST_CASE("a customer with several queues: each worker has its queue and its peers, and knows whose the others are") {
    CustomerSet set(4);
    const Changes changes = accept(set, Draft(1, true).listener("", 1).customer(large(5, 3)));
    REQUIRE(changes.swap_views.size() == 3);
    std::set<std::uint32_t> workers;
    for (std::size_t queue = 0; queue < 3; ++queue) {
        const Changes::SwapView& swap = changes.swap_views[queue];
        workers.insert(swap.worker);
        CHECK(swap.tun.get() == set.customer("large")->tuns[queue]);
        CHECK(swap.view->peers.size() == (queue == 2 ? 1 : 2));
        CHECK(swap.view->peers.size() + swap.view->elsewhere.size() == 5);
        for (const auto& [peer, worker] : swap.view->elsewhere)
            CHECK(worker == set.customer("large")->workers[set.find(peer).peer->config.queue]);
        for (const PeerIndex peer : swap.view->peers) CHECK(set.find(peer).peer->config.queue == queue);
    }
    CHECK(workers.size() == 3);
    for (const auto& put : changes.put_peers)
        CHECK(worker_of(set, put.peer) == changes.swap_views[set.find(put.peer).peer->config.queue].worker);
    CHECK(accept(set, Draft(2).customer(large(5, 3, false))).empty());

    const Changes gone = accept(set, Draft(3).remove("large"));
    std::set<std::uint32_t> left;
    for (const auto& drop : gone.drop_customers) left.insert(drop.worker);
    CHECK(left == workers);
}

TEST_CASE("another number of queues comes with another tun, moves peers, and leaves no worker behind") {
    CustomerSet set(4);
    accept(set, Draft(1, true).listener("", 1).customer(large(4, 4)));
    const std::vector<std::uint32_t> before = set.customer("large")->workers;
    set.settle();
    auto without = Draft(2);
    without.customer(large(4, 2, false));
    refuse(set, without);

    const Changes changes = accept(set, Draft(2).customer(large(4, 2)));
    CHECK(changes.swap_views.size() == 2);
    CHECK(changes.put_peers.size() == 2);  // those of the third and fourth queue
    for (const auto& put : changes.put_peers)
        CHECK(worker_of(set, put.peer) == before[set.find(put.peer).peer->config.queue]);
    REQUIRE(changes.drop_customers.size() == 2);
    CHECK(changes.drop_customers[0].worker == before[2]);
    CHECK(changes.drop_customers[1].worker == before[3]);
}
