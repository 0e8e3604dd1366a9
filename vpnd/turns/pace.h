// How long a customer's packets take, to know how many of them fit into a time.
#pragma once

#include <algorithm>
#include <cstddef>

#include "base/time.h"

namespace warren::dataplane {

// The mean of the latest pieces of work. One data worker.
class Pace {
  public:
    static constexpr Duration kAtFirst = std::chrono::nanoseconds(700);
    // Whatever the mean says: cheap packets before expensive ones must not buy a long time.
    static constexpr std::size_t kMostPackets = 32;

    void record(std::size_t packets, Duration took) {
        if (packets == 0) return;
        constexpr int kWeight = 8;
        // One that was interrupted says little.
        const Duration sample = std::min(took / static_cast<Duration::rep>(packets), per_packet_ * 4);
        per_packet_ += (sample - per_packet_) / kWeight;
        per_packet_ = std::clamp(per_packet_, kFastest, kSlowest);
    }
    [[nodiscard]] Duration time_for(std::size_t packets) const {
        return per_packet_ * static_cast<Duration::rep>(packets);
    }
    // At least one, at most kMostPackets: then the clock is looked at again.
    [[nodiscard]] std::size_t packets_in(Duration time) const {
        return std::min(static_cast<std::size_t>(std::max(time / per_packet_, Duration::rep{1})), kMostPackets);
    }

  private:
    static constexpr Duration kFastest = std::chrono::nanoseconds(20);
    static constexpr Duration kSlowest = std::chrono::milliseconds(10);
    Duration per_packet_ = kAtFirst;
};

}  // namespace warren::dataplane
