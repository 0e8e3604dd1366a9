// Something that each source gets once in a while.
#pragma once

#include <cstddef>
#include <unordered_map>

#include "base/ip.h"
#include "base/time.h"
#include "crypto/random.h"
#include "vpnd/control/keyed_hash.h"

namespace warren::ike {

// Remembers `limit` sources at most; with so many, one of them is forgotten for each that comes. No I/O. One thread.
class Once {
  public:
    Once(Duration interval, std::size_t limit, crypto::RandomSource& random)
        : interval_(interval), limit_(limit), last_(0, control::KeyedHash(random)) {}

    [[nodiscard]] bool allow(Instant now, const IpAddress& source) {
        if (const auto found = last_.find(source); found != last_.end()) {
            if (now - found->second < interval_) return false;
            found->second = now;
            return true;
        }
        if (last_.size() >= limit_ && now - swept_ >= interval_) {
            std::erase_if(last_, [&](const auto& one) { return now - one.second >= interval_; });
            swept_ = now;
        }
        // Another one makes room, so that a flood of made-up sources does not keep everybody else without.
        if (last_.size() >= limit_) last_.erase(last_.begin());
        last_.emplace(source, now);
        return true;
    }
    [[nodiscard]] std::size_t size() const { return last_.size(); }

  private:
    Duration interval_;
    std::size_t limit_;
    Instant swept_ = kLongAgo;
    std::unordered_map<IpAddress, Instant, control::KeyedHash> last_;
};

}  // namespace warren::ike
