#include "base/bounded.h"

#include <doctest/doctest.h>

#include <deque>
#include <memory>
#include <random>
#include <thread>

namespace warren {
namespace {

TEST_CASE("BoundedQueue behaves like a deque that refuses at its capacity") {
    BoundedQueue<int> queue(5);
    std::deque<int> oracle;
    std::mt19937 random(7);
    for (int i = 0; i < 10'000; ++i) {
        if (random() % 2 == 0) {
            int value = i;
            const bool fits = oracle.size() < 5;
            CHECK(queue.push(std::move(value)) == fits);
            if (fits) oracle.push_back(i);
        } else {
            const auto got = queue.pop();
            REQUIRE(got.has_value() == !oracle.empty());
            if (got) {
                CHECK(*got == oracle.front());
                oracle.pop_front();
            }
        }
        CHECK(queue.size() == oracle.size());
        CHECK(queue.full() == (oracle.size() == 5));
    }
}

TEST_CASE("a queue gives up what it held when it is popped") {
    BoundedQueue<std::shared_ptr<int>> queue(2);
    SpscQueue<std::shared_ptr<int>> pair(2);
    auto value = std::make_shared<int>(1);
    CHECK(queue.push(std::shared_ptr<int>(value)));
    CHECK(pair.push(std::shared_ptr<int>(value)));
    queue.pop();
    pair.pop();
    CHECK(value.use_count() == 1);
}

TEST_CASE("SpscQueue leaves a refused value with the caller") {
    SpscQueue<std::unique_ptr<int>> queue(2);
    CHECK(queue.push(std::make_unique<int>(1)));
    CHECK(queue.push(std::make_unique<int>(2)));
    auto third = std::make_unique<int>(3);
    CHECK_FALSE(queue.push(std::move(third)));
    REQUIRE(third != nullptr);
    CHECK(**queue.pop() == 1);
    CHECK(queue.push(std::move(third)));
    CHECK(**queue.pop() == 2);
    CHECK(**queue.pop() == 3);
    CHECK_FALSE(queue.pop().has_value());
}

TEST_CASE("SpscQueue carries everything in order between two threads") {
    constexpr std::uint64_t kCount = 200'000;
    SpscQueue<std::uint64_t> queue(64);
    std::thread producer([&] {
        for (std::uint64_t i = 0; i < kCount;) {
            std::uint64_t value = i;
            if (queue.push(std::move(value))) {
                ++i;
            } else {
                std::this_thread::yield();
            }
        }
    });
    std::uint64_t expected = 0;
    bool ordered = true;
    while (expected < kCount) {
        const auto got = queue.pop();
        if (!got) {
            std::this_thread::yield();
            continue;
        }
        ordered = ordered && *got == expected;
        ++expected;
    }
    producer.join();
    CHECK(ordered);
    CHECK(queue.empty());
}

}  // namespace
}  // namespace warren
