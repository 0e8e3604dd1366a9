// What of a customer's test link and of its peers' maps the data plane gets.
#include <doctest/doctest.h>

#include "tests/unit/vpnd/fixtures.h"
#include "vpnd/customers/customer_set.h"

using namespace warren;
using namespace warren::vpnd;
using std::chrono::microseconds;

namespace {

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

TEST_CASE("a test link is in the customer's view, within what a line can do") {
    CustomerSet set(1);
    const Changes none = accept(set, 1, acme());
    REQUIRE(none.swap_views.size() == 1);
    CHECK(none.swap_views[0].view->emulate_up == dataplane::LineSettings{});
    NewCustomer link = acme(false);
    link.put.settings.emulate_up = {50'000, 5'000, 10'000, 5'000, 1'000, 10'000'000};
    link.put.settings.emulate_down = {UINT64_MAX, UINT64_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT64_MAX};
    const Changes changes = accept(set, 2, std::move(link));
    REQUIRE(changes.swap_views.size() == 1);
    const dataplane::CustomerView& view = *changes.swap_views[0].view;
    CHECK(view.emulate_up ==
          dataplane::LineSettings{microseconds(50'000), microseconds(5'000), 10'000, 5'000, 1'000, 10'000'000});
    constexpr std::uint32_t kWhole = dataplane::LineSettings::kWhole;
    constexpr Duration kMost = dataplane::LineSettings::kMostDelay;
    CHECK(view.emulate_down == dataplane::LineSettings{kMost, kMost, kWhole, kWhole, kWhole, UINT64_MAX});
}

TEST_CASE("a map that comes, changes or goes is another view, and no other peer's matter") {
    CustomerSet set(1);
    (void)accept(set, 1, acme());
    for (const char* real : {"192.168.0.0/16", "172.16.0.0/16"}) {
        NewCustomer mapped = acme(false);
        mapped.peers[1].settings.maps = {{*parse_prefix(real), *parse_prefix("10.11.0.0/16")}};
        const Changes changes = accept(set, 2, std::move(mapped));
        REQUIRE(changes.swap_views.size() == 1);
        const auto& maps = changes.swap_views[0].view->maps;
        REQUIRE(maps.size() == 1);
        CHECK(maps[0].peer == set.customer("acme")->peers[1].index);
        CHECK(maps[0].maps == std::vector<dataplane::PrefixMap>{{*parse_prefix(real), *parse_prefix("10.11.0.0/16")}});
    }
    const Changes gone = accept(set, 3, acme(false));
    REQUIRE(gone.swap_views.size() == 1);
    CHECK(gone.swap_views[0].view->maps.empty());
}
