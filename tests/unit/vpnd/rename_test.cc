// A customer gets another id: it is the same customer, with the same indexes, and nobody else is touched.
#include <doctest/doctest.h>

#include "base/renames.h"
#include "tests/unit/vpnd/fixtures.h"
#include "vpnd/customers/customer_set.h"

using namespace warren;
using namespace warren::vpnd;

namespace {

std::vector<ipc::PutPeer> peers(std::initializer_list<std::uint8_t> keys) {
    std::vector<ipc::PutPeer> out;
    for (const std::uint8_t key : keys) out.push_back(test::put_peer(key, {"10." + std::to_string(key) + ".0.0/16"}));
    return out;
}

NewCustomer customer(const std::string& id, std::initializer_list<std::uint8_t> keys, const std::string& listener = "",
                     bool has_tun = true) {
    return test::new_customer(id, peers(keys), listener, has_tun);
}

// acme (peers 10, 11) at the shared listener, globex (peer 20) at its own.
CustomerSet two_customers() {
    CustomerSet set(1);
    Generation first;
    first.number = 1;
    first.full = true;
    first.listeners.push_back(test::new_listener("", 1, 51820));
    first.listeners.push_back(test::new_listener("globex", 2, 51821));
    first.customers.push_back(customer("acme", {10, 11}));
    first.customers.push_back(customer("globex", {20}, "globex"));
    REQUIRE(set.apply(std::move(first)));
    set.settle();
    return set;
}

Generation renaming(std::vector<Rename> renames) {
    Generation generation;
    generation.number = 2;
    generation.renames = std::move(renames);
    return generation;
}

struct Known {
    CustomerIndex index;
    std::uint64_t life;
    std::vector<PeerIndex> peers;
    bool operator==(const Known&) const = default;
};

Known known(const CustomerSet& set, const std::string& id) {
    const HeldCustomer* const held = set.customer(id);
    REQUIRE(held != nullptr);
    Known out{held->index, held->life, {}};
    for (const HeldPeer& peer : held->peers) {
        CHECK(set.find(peer.index).customer == held);
        out.peers.push_back(peer.index);
    }
    return out;
}

// Engines are told nothing, and no packet path ends.
void check_quiet(const Changes& changes) {
    CHECK(changes.open_listeners.empty());
    CHECK(changes.change_listeners.empty());
    CHECK(changes.remove_peers.empty());
    CHECK(changes.forget_peers.empty());
    CHECK(changes.put_peers.empty());
    CHECK(changes.drop_customers.empty());
    CHECK(changes.close_listeners.empty());
}

}  // namespace

TEST_CASE("a renamed customer keeps its index, its life and its peers; only its view has the new id") {
    CustomerSet set = two_customers();
    const Known before = known(set, "acme");
    Generation generation = renaming({{"acme", "acme-graz"}});
    CHECK_FALSE(generation.is_empty());
    const auto changes = set.apply(std::move(generation));
    REQUIRE(changes);
    check_quiet(*changes);
    REQUIRE(changes->swap_views.size() == 1);
    CHECK(changes->swap_views[0].view->id == "acme-graz");
    CHECK(changes->swap_views[0].view->life == before.life);
    CHECK_FALSE(changes->swap_views[0].tun.valid());
    CHECK(set.customer("acme") == nullptr);
    CHECK(known(set, "acme-graz") == before);
    CHECK(set.generation() == 2);
}

TEST_CASE("a renamed customer's own listener is renamed with it, and what is put again is unchanged") {
    CustomerSet set = two_customers();
    const Known before = known(set, "globex");
    const ListenerIndex listener = set.listeners().at({"globex"}).index;
    Generation generation = renaming({{"globex", "initech"}});
    generation.listeners.push_back(test::new_listener("initech", 2, 51821, false));
    generation.customers.push_back(customer("initech", {20}, "initech", false));
    const auto changes = set.apply(std::move(generation));
    REQUIRE(changes);
    check_quiet(*changes);
    CHECK(known(set, "initech") == before);
    CHECK_FALSE(set.listeners().contains({"globex"}));
    CHECK(set.listeners().at({"initech"}).index == listener);
    CHECK(set.listener(listener)->id == ipc::ListenerId{"initech"});
    CHECK(set.listeners_of("initech").at(0)->index == listener);
}

TEST_CASE("listeners of owners whose names are beside it stay as they are") {
    CustomerSet set = two_customers();
    Generation beside;
    beside.number = 2;
    for (const char* owner : {"globe", "globex-2", "z"})
        beside.listeners.push_back(
            test::new_listener(owner, 3, static_cast<std::uint16_t>(beside.listeners.size() + 1)));
    REQUIRE(set.apply(std::move(beside)));
    REQUIRE(set.apply(renaming({{"globex", "initech"}})));
    std::vector<std::string> owners;
    for (const auto& [id, listener] : set.listeners()) owners.push_back(id.owner);
    CHECK(owners == std::vector<std::string>{"", "globe", "globex-2", "initech", "z"});
    // A new id that somebody's listener has is taken; one that is beside it is not.
    CHECK_FALSE(set.apply(renaming({{"initech", "globe"}})));
    CHECK(set.apply(renaming({{"initech", "glob"}})));
    CHECK(set.apply(renaming({{"glob", "globes"}})));
}

TEST_CASE("names change places in one generation") {
    CustomerSet set = two_customers();
    const Known acme = known(set, "acme");
    const Known globex = known(set, "globex");
    const auto changes = set.apply(renaming({{"acme", "globex"}, {"globex", "acme"}}));
    REQUIRE(changes);
    check_quiet(*changes);
    CHECK(known(set, "globex") == acme);
    CHECK(known(set, "acme") == globex);
    CHECK(set.listeners().at({"acme"}).port == 51821);
    CHECK_FALSE(set.listeners().contains({"globex"}));
    CHECK(set.customers().size() == 2);
}

TEST_CASE("a listener without its customer, whose stack could not be made, is renamed too") {
    CustomerSet set = two_customers();
    Generation removal;
    removal.number = 2;
    removal.removed_customers = {"globex"};
    REQUIRE(set.apply(std::move(removal)));
    const Known acme = known(set, "acme");
    const ListenerIndex listener = set.listeners().at({"globex"}).index;
    const auto changes = set.apply(renaming({{"acme", "globex"}, {"globex", "initech"}}));
    REQUIRE(changes);
    check_quiet(*changes);
    CHECK(known(set, "globex") == acme);
    CHECK(set.customer("initech") == nullptr);
    CHECK_FALSE(set.listeners().contains({"globex"}));
    CHECK(set.listeners().at({"initech"}).index == listener);
    CHECK_FALSE(set.apply(renaming({{"globex", "initech"}})));  // it is another one's
    CHECK_FALSE(set.apply(renaming({{"", "other"}})));          // the shared listener is nobody's
}

TEST_CASE("a rename and other changes of the customer come into force together") {
    CustomerSet set = two_customers();
    const Known before = known(set, "acme");
    Generation generation = renaming({{"acme", "initech"}});
    generation.customers.push_back(customer("initech", {10}, "", false));
    const auto changes = set.apply(std::move(generation));
    REQUIRE(changes);
    REQUIRE(changes->remove_peers.size() == 1);
    CHECK(changes->remove_peers[0].peer == before.peers[1]);
    CHECK(changes->put_peers.empty());
    CHECK(known(set, "initech").index == before.index);
    REQUIRE(changes->swap_views.size() == 2);  // the last one counts
    CHECK(changes->swap_views[1].view->id == "initech");
    CHECK(changes->swap_views[1].view->peers == std::vector<PeerIndex>{before.peers[0]});
}

TEST_CASE("a former name is free: another customer that gets it has nothing of the first") {
    CustomerSet set = two_customers();
    const Known before = known(set, "acme");
    Generation generation = renaming({{"acme", "initech"}});
    generation.customers.push_back(customer("acme", {30}));
    REQUIRE(set.apply(std::move(generation)));
    const Known other = known(set, "acme");
    CHECK(other.index != before.index);
    CHECK(other.life != before.life);
    CHECK(known(set, "initech") == before);
}

TEST_CASE("a rename that does not fit is refused, and nothing has changed") {
    CustomerSet set = two_customers();
    Generation only_listener;
    only_listener.number = 1;
    only_listener.listeners.push_back(test::new_listener("lonely", 3, 51822));
    REQUIRE(set.apply(std::move(only_listener)));
    const Known acme = known(set, "acme");
    const Known globex = known(set, "globex");
    std::vector<Generation> wrong;
    wrong.push_back(renaming({{"nobody", "initech"}}));
    wrong.push_back(renaming({{"acme", "globex"}}));
    wrong.push_back(renaming({{"acme", "lonely"}}));
    wrong.push_back(renaming({{"acme", ""}}));
    wrong.push_back(renaming({{"acme", "a"}, {"acme", "b"}}));
    wrong.push_back(renaming({{"acme", "a"}, {"globex", "a"}}));
    // What follows is wrong: the renames are taken back.
    wrong.push_back(renaming({{"acme", "globex"}, {"globex", "acme"}}));
    wrong.back().customers.push_back(customer("acme", {10}, "", false));
    wrong.push_back(renaming({{"globex", "initech"}}));
    wrong.back().listeners.push_back(test::new_listener("initech", 2, 0));
    for (Generation& generation : wrong) {
        CHECK_FALSE(set.apply(std::move(generation)));
        CHECK(known(set, "acme") == acme);
        CHECK(known(set, "globex") == globex);
        CHECK(set.listeners().at({"globex"}).id == ipc::ListenerId{"globex"});
        CHECK(set.customer("globex")->peers[0].config.settings.listener == ipc::ListenerId{"globex"});
        CHECK(set.customers().size() == 2);
        CHECK(set.listeners().size() == 3);
        CHECK(set.generation() == 1);
    }
}
