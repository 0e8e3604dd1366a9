// Packets that wait for stacks: what stays, what goes, and that nobody takes what belongs to others.
#include "vpnd/dataplane/parked_packets.h"

#include <doctest/doctest.h>

#include <map>
#include <random>

namespace warren::dataplane {
namespace {

using Dropped = std::vector<ParkedPackets::Dropped>;

constexpr Instant kBegin{3'600'000'000'000};

ParkedPackets::Packet packet(std::size_t size, std::uint8_t content = 0, Instant since = kBegin) {
    ParkedPackets::Packet out;
    out.bytes.assign(size, content);
    out.since = since;
    return out;
}

std::uint64_t count(const Dropped& dropped, CustomerIndex customer) {
    std::uint64_t out = 0;
    for (const auto& each : dropped) out += each.customer == customer ? each.packets : 0;
    return out;
}

TEST_CASE("the packets of a customer come back in their order, once") {
    ParkedPackets parked;
    Dropped dropped;
    for (std::uint8_t i = 0; i < 3; ++i) parked.push({1}, packet(100, i), dropped);
    parked.push({2}, packet(100, 9), dropped);
    const auto out = parked.take({1});
    REQUIRE(out.size() == 3);
    for (std::uint8_t i = 0; i < 3; ++i) CHECK(out[i].bytes == std::vector<std::uint8_t>(100, i));
    CHECK(parked.take({1}).empty());
    CHECK(parked.take({2}).size() == 1);
    CHECK(parked.bytes() == 0);
    CHECK(parked.next_deadline() == kNever);
    CHECK(dropped.empty());
}

TEST_CASE("a customer has its bound, and its first packets are those that stay") {
    ParkedPackets parked;
    Dropped dropped;
    constexpr std::size_t kEach = 1'000 + ParkedPackets::kOverhead;
    constexpr std::size_t kFit = ParkedPackets::kBytesOfOne / kEach;
    for (std::size_t i = 0; i < kFit + 10; ++i) parked.push({1}, packet(1'000, static_cast<std::uint8_t>(i)), dropped);
    CHECK(count(dropped, {1}) == 10);
    CHECK(parked.bytes() <= ParkedPackets::kBytesOfOne);
    parked.push({2}, packet(1'000), dropped);
    CHECK(count(dropped, {2}) == 0);
    const auto out = parked.take({1});
    REQUIRE(out.size() == kFit);
    CHECK(out.front().bytes.front() == 0);
}

TEST_CASE("when all is full, a customer's first packet finds room at those that have most") {
    ParkedPackets parked;
    Dropped dropped;
    const std::uint32_t greedy = ParkedPackets::kBytes / ParkedPackets::kBytesOfOne + 1;
    for (std::uint32_t customer = 0; customer < greedy; ++customer) {
        for (std::size_t i = 0; i < 100; ++i) parked.push({customer}, packet(1'000), dropped);
    }
    CHECK(parked.bytes() <= ParkedPackets::kBytes);
    dropped.clear();
    for (std::uint32_t customer = 1'000; customer < 2'000; ++customer) parked.push({customer}, packet(1'400), dropped);
    CHECK(parked.bytes() <= ParkedPackets::kBytes);
    for (std::uint32_t customer = 1'000; customer < 2'000; ++customer) {
        CHECK(count(dropped, {customer}) == 0);
        CHECK(parked.take({customer}).size() == 1);
    }
    // Whoever gave kept the first ones.
    for (std::uint32_t customer = 0; customer < greedy; ++customer) CHECK(!parked.take({customer}).empty());
}

TEST_CASE("no more customers wait than there may be") {
    ParkedPackets parked;
    Dropped dropped;
    for (std::uint32_t customer = 0; customer < ParkedPackets::kCustomers + 5; ++customer)
        parked.push({customer}, packet(40), dropped);
    CHECK(parked.customers() == ParkedPackets::kCustomers);
    CHECK(dropped.size() == 5);
}

TEST_CASE("what waits too long goes, and is counted") {
    ParkedPackets parked;
    Dropped dropped;
    parked.push({1}, packet(100), dropped);
    parked.push({1}, packet(100, 1, kBegin + std::chrono::seconds(1)), dropped);
    CHECK(parked.next_deadline() == kBegin + ParkedPackets::kLongest);
    parked.expire(kBegin + ParkedPackets::kLongest - Duration(1), dropped);
    CHECK(dropped.empty());
    parked.expire(kBegin + ParkedPackets::kLongest, dropped);
    CHECK(count(dropped, {1}) == 1);
    CHECK(parked.next_deadline() == kBegin + std::chrono::seconds(1) + ParkedPackets::kLongest);
    REQUIRE(parked.take({1}).size() == 1);
    CHECK(parked.bytes() == 0);
}

TEST_CASE("packets that expire one after the other cost one look at all of them, not one each") {
    ParkedPackets parked;
    Dropped dropped;
    constexpr std::uint32_t kCount = 1'000;
    for (std::uint32_t i = 0; i < kCount; ++i)
        parked.push({i}, packet(40, 0, kBegin + std::chrono::milliseconds(i)), dropped);
    std::size_t looks = 0;
    for (Instant at = parked.next_deadline(); at != kNever; at = parked.next_deadline()) {
        parked.expire(at, dropped);
        ++looks;
        REQUIRE(looks <= 11);
        // None waits longer than that.
        CHECK(dropped.size() >=
              std::min<std::size_t>(kCount, static_cast<std::size_t>((at - kBegin - ParkedPackets::kLongest) /
                                                                     std::chrono::milliseconds(1))));
    }
    CHECK(dropped.size() == kCount);
    CHECK(parked.bytes() == 0);
}

TEST_CASE("a stack is asked for with the first packet, and again only after a while") {
    ParkedPackets parked;
    Dropped dropped;
    CHECK_FALSE(parked.asks({1}, kBegin));
    parked.push({1}, packet(100), dropped);
    CHECK(parked.asks({1}, kBegin));
    CHECK_FALSE(parked.asks({1}, kBegin + ParkedPackets::kAskEvery - Duration(1)));
    CHECK(parked.asks({1}, kBegin + ParkedPackets::kAskEvery));
}

TEST_CASE("whatever comes, the bounds hold and every packet is delivered or counted") {
    std::mt19937 random(5);
    ParkedPackets parked;
    Dropped dropped;
    std::uint64_t in = 0;
    std::uint64_t out = 0;
    Instant now = kBegin;
    for (int i = 0; i < 50'000; ++i) {
        now = now + std::chrono::microseconds(random() % 400);
        const CustomerIndex customer{static_cast<std::uint32_t>(random() % 200)};
        if (random() % 40 == 0) {
            out += parked.take(customer).size();
        } else {
            parked.push(customer, packet(random() % 9'000, 0, now), dropped);
            ++in;
        }
        if (random() % 1'000 == 0) parked.expire(now, dropped);
        CHECK(parked.bytes() <= ParkedPackets::kBytes);
    }
    for (std::uint32_t customer = 0; customer < 200; ++customer) out += parked.take({customer}).size();
    for (const auto& each : dropped) out += each.packets;
    CHECK(in == out);
    CHECK(parked.bytes() == 0);
}

}  // namespace
}  // namespace warren::dataplane
