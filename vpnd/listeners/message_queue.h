// Control messages that wait for the engine, fair between those who send them.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/bytes.h"
#include "vpnd/control/engine.h"
#include "vpnd/control/keyed_hash.h"

namespace warren::io {

struct WaitingMessage {
    control::Arrival arrival;
    std::vector<std::uint8_t> bytes;  // keeps its memory while messages wait

    [[nodiscard]] Bytes view() const { return bytes; }
};

// A first-in first-out queue for each of a few buckets of source prefixes (IPv4 address, IPv6 /64), served in turn.
// When all together are full, the longest gives up its oldest, so that a flood pushes out its own messages and not
// those of others. One thread.
class MessageQueue {
  public:
    static constexpr std::size_t kCapacity = 1024;

    // Nobody can choose its bucket: `hash` is keyed.
    explicit MessageQueue(const control::KeyedHash& hash) : hash_(hash) {}

    // Most bytes that wait altogether: what is larger than a usual message fills the queue sooner.
    static constexpr std::size_t kMostBytes = std::size_t{2} << 20;
    // False when another had to go for it.
    [[nodiscard]] bool push(const control::Arrival& arrival, Bytes message);
    // The next in turn; good until pop(). Not empty.
    [[nodiscard]] const WaitingMessage& front() const;
    void pop();

    [[nodiscard]] std::size_t size() const { return size_; }
    [[nodiscard]] bool empty() const { return size_ == 0; }

  private:
    static constexpr std::size_t kBuckets = 64;
    static constexpr std::uint16_t kNone = UINT16_MAX;
    static constexpr std::size_t kKeptWhenEmpty = 16;  // a flood's memory is given back

    struct Place {
        WaitingMessage waiting;
        std::uint16_t next = kNone;
    };
    struct Bucket {
        std::uint16_t oldest = kNone;
        std::uint16_t newest = kNone;
        std::uint16_t size = 0;
    };

    [[nodiscard]] std::size_t next_in_turn() const;
    void drop_oldest(std::size_t bucket);

    const control::KeyedHash& hash_;
    std::array<Bucket, kBuckets> buckets_{};
    std::uint64_t waiting_ = 0;  // a bit for each bucket that is not empty
    std::size_t turn_ = 0;       // the bucket that is served next, when it is not empty
    std::size_t size_ = 0;
    std::size_t bytes_ = 0;
    std::vector<Place> places_;
    std::uint16_t free_ = kNone;
};

}  // namespace warren::io
