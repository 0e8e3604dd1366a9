// Activities of the generator that run at the same time, one step after the other on one core.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "base/time.h"

namespace warren::bench {

class Activity {
  public:
    virtual ~Activity() = default;
    // Does the work that is due, at most one train.
    virtual void step(Instant now) = 0;
    // The report, after the last step, when all packets in flight have arrived or are lost.
    [[nodiscard]] virtual nlohmann::json result() const = 0;
};

}  // namespace warren::bench
