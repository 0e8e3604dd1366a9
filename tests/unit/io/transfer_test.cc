#include "vpnd/io/transfer.h"

#include <doctest/doctest.h>
#include <poll.h>

#include <numeric>
#include <random>
#include <thread>

namespace warren::io::test {
namespace {

using dataplane::Transfer;

// Packet `number` of `size` bytes, which say which they are.
std::vector<std::uint8_t> bytes_of(std::uint32_t number, std::size_t size) {
    std::vector<std::uint8_t> out(size);
    for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<std::uint8_t>(number * 31 + i);
    return out;
}

Transfer packet(std::uint32_t number, std::vector<std::uint8_t>& bytes) {
    Transfer out;
    out.worker = 1;
    out.customer = {number};
    out.train.from.port = static_cast<std::uint16_t>(number);
    out.train.bytes = bytes;
    return out;
}

void check_is(const std::optional<Transfer>& got, std::uint32_t number, std::size_t size) {
    REQUIRE(got.has_value());
    CHECK(got->customer.value == number);
    CHECK(got->train.from.port == static_cast<std::uint16_t>(number));
    REQUIRE(got->train.bytes.size() == size);
    const auto wanted = bytes_of(number, size);
    CHECK(std::equal(wanted.begin(), wanted.end(), got->train.bytes.begin()));
}

bool rings(Doorbell& bell) {
    pollfd waiting{bell.fd(), POLLIN, 0};
    return ::poll(&waiting, 1, 0) == 1;
}

TEST_CASE("a ring gives what it was given, in order, round and round its end") {
    TransferRing ring;
    CHECK_FALSE(ring.pop().has_value());
    const std::uint32_t seed = std::random_device()();
    CAPTURE(seed);
    std::mt19937 engine(seed);
    const auto random = [&engine] { return static_cast<std::uint32_t>(engine()); };
    std::uint32_t pushed = 0;
    std::uint32_t popped = 0;
    std::vector<std::size_t> sizes;
    while (popped < 5'000) {
        for (std::uint32_t i = random() % 40; i > 0; --i) {
            const std::size_t size = random() % 10 == 0 ? 65'545 - random() % 64 : random() % 1'500;
            auto bytes = bytes_of(pushed, size);
            if (!ring.push(packet(pushed, bytes))) break;
            sizes.push_back(size);
            ++pushed;
        }
        for (std::uint32_t i = random() % 40; i > 0 && popped < pushed; --i, ++popped)
            check_is(ring.pop(), popped, sizes[popped]);
        ring.release();
    }
}

TEST_CASE("a full ring takes nothing and loses nothing, and takes again what was released") {
    TransferRing ring;
    std::uint32_t pushed = 0;
    for (auto bytes = bytes_of(0, 1'400); ring.push(packet(pushed, bytes)); bytes = bytes_of(pushed, 1'400)) ++pushed;
    CHECK(pushed * (1'400 + sizeof(Transfer)) <= TransferRing::kSize);
    CHECK(pushed > TransferRing::kSize / 2 / 1'400);
    check_is(ring.pop(), 0, 1'400);
    auto bytes = bytes_of(pushed, 1'400);
    CHECK_FALSE(ring.push(packet(pushed, bytes)));  // popped, but still in use
    ring.release();
    CHECK(ring.push(packet(pushed, bytes)));
    for (std::uint32_t i = 1; i <= pushed; ++i) check_is(ring.pop(), i, 1'400);
    CHECK_FALSE(ring.pop().has_value());
}

TEST_CASE("the largest packet fits into an empty ring wherever its end is") {
    TransferRing ring;
    std::vector<std::uint8_t> largest = bytes_of(1, 65'545);
    for (std::uint32_t i = 0; i < 3'000; ++i) {
        std::vector<std::uint8_t> small = bytes_of(0, i % 3'001);
        REQUIRE(ring.push(packet(0, small)));
        check_is(ring.pop(), 0, small.size());
        ring.release();
        REQUIRE(ring.push(packet(1, largest)));
        REQUIRE(ring.pop()->train.bytes.size() == largest.size());
        ring.release();
    }
}

TEST_CASE("nothing is lost or turned round between two threads, and no wake-up is missed") {
    auto exchange = TransferExchange::make(2);
    REQUIRE(exchange.has_value());
    constexpr std::uint32_t kPackets = 200'000;
    std::atomic<std::uint64_t> refused{0};
    std::thread sender([&] {
        TransferPort port(**exchange, 0);
        std::vector<std::uint8_t> bytes = bytes_of(0, 200);
        for (std::uint32_t i = 0; i < kPackets;) {
            if (port.push(packet(i, bytes))) {
                ++i;
            } else {
                std::this_thread::yield();
            }
            port.wake();
        }
        refused = port.counters().refused;
        CHECK(port.counters().given == kPackets);
    });
    TransferPort port(**exchange, 1);
    std::uint32_t next = 0;
    bool in_order = true;
    while (next < kPackets) {
        pollfd waiting{port.bell_fd(), POLLIN, 0};
        REQUIRE(::poll(&waiting, 1, 20'000) == 1);
        port.clear_bell();
        while (const auto got = port.front(0)) {
            in_order = in_order && got->customer.value == next;
            ++next;
            port.release(0);
        }
    }
    sender.join();
    CHECK(in_order);
    CHECK(port.counters().taken == kPackets);
    CHECK_FALSE(port.front(0).has_value());
    MESSAGE("found full " << refused.load() << " times");
}

TEST_CASE("only who was given something is woken, and a full ring is counted by its packets") {
    auto exchange = TransferExchange::make(3);
    REQUIRE(exchange.has_value());
    TransferPort port(**exchange, 0);
    std::vector<std::uint8_t> bytes = bytes_of(3, 1'000);
    Transfer train;
    train.worker = 2;
    train.train.segment_size = 300;
    train.train.bytes = bytes;
    REQUIRE(port.push(train));
    CHECK(port.counters().given == 4);
    CHECK_FALSE(rings((*exchange)->bell(2)));
    port.wake();
    CHECK(rings((*exchange)->bell(2)));
    CHECK_FALSE(rings((*exchange)->bell(1)));
    while (port.push(train)) {
    }
    CHECK(port.counters().refused == 4);
    train.worker = 1;
    CHECK(port.push(train));  // another pair's ring
    CHECK(TransferPort().workers() == 1);
    CHECK(TransferPort().bell_fd() == -1);
}

}  // namespace
}  // namespace warren::io::test
