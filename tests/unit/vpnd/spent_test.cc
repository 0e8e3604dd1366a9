// What a spent quota leaves of a customer, and what of limits goes where.
#include <doctest/doctest.h>

#include "tests/unit/vpnd/fixtures.h"
#include "vpnd/customers/customer_set.h"

using namespace warren;
using namespace warren::vpnd;

namespace {

using Limits = std::vector<dataplane::PeerLimit>;

NewCustomer acme(bool has_tun = true) {
    std::vector<ipc::PutPeer> peers;
    for (const std::uint8_t key : {std::uint8_t{10}, std::uint8_t{11}})
        peers.push_back(test::put_peer(key, {"10." + std::to_string(key) + ".0.0/16"}));
    return test::new_customer("acme", std::move(peers), "", has_tun);
}

Changes accept(CustomerSet& set, std::uint64_t number, NewCustomer customer) {
    Generation generation;
    generation.number = number;
    generation.full = number == 1;
    if (generation.full) generation.listeners.push_back(test::new_listener("", 1));
    generation.customers.push_back(std::move(customer));
    auto changes = set.apply(std::move(generation));
    if (!changes) FAIL(changes.error().what);
    return std::move(*changes);
}

}  // namespace

TEST_CASE("a spent quota is another view: blocked, or with the rate that is left, until it is raised") {
    CustomerSet set(2);
    NewCustomer limited = acme();
    limited.put.settings.quota = 1'000;
    limited.put.settings.rate_up = 50'000'000;
    limited.peers[0].settings.limits = {5'000'000, 0, 100, 64'000};
    const std::string name = limited.peers[0].settings.name;
    const Changes first = accept(set, 1, std::move(limited));
    REQUIRE(first.swap_views.size() == 1);
    const PeerIndex peer = set.customer("acme")->peers[0].index;
    CHECK(first.swap_views[0].view->limits == Limits{{{peer}, 5'000'000, 0, false}});
    CHECK_FALSE(first.swap_views[0].view->is_blocked);

    const CustomerIndex index = set.customer("acme")->index;
    const auto view_of = [&](CustomerSet::Spent spent) {
        CHECK(set.is_other(spent));
        std::vector<CustomerSet::Spent> all;
        all.push_back(std::move(spent));
        Changes changes = set.note_spent(std::move(all));
        REQUIRE(changes.swap_views.size() == 1);
        CHECK(changes.put_peers.empty());
        return std::move(changes.swap_views[0].view);
    };
    const auto spent = view_of({index, true, {name}});
    CHECK(spent->is_blocked);
    CHECK(spent->limits == Limits{{{peer}, 64'000, 64'000, false}});
    CHECK_FALSE(set.is_other({index, true, {name}}));
    CHECK_FALSE(set.is_other({CustomerIndex{99}, true, {}}));
    const auto raised = view_of({index, false, {}});
    CHECK_FALSE(raised->is_blocked);
    CHECK(raised->rate_up == 50'000'000);
    CHECK(raised->limits == Limits{{{peer}, 5'000'000, 0, false}});

    // A quota that is taken away blocks nobody, before anybody has counted anew.
    (void)view_of({index, true, {name}});
    const Changes without = accept(set, 2, acme(false));
    REQUIRE(without.swap_views.size() == 1);
    CHECK_FALSE(without.swap_views[0].view->is_blocked);
    CHECK(without.swap_views[0].view->limits.empty());
}

TEST_CASE("another pace of handshakes goes to the engine with each peer") {
    CustomerSet set(1);
    accept(set, 1, acme());
    NewCustomer changed = acme(false);
    changed.put.settings.max_handshake_rate = 7;
    CHECK(accept(set, 2, std::move(changed)).put_peers.size() == 2);
}
