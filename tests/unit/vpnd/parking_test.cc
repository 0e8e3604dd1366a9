// Whose stacks are asked for and left, and how many at a time.
#include "vpnd/customers/parking.h"

#include <doctest/doctest.h>

#include "fixtures.h"
#include "vpnd/customers/customer_set.h"

namespace warren::vpnd {
namespace {

constexpr Instant kBegin{3'600'000'000'000};

TEST_CASE("a customer is asked for once, however many packets wait") {
    Parking parking;
    parking.note_need({1}, kBegin);
    parking.note_need({1}, kBegin);
    CHECK(parking.next_need(kBegin) == CustomerIndex{1});
    CHECK(parking.next_need(kBegin) == std::nullopt);
    parking.note_need({1}, kBegin);
    CHECK(parking.next_need(kBegin) == std::nullopt);
    parking.note_given({1});
    parking.note_need({1}, kBegin);
    CHECK(parking.next_need(kBegin) == CustomerIndex{1});
}

TEST_CASE("no more stacks are asked for than stackd may owe, in the order of their packets") {
    Parking parking;
    for (std::uint32_t i = 0; i < 100; ++i) parking.note_need({i}, kBegin);
    for (std::uint32_t i = 0; i < Parking::kMostAsked; ++i) CHECK(parking.next_need(kBegin) == CustomerIndex{i});
    CHECK(parking.next_need(kBegin) == std::nullopt);
    CHECK(parking.next_deadline() == kBegin + Parking::kPatience);
    parking.note_given({5});
    CHECK(parking.next_need(kBegin) == CustomerIndex{Parking::kMostAsked});
    CHECK(parking.next_need(kBegin) == std::nullopt);
    // What is not answered counts no more, and those of which packets still wait have their turn.
    for (std::uint32_t i = 0; i < 100; ++i) parking.note_need({i}, kBegin + Parking::kPatience - Duration(1));
    CHECK(parking.next_need(kBegin + Parking::kPatience) == CustomerIndex{Parking::kMostAsked + 1});
}

TEST_CASE("after an outage of stackd only those are asked for of which packets still wait") {
    Parking parking;
    for (std::uint32_t i = 0; i < 100; ++i) parking.note_need({i}, kBegin);
    const Instant later = kBegin + Parking::kPatience;
    parking.note_need({70}, later - Duration(1));
    parking.note_need({200}, later);
    CHECK(parking.next_need(later) == CustomerIndex{70});
    CHECK(parking.next_need(later) == CustomerIndex{200});
    CHECK(parking.next_need(later) == std::nullopt);
    CHECK(parking.next_deadline() == kNever);
    // A packet that comes after that is asked for again.
    parking.note_need({3}, later);
    CHECK(parking.next_need(later) == CustomerIndex{3});
}

TEST_CASE("a customer whose idleness is not said again keeps its stack, however long the line was") {
    Parking parking;
    parking.note_idle({1}, kBegin);
    parking.note_idle({2}, kBegin);
    const Instant later = kBegin + Parking::kIdleHolds;
    parking.note_idle({2}, later);  // 1 has packets again
    const Instant end = later + Parking::kBetweenLeaves;
    CHECK(parking.next_idle(end) == CustomerIndex{2});
    CHECK(parking.next_idle(end + Parking::kBetweenLeaves) == std::nullopt);
    CHECK(parking.next_deadline() == kNever);
    parking.note_idle({1}, end);
    CHECK(parking.next_idle(end + Parking::kBetweenLeaves) == CustomerIndex{1});
}

TEST_CASE("stacks are left one after the other") {
    Parking parking;
    parking.note_idle({1}, kBegin);
    parking.note_idle({1}, kBegin);
    parking.note_idle({2}, kBegin);
    CHECK(parking.next_idle(kBegin) == CustomerIndex{1});
    CHECK(parking.next_idle(kBegin) == std::nullopt);
    CHECK(parking.next_deadline() == kBegin + Parking::kBetweenLeaves);
    CHECK(parking.next_idle(kBegin + Parking::kBetweenLeaves) == CustomerIndex{2});
    CHECK(parking.next_deadline() == kNever);
}

TEST_CASE("a customer that is gone is in no line: its index may be another's") {
    Parking parking;
    parking.note_need({1}, kBegin);
    parking.note_idle({1}, kBegin);
    parking.forget({1});
    CHECK(parking.next_need(kBegin) == std::nullopt);
    CHECK(parking.next_idle(kBegin) == std::nullopt);
}

// --- the customers -------------------------------------------------------------------------------

NewCustomer parkable(const std::string& id, bool has_tun, std::uint32_t after = 600) {
    NewCustomer customer = test::new_customer(id, {}, "", has_tun);
    customer.put.settings.park_after_seconds = after;
    return customer;
}

Generation of(NewCustomer customer) {
    Generation generation;
    generation.number = 1;
    generation.customers.push_back(std::move(customer));
    return generation;
}

TEST_CASE("a customer that may be parked comes without a TUN, no other does") {
    CustomerSet set(1);
    CHECK_FALSE(set.apply(of(parkable("acme", false, 0))).has_value());
    const auto changes = set.apply(of(parkable("acme", false)));
    REQUIRE(changes.has_value());
    REQUIRE(changes->swap_views.size() == 1);
    CHECK_FALSE(changes->swap_views[0].tun.valid());
    CHECK(changes->swap_views[0].view->park_after == std::chrono::seconds(600));
    CHECK(set.customer("acme")->tuns.empty());
}

TEST_CASE("a parked customer stays so when its settings change, and gets its TUN once") {
    CustomerSet set(1);
    REQUIRE(set.apply(of(parkable("acme", false))).has_value());
    REQUIRE(set.apply(of(parkable("acme", false, 60))).has_value());
    CHECK(set.customer("acme")->tuns.empty());
    auto descriptors = test::any_descriptors(2);
    const auto given = set.give_tunnel("acme", std::move(descriptors[0]));
    REQUIRE(given.has_value());
    CHECK(given->tun.valid());
    CHECK(set.customer("acme")->tuns.size() == 1);
    CHECK_FALSE(set.give_tunnel("acme", std::move(descriptors[1])).has_value());
    CHECK_FALSE(set.give_tunnel("nobody", UniqueFd()).has_value());
}

TEST_CASE("only a customer that may be parked leaves its TUN, and once") {
    CustomerSet set(1);
    REQUIRE(set.apply(of(parkable("acme", true))).has_value());
    REQUIRE(set.apply(of(parkable("globex", true, 0))).has_value());
    CHECK(set.leave_tunnel(set.customer("acme")->index) == 0);
    CHECK(set.customer("acme")->tuns.empty());  // its number is passed to nobody
    CHECK_FALSE(set.leave_tunnel(set.customer("acme")->index).has_value());
    CHECK_FALSE(set.leave_tunnel(set.customer("globex")->index).has_value());
    CHECK(set.customer("globex")->tuns.size() == 1);
    CHECK_FALSE(set.leave_tunnel({77}).has_value());
    // A generation that was on its way meanwhile is no error.
    CHECK(set.apply(of(parkable("acme", false, 0))).has_value());
    CHECK(set.customer("acme")->tuns.empty());
}

}  // namespace
}  // namespace warren::vpnd
