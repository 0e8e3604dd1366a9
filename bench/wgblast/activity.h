// What the generator does at the same time, one step after the other on one core.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "base/time.h"

namespace warren::bench {

class Activity {
  public:
    virtual ~Activity() = default;
    // Does what is due, a train's worth at most.
    virtual void step(Instant now) = 0;
    // After the last step, when all that was under way has come or is lost.
    [[nodiscard]] virtual nlohmann::json result() const = 0;
};

}  // namespace warren::bench
