// Rates and quotas of the configuration, in the words of the messages to vpnd.
#pragma once

#include "config/limits.h"
#include "ipc/limits.h"

namespace warren::stacks {

[[nodiscard]] inline ipc::Limits limits_of(const config::Limits& limits) {
    return {limits.rate_up.value_or(0), limits.rate_down.value_or(0), limits.quota.value_or(0),
            limits.after_quota.value_or(0)};
}

}  // namespace warren::stacks
