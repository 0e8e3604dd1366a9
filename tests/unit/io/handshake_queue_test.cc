#include "vpnd/listeners/message_queue.h"

#include <doctest/doctest.h>

#include <map>
#include <vector>

#include "tests/vectors/seeded_random.h"

namespace warren::io {
namespace {

constexpr std::size_t kMessageSize = 148;

control::Arrival from(std::uint32_t source) {
    std::array<std::uint8_t, 4> octets{};
    store_be(octets.data(), 0x0a000000U + source);
    return {{IpAddress::from_bytes(octets), 51820, 0}, {}};
}

struct Rig {
    // Number `number` of this source.
    bool push(std::uint32_t source, std::uint32_t number) {
        std::array<std::uint8_t, kMessageSize> bytes{};
        store_le(bytes.data(), number);
        return queue.push(from(source), bytes);
    }
    struct Popped {
        IpAddress source;
        std::uint32_t number;
    };
    Popped pop() {
        const WaitingMessage& front = queue.front();
        const Popped popped{front.arrival.from.address, load_le<std::uint32_t>(front.bytes.data())};
        CHECK(front.bytes.size() == kMessageSize);
        queue.pop();
        return popped;
    }
    test::SeededRandom random{1};
    control::KeyedHash hash{random};
    MessageQueue queue{hash};
};

TEST_CASE("the messages of one source keep their order, and nothing is lost below the limit") {
    Rig rig;
    for (std::uint32_t i = 0; i < MessageQueue::kCapacity; ++i) CHECK(rig.push(i % 3, i));
    CHECK(rig.queue.size() == MessageQueue::kCapacity);
    std::map<IpAddress, std::uint32_t> last;
    for (std::uint32_t i = 0; i < MessageQueue::kCapacity; ++i) {
        const auto [source, number] = rig.pop();
        if (last.contains(source)) CHECK(number > last[source]);
        last[source] = number;
    }
    CHECK(last.size() == 3);
    CHECK(rig.queue.empty());
}

TEST_CASE("a flood from some sources pushes out its own oldest, and who comes late is served within one round") {
    Rig rig;
    std::size_t dropped = 0;
    for (std::uint32_t i = 0; i < 20'000; ++i) dropped += rig.push(i % 4, i) ? 0U : 1U;
    CHECK(dropped == 20'000 - MessageQueue::kCapacity);
    CHECK(rig.queue.size() == MessageQueue::kCapacity);

    // A source of another bucket than the flood's four.
    std::uint32_t honest = 100;
    const auto bucket_of = [&rig](std::uint32_t source) { return rig.hash(from(source).from.address) % 64; };
    const auto is_taken = [&](std::uint32_t source) {
        for (std::uint32_t i = 0; i < 4; ++i) {
            if (bucket_of(i) == bucket_of(source)) return true;
        }
        return false;
    };
    while (is_taken(honest)) ++honest;
    CHECK_FALSE(rig.push(honest, 1));
    for (std::uint32_t i = 0; i < 20'000; ++i) (void)rig.push(i % 4, 20'000 + i);
    bool served = false;
    for (int i = 0; i < 5 && !served; ++i) {
        const auto popped = rig.pop();
        served = popped.source == from(honest).from.address;
        if (!served) CHECK(popped.number > 20'000 - MessageQueue::kCapacity);  // not the oldest: those had to go
    }
    CHECK(served);
}

TEST_CASE("IPv6 sources of one /64 share a bucket, so that one host is one source") {
    Rig rig;
    for (std::uint32_t i = 0; i < 3 * MessageQueue::kCapacity; ++i) {
        IpAddress address = *parse_ip("2001:db8::");
        store_be(address.octets.data() + 12, i);
        std::array<std::uint8_t, kMessageSize> bytes{};
        (void)rig.queue.push({{address, 1, 0}, {}}, bytes);
    }
    (void)rig.push(7, 1);
    bool served = false;
    for (int i = 0; i < 2 && !served; ++i) served = rig.pop().number == 1;
    CHECK(served);
}

TEST_CASE("it can be used again and again after it was full") {
    Rig rig;
    for (std::uint32_t round = 0; round < 5; ++round) {
        for (std::uint32_t i = 0; i < 2 * MessageQueue::kCapacity; ++i) (void)rig.push(i, i);
        std::size_t popped = 0;
        while (!rig.queue.empty()) {
            (void)rig.pop();
            ++popped;
        }
        CHECK(popped == MessageQueue::kCapacity);
    }
}

}  // namespace
}  // namespace warren::io
