// Completion scripts for shells, made from the command table and the configuration's schema.
#pragma once

#include <string>
#include <string_view>

namespace warren::ctl {

// "" for a shell that is not known. Customers are completed from the stacks in /run/netns, which needs neither root nor
// a daemon.
[[nodiscard]] std::string completion_for(std::string_view shell);

}  // namespace warren::ctl
