// Plans the steps from the observed to the desired state. PURE and idempotent: planning after applying gives no steps,
// from any start, also after a crash.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "stacks/plan/observed.h"
#include "stacks/plan/step.h"

namespace warren::stacks {

struct Plan {
    std::vector<Step> steps;  // in the order in which they must be carried out
    std::vector<std::string>
        problems;  // what cannot be done now ("handoff: no device eth7"); the rest is planned, existing state stays
};

// Fails, and nothing must be touched, when the namespace is not ours.
[[nodiscard]] Result<Plan> plan(const DesiredStack& desired, const ObservedStack& observed,
                                const ObservedUplink& uplink);

// Takes the stack down. A physical device is returned to the uplink first. Fails when the namespace is not of `owner`.
[[nodiscard]] Result<Plan> plan_removal(const std::string& owner, const ObservedStack& observed);

// Renames physical devices that returned to the uplink under another name because their stack was removed.
[[nodiscard]] std::vector<Step> plan_device_returns(const ObservedUplink& uplink);

}  // namespace warren::stacks
