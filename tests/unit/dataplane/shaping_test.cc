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

}  // namespace warren::dataplane::test
