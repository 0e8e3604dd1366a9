// Which half-open IKE_SAs there are, so many of each source at most (conformance KD2 to KD4).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <unordered_map>

#include "base/ip.h"
#include "base/time.h"
#include "base/token_bucket.h"
#include "crypto/random.h"
#include "vpnd/control/keyed_hash.h"
#include "vpnd/control/rate_limiter.h"
#include "vpnd/ike/limits.h"

namespace warren::ike {

// Counts them; the engine has them. No I/O. One thread.
class HalfOpen {
  public:
    explicit HalfOpen(crypto::RandomSource& random);

    // --- before there is one -----------------------------------------------------------------------

    enum class Admission : std::uint8_t {
        kTake,
        kCookie,       // only with a cookie
        kRateLimited,  // the source begins too many
        kFull,         // there are too many of the source
    };
    // An IKE_SA_INIT request came from this prefix. `has_cookie`: it showed that it receives there.
    [[nodiscard]] Admission admit(Instant now, const IpAddress& prefix, bool has_cookie);
    // Requests come with a cookie, or from known prefixes, or not at all.
    [[nodiscard]] bool wants_cookies(Instant now) const {
        return size() > kCookiesFrom || queue_is_long_ || !inits_.is_open(now);
    }
    // Many messages wait for the engine.
    void set_queue_is_long(bool is_long) { queue_is_long_ = is_long; }

    // --- those that are there ----------------------------------------------------------------------

    // `slot` is its number; it is not in here. kTake was said.
    void add(std::uint32_t slot, const IpAddress& prefix, bool has_cookie);
    // It is authentic now, in EAP (then EapLimits has it), or gone; or was never there.
    void remove(std::uint32_t slot);
    // There are as many as may be. Strangers leave some room to those who were here before (conformance KD4).
    [[nodiscard]] bool is_full(bool is_known) const {
        return size() >= (is_known ? kMostHalfOpen : kMostHalfOpenOfStrangers);
    }
    // Then this one goes. Nothing: all came with a cookie, and no new one is taken.
    [[nodiscard]] std::optional<std::uint32_t> oldest_without_cookie() const;
    [[nodiscard]] std::size_t size() const { return entries_.size(); }

    // An IKE_SA with somebody there is authentic: it may come again in a flood.
    void remember(Instant now, const IpAddress& prefix) { known_.remember(now, prefix); }
    [[nodiscard]] bool is_known(Instant now, const IpAddress& prefix) const { return known_.knows(now, prefix); }

  private:
    struct Entry {
        IpAddress prefix;
        std::uint64_t order = 0;
    };

    control::RateLimiter<IpAddress> sources_;
    control::KnownSources known_;
    TokenBucket all_known_;
    TokenBucket inits_;
    std::unordered_map<std::uint32_t, Entry> entries_;
    std::unordered_map<IpAddress, std::size_t, control::KeyedHash> of_prefix_;
    std::map<std::uint64_t, std::uint32_t> without_cookie_;  // slots by order
    bool queue_is_long_ = false;
    std::uint64_t order_ = 0;
};

}  // namespace warren::ike
