// What one customer may take of the memory and the places in which packets wait for rates.
#include "vpnd/dataplane/shaping.h"

#include <doctest/doctest.h>

#include <memory>
#include <vector>

namespace warren::dataplane::test {
namespace {

constexpr std::uint64_t kRate = 64'000;
constexpr std::size_t kSize = 1'400;
constexpr DropReason kReason = DropReason::kRateUpExceeded;

struct Flooder {
    Customer customer;
    std::vector<std::unique_ptr<PeerRates>> rates;

    Flooder(std::uint32_t index, std::size_t peers, std::uint64_t rate = kRate) {
        auto view = std::make_unique<CustomerView>();
        view->index = CustomerIndex{index};
        customer.view = std::move(view);
        customer.inbound.set_rate(rate);
        for (std::size_t i = 0; i < peers; ++i) {
            rates.push_back(std::make_unique<PeerRates>());
            rates.back()->inbound.set_rate(rate);
        }
    }
    [[nodiscard]] static Shaper::Packet packet() { return {{}, std::vector<std::uint8_t>(kSize), kSize}; }
    // This many packets of each peer, of as many flows.
    void flood(Shaping& shaping, std::uint32_t packets) {
        for (auto& peer : rates) {
            for (std::uint32_t flow = 0; flow < packets; ++flow)
                shaping.wait(customer, *peer, peer->inbound, flow, packet(), kReason);
        }
    }
};

}  // namespace

TEST_CASE("a customer that floods all its peers leaves memory and places to others") {
    Shaping shaping;
    Flooder first(0, 5'000);
    first.flood(shaping, 60);
    CHECK(first.customer.shaped_bytes <= Shaping::kMostOfCustomer);
    CHECK(first.customer.shaped_bytes > Shaping::kMostOfCustomer / 2);
    CHECK(first.customer.waiting.size() <= Shaping::kMostWaitingOfCustomer);

    Flooder second(1, 1, 100'000'000);
    for (std::uint32_t i = 0; i < 100; ++i)
        shaping.wait(second.customer, second.customer.inbound, 1, Flooder::packet(), kReason);
    second.flood(shaping, 10);
    CHECK(second.customer.drops.of(kReason) == 0);
    CHECK(second.customer.waiting.size() == 1);
}

TEST_CASE("three customers that flood leave room for one that does not") {
    Shaping shaping;
    std::vector<std::unique_ptr<Flooder>> many;
    for (std::uint32_t i = 0; i < 3; ++i) {
        many.push_back(std::make_unique<Flooder>(i, 1'000));
        many.back()->flood(shaping, 40);
    }
    Flooder other(9, 50, 100'000'000);
    other.flood(shaping, 10);
    CHECK(other.customer.drops.of(kReason) == 0);
    CHECK(other.customer.waiting.size() == 50);
}

TEST_CASE("what leaves or is dropped is given back to its customer") {
    Shaping shaping;
    Flooder one(0, 3);
    one.flood(shaping, 5);
    shaping.wait(one.customer, one.customer.inbound, 1, Flooder::packet(), kReason);
    REQUIRE(one.customer.shaped_bytes > 0);
    CHECK(shaping.pop(kLongAgo + std::chrono::hours(1), one.customer, one.rates[0]->inbound));
    shaping.drop(one.customer, kReason);
    CHECK(one.customer.shaped_bytes == 0);
    CHECK(one.customer.waiting.empty());
}

TEST_CASE("a customer is noted once, however often it is armed while a packet is far from due") {
    Shaping shaping;
    Flooder one(0, 0);
    one.customer.link = std::make_unique<TestLink>(1);
    one.customer.link->up.set({.delay = std::chrono::seconds(10)});
    one.customer.link->down.set({.delay = std::chrono::milliseconds(1)});
    Instant now{1'000'000'000'000};
    const Instant last = now + std::chrono::seconds(10);
    const auto find = [&](CustomerIndex) { return &one.customer; };
    shaping.hold(now, one.customer, one.customer.link->up, Flooder::packet());
    for (int i = 0; i < 1'000; ++i) {
        shaping.hold(now, one.customer, one.customer.link->down, Flooder::packet());
        CHECK(shaping.armed() == 1);
        now = now + std::chrono::milliseconds(1);
        REQUIRE(shaping.next_due(now, find));
        CHECK(shaping.pop(now, one.customer, one.customer.link->down));
        shaping.arm(one.customer);
        CHECK(shaping.armed() == 1);
        CHECK(shaping.next_deadline() == last);
    }
    CHECK(!shaping.next_due(last - std::chrono::milliseconds(1), find));
    REQUIRE(shaping.next_due(last, find));
    CHECK(shaping.pop(last, one.customer, one.customer.link->up));
    shaping.arm(one.customer);
    CHECK(shaping.armed() == 0);
    CHECK(shaping.next_deadline() == kNever);
}

TEST_CASE("what is dropped from test links leaves their room to others") {
    Shaping shaping;
    const Instant now{1'000'000'000'000};
    for (std::uint32_t i = 0; i < 20; ++i) {
        Flooder one(i, 0);
        one.customer.link = std::make_unique<TestLink>(i);
        one.customer.link->up.set({.delay = std::chrono::seconds(10)});
        for (int packet = 0; packet < 5'000; ++packet)
            shaping.hold(now, one.customer, one.customer.link->up, Flooder::packet());
        CHECK(one.customer.drops.of(DropReason::kEmulatedQueueFull) == 0);
        shaping.drop(one.customer, DropReason::kCustomerSuspended);
        CHECK(one.customer.drops.of(DropReason::kCustomerSuspended) == 5'000);
    }
}

}  // namespace warren::dataplane::test
