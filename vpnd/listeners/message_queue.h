// Handshake messages that wait for the engine, fair between those who send them.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/bytes.h"
#include "vpnd/control/keyed_hash.h"
#include "vpnd/wireguard/engine.h"
#include "vpnd/wireguard/messages.h"

namespace warren::io {

struct WaitingHandshake {
    wireguard::Arrival arrival;
    std::uint8_t size = 0;
    std::array<std::uint8_t, wireguard::kMaxHandshakeSize> bytes{};

    [[nodiscard]] Bytes view() const { return Bytes(bytes).first(size); }
};

// A first-in first-out queue for each of a few buckets of source prefixes (IPv4 address, IPv6 /64), served in turn.
// When all together are full, the longest gives up its oldest, so that who floods pushes out himself and not the
// others. One thread.
class HandshakeQueue {
  public:
    static constexpr std::size_t kCapacity = 1024;

    // Nobody can choose his bucket: `hash` is keyed.
    explicit HandshakeQueue(const control::KeyedHash& hash) : hash_(hash) {}

    // `message` has at most kMaxHandshakeSize bytes. False when another had to go for it.
    [[nodiscard]] bool push(const wireguard::Arrival& arrival, Bytes message);
    // The next in turn; good until pop(). Not empty.
    [[nodiscard]] const WaitingHandshake& front() const;
    void pop();

    [[nodiscard]] std::size_t size() const { return size_; }
    [[nodiscard]] bool empty() const { return size_ == 0; }

  private:
    static constexpr std::size_t kBuckets = 64;
    static constexpr std::uint16_t kNone = UINT16_MAX;
    static constexpr std::size_t kKeptWhenEmpty = 16;  // a flood's memory is given back

    struct Place {
        WaitingHandshake waiting;
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
    std::vector<Place> places_;
    std::uint16_t free_ = kNone;
};

}  // namespace warren::io
