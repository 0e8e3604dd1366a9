// From what is to what shall be. PURE and idempotent: planning after applying gives no steps, from any start, also
// after a crash half-way.
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
        problems;  // what cannot be done now ("handoff: no device eth7"); the rest is planned, what was there stays
};

// Fails, and nothing may be touched, when the namespace is not ours.
[[nodiscard]] Result<Plan> plan(const DesiredStack& desired, const ObservedStack& observed,
                                const ObservedUplink& uplink);

// Takes the stack down. A physical device goes home first. Fails when the namespace is not of `owner`.
[[nodiscard]] Result<Plan> plan_removal(const std::string& owner, const ObservedStack& observed);

// Physical devices whose stack died under them and that came back under a name that is not theirs.
[[nodiscard]] std::vector<Step> plan_device_returns(const ObservedUplink& uplink);

}  // namespace warren::stacks
