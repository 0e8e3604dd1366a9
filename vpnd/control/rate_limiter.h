// Limits the requests of each source: a token bucket each, for a bounded number of sources (conformance C3, C11, C12).
#pragma once

#include <cstddef>
#include <unordered_map>

#include "base/ids.h"
#include "base/ip.h"
#include "base/time.h"
#include "base/token_bucket.h"
#include "vpnd/control/keyed_hash.h"

namespace warren::control {

// A source is an IPv4 address or an IPv6 /64 (Linux drivers/net/wireguard/ratelimiter.c).
inline constexpr unsigned kSourcePrefixV4 = 32;
inline constexpr unsigned kSourcePrefixV6 = 64;

// An IPv4 address, or the /64 of an IPv6 address; a v4-mapped address (RFC 4291 §2.5.5.2) counts as the IPv4 address
// that it is.
[[nodiscard]] IpAddress source_prefix_of(const IpAddress& address);

// An asker is remembered until it was silent for `idle`. With `limit` askers remembered, new ones are refused. `idle`
// must be longer than a bucket takes to fill, or forgetting would be generous.
template <typename Key>
class RateLimiter {
  public:
    RateLimiter(TokenRate rate, std::size_t limit, Duration idle, crypto::RandomSource& random)
        : rate_(rate), limit_(limit), idle_(idle), entries_(0, KeyedHash(random)) {}

    [[nodiscard]] bool allow(Instant now, const Key& key) {
        auto found = entries_.find(key);
        if (found == entries_.end()) {
            if (!make_room(now)) return false;
            found = entries_.try_emplace(key).first;
        }
        found->second.last_asked = now;
        return found->second.bucket.take(now, rate_);
    }
    [[nodiscard]] std::size_t size() const { return entries_.size(); }

  private:
    struct Entry {
        TokenBucket bucket;
        Instant last_asked;
    };

    // Forgets the idle, at most once in `idle_`, so that a flood of new askers costs one walk a second. Memory goes
    // back when all are gone.
    [[nodiscard]] bool make_room(Instant now) {
        if (now - last_sweep_ >= idle_) {
            std::erase_if(entries_, [&](const auto& entry) { return now - entry.second.last_asked >= idle_; });
            last_sweep_ = now;
        }
        return entries_.size() < limit_;
    }

    TokenRate rate_;
    std::size_t limit_;
    Duration idle_;
    Instant last_sweep_ = kLongAgo;
    std::unordered_map<Key, Entry, KeyedHash> entries_;
};

// Sources from which a handshake was completed not long ago. Under load they are served out of a small budget each, so
// that a flood does not make a peer wait that is where it was before (conformance C11).
class KnownSources {
  public:
    // A source is known for `life`; with `limit` of them new ones are not remembered.
    KnownSources(TokenRate rate, std::size_t limit, Duration life, crypto::RandomSource& random)
        : rate_(rate), limit_(limit), life_(life), entries_(0, KeyedHash(random)) {}

    // A handshake with a peer at `address` was completed.
    void remember(Instant now, const IpAddress& address);
    // True when the address is known and its budget is not used up.
    [[nodiscard]] bool allow(Instant now, const IpAddress& address);
    [[nodiscard]] bool knows(Instant now, const IpAddress& address) const;
    [[nodiscard]] std::size_t size() const { return entries_.size(); }

  private:
    struct Entry {
        TokenBucket bucket;
        Instant completed;
    };
    TokenRate rate_;
    std::size_t limit_;
    Duration life_;
    std::unordered_map<IpAddress, Entry, KeyedHash> entries_;
    Instant last_sweep_ = kLongAgo;
};

}  // namespace warren::control
