// What the status page is told of the customers' stacks: a function of the configuration. Pure.
#pragma once

#include <vector>

#include "config/generation.h"
#include "ipc/web_stacks.h"

namespace warren::stacks {

// Those that have a LAN, static routes or disabled peers.
[[nodiscard]] std::vector<ipc::WebStack> web_stacks_of(const config::Generation& generation);

}  // namespace warren::stacks
