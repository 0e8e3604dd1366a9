// The limit of packets in flight: a closed loop that keeps a load as fast as the hub and no faster, so that queues lose
// nothing.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/time.h"

namespace warren::bench {

class Window {
  public:
    // `packets` 0: no limit.
    explicit Window(std::uint64_t packets) : packets_(packets) {}

    [[nodiscard]] bool is_open(Instant now) {
        if (packets_ == 0 || sent_ - arrived_ < packets_) return true;
        if (now - moved_ < kLost) return false;
        // Nothing moves, so the packets in flight are lost.
        arrived_ = sent_;
        moved_ = now;
        ++stalls_;
        return true;
    }
    void sent(Instant now, std::uint64_t packets) {
        if (sent_ == arrived_) moved_ = now;
        sent_ += packets;
    }
    // All packets up to this value of sent() have arrived or are lost.
    void arrived(Instant now, std::uint64_t up_to) {
        if (up_to <= arrived_ || up_to > sent_) return;
        arrived_ = up_to;
        moved_ = now;
    }
    [[nodiscard]] std::uint64_t sent() const { return sent_; }
    [[nodiscard]] std::uint64_t packets() const { return packets_; }
    [[nodiscard]] std::uint64_t stalls() const { return stalls_; }

  private:
    static constexpr Duration kLost = std::chrono::milliseconds(100);
    std::uint64_t packets_;
    std::uint64_t sent_ = 0;
    std::uint64_t arrived_ = 0;
    std::uint64_t stalls_ = 0;
    Instant moved_ = kLongAgo;
};

}  // namespace warren::bench
