// Tells statusd of the customers' stacks, in a file: there may be more of them than a message carries.
#pragma once

#include <vector>

#include "base/result.h"
#include "ipc/channel.h"
#include "ipc/web_stacks.h"

namespace warren::stacks {

// Sends ipc::WebStacks. An error: nothing was sent; EAGAIN when statusd does not read.
[[nodiscard]] Status send_stacks(ipc::Channel& channel, const std::vector<ipc::WebStack>& stacks);
// Whether the other side has not read all that was sent to it.
[[nodiscard]] bool has_unread(const ipc::Channel& channel);

}  // namespace warren::stacks
