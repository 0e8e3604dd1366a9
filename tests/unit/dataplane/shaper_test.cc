// A customer's rate, alone: how much goes when, which flow, and how much waits.
#include "vpnd/turns/shaper.h"

#include <doctest/doctest.h>

#include <map>

#include "rig.h"

namespace warren::dataplane::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::uint64_t kRate = 8'000'000;  // a megabyte a second
constexpr std::size_t kSize = 1'000;

struct Queue {
    explicit Queue(std::uint64_t rate = kRate) { shaper.set_rate(rate); }
    // False: dropped.
    bool offer(std::uint32_t flow, std::size_t size = kSize) {
        if (shaper.pass(now, size)) {
            passed[flow] += size;
            return true;
        }
        if (!shaper.has_room(flow, size, memory)) return false;
        shaper.push(flow, {{flow}, std::vector<std::uint8_t>(size), size}, memory);
        return true;
    }
    void release() {
        while (const auto packet = shaper.pop(now, memory)) passed[packet->peer.value] += packet->size;
    }
    // Bytes that wait of one flow; all flows empty afterwards.
    std::size_t drain() {
        const std::size_t before = memory.held;
        (void)shaper.clear(memory);
        return before;
    }

    Shaper shaper;
    ShaperMemory memory;
    Instant now = kStart;
    std::map<std::uint32_t, std::size_t> passed;  // bytes by flow
};

TEST_CASE("without a rate everything passes and nothing waits") {
    Queue queue(0);
    for (int i = 0; i < 100'000; ++i) REQUIRE(queue.offer(1, 60'000));
    CHECK(queue.shaper.empty());
    CHECK(queue.shaper.next_due() == kNever);
}

TEST_CASE("a rate holds within a percent for all sizes, however late it is looked at within its burst") {
    for (const std::size_t size : {48U, 1'420U, 9'000U}) {
        for (const Duration step : {Duration(std::chrono::microseconds(100)), Duration(milliseconds(4))}) {
            CAPTURE(size);
            Queue queue;
            for (const Instant end = queue.now + seconds(10); queue.now < end; queue.now = queue.now + step) {
                while (queue.offer(1, size)) {
                }
                queue.release();
            }
            CHECK(queue.passed[1] >= 9'900'000);
            CHECK(queue.passed[1] <= 10'100'000);
        }
    }
}

TEST_CASE("a worker that wakes late catches up; silence saves one burst only") {
    Queue queue;
    for (const Instant end = queue.now + seconds(10); queue.now < end; queue.now = queue.now + milliseconds(30)) {
        while (queue.offer(1)) {
        }
        queue.release();
    }
    CHECK(queue.passed[1] >= 9'900'000);
    CHECK(queue.passed[1] <= 10'100'000);
    queue.now = queue.now + seconds(10);
    queue.release();
    queue.now = queue.now + seconds(10);
    queue.passed.clear();
    while (queue.shaper.empty()) (void)queue.offer(1);
    CHECK(queue.passed[1] >= 5'000);
    CHECK(queue.passed[1] <= 7'000);
}

TEST_CASE("the first packet is never later than the rate demands") {
    Queue queue;
    while (queue.shaper.empty()) REQUIRE(queue.offer(1));
    const Instant due = queue.shaper.next_due();
    CHECK(due > queue.now);
    CHECK(due <= queue.now + milliseconds(1));  // 1,000 bytes
    queue.now = due - Duration(1);
    CHECK_FALSE(queue.shaper.pop(queue.now, queue.memory).has_value());
    queue.now = due;
    CHECK(queue.shaper.pop(queue.now, queue.memory).has_value());
    CHECK(queue.shaper.next_due() == kNever);
}

TEST_CASE("one flow waits for the delay at most, at every rate above the least queue's") {
    for (const std::uint64_t rate :
         {std::uint64_t{10'000'000}, std::uint64_t{100'000'000}, std::uint64_t{400'000'000}}) {
        CAPTURE(rate);
        Queue queue(rate);
        while (queue.offer(1)) {
        }
        const auto waits = std::chrono::nanoseconds(queue.drain() * 8'000'000'000 / rate);
        CHECK(waits <= milliseconds(81));
        CHECK(waits >= milliseconds(70));
    }
}

TEST_CASE("a flow that just began passes before what waits of others, and is not fresh again while it goes on") {
    Queue queue;
    while (queue.offer(1)) {
    }
    queue.now = queue.now + milliseconds(4);
    queue.release();  // no longer fresh
    REQUIRE(queue.offer(2, 100));
    queue.now = queue.shaper.next_due();
    CHECK(queue.shaper.pop(queue.now, queue.memory)->peer == PeerIndex{2});
    // It sends on: now both have the same part.
    queue.passed.clear();
    for (const Instant end = queue.now + seconds(2); queue.now < end; queue.now = queue.now + milliseconds(1)) {
        while (queue.offer(2, 500)) {
        }
        while (queue.offer(1)) {
        }
        queue.release();
    }
    CHECK(queue.passed[1] > 950'000);
    CHECK(queue.passed[2] > 950'000);
}

TEST_CASE("a hundred flows that fill the queue leave room for one more") {
    Queue queue;
    for (std::uint32_t round = 0; round < 1'000; ++round) {
        for (std::uint32_t flow = 1; flow <= 100; ++flow) (void)queue.offer(flow);
    }
    CHECK(queue.memory.held > 150'000);
    CHECK(queue.memory.held <= 160'000 + Shaper::kForNewFlows);
    CHECK(queue.offer(200, 100));
}

TEST_CASE("flows stay in order") {
    Queue queue;
    std::map<std::uint32_t, std::uint8_t> pushed;
    std::map<std::uint32_t, std::uint8_t> popped;
    for (std::uint32_t i = 0; i < 90; ++i) {
        const std::uint32_t flow = i * i % 7;
        queue.shaper.push(flow, {{flow}, {pushed[flow]++}, kSize}, queue.memory);
    }
    while (!queue.shaper.empty()) {
        queue.now = std::max(queue.now, queue.shaper.next_due());
        const auto packet = queue.shaper.pop(queue.now, queue.memory);
        REQUIRE(packet.has_value());
        CHECK(packet->bytes[0] == popped[packet->peer.value]++);
    }
    CHECK(pushed == popped);
    CHECK(queue.memory.held == 0);
}

TEST_CASE("short packets fill the queue by the memory that they take") {
    Queue queue(1'000'000'000);
    std::size_t count = 0;
    for (std::uint32_t flow = 0; flow < 300; ++flow) {
        for (; queue.shaper.has_room(flow, 20, queue.memory); ++count)
            queue.shaper.push(flow, {{flow}, std::vector<std::uint8_t>(20), 20}, queue.memory);
    }
    CHECK(queue.memory.held <= Shaper::kMostQueue + Shaper::kForNewFlows);
    CHECK(queue.memory.held >= count * 80);
    (void)queue.drain();
    CHECK(queue.memory.held == 0);
}

TEST_CASE("one customer that fills its queue leaves the memory of all to others, and none is over the bound") {
    ShaperMemory memory;
    std::vector<Shaper> shapers(100);
    for (Shaper& shaper : shapers) {
        shaper.set_rate(10'000'000'000);
        for (std::uint32_t flow = 0; flow < 200; ++flow) {
            while (shaper.has_room(flow, 60'000, memory))
                shaper.push(flow, {{flow}, std::vector<std::uint8_t>(60'000), 60'000}, memory);
        }
        CHECK(memory.held <= ShaperMemory::kInAll);
    }
    // The last of them, and whoever comes now, still has room for some packets.
    Shaper late;
    late.set_rate(kRate);
    CHECK(late.has_room(1, 1'420, memory));
    for (Shaper& shaper : shapers) (void)shaper.clear(memory);
    CHECK(memory.held == 0);
}

TEST_CASE("when the rate is taken away, what waits goes at once; another rate begins without a debt") {
    Queue queue(64'000);
    for (int i = 0; i < 20; ++i) (void)queue.offer(1);
    CHECK_FALSE(queue.shaper.empty());
    SUBCASE("none") {
        queue.shaper.set_rate(0);
        queue.release();
        CHECK(queue.shaper.empty());
    }
    SUBCASE("none, and what comes now does not overtake") {
        queue.shaper.set_rate(0);
        CHECK_FALSE(queue.shaper.pass(queue.now, kSize));
        queue.release();
        CHECK(queue.shaper.pass(queue.now, kSize));
    }
    SUBCASE("another") {
        queue.shaper.set_rate(kRate);
        CHECK(queue.shaper.next_due() <= queue.now);
    }
    SUBCASE("the same") {
        queue.shaper.set_rate(64'000);
        CHECK(queue.shaper.next_due() > queue.now);
    }
}

}  // namespace
}  // namespace warren::dataplane::test
