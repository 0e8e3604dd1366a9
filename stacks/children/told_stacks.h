// Tells statusd of the customers' stacks, in a file: there may be more of them than a message carries; and of renames.
#pragma once

#include <cstdint>
#include <vector>

#include "base/renames.h"
#include "base/result.h"
#include "ipc/channel.h"
#include "ipc/web_stacks.h"

namespace warren::stacks {

// Gives our end of the channel room for the renames of all customers, so that a statusd that is busy for a while gets
// them later. Needs CAP_NET_ADMIN.
[[nodiscard]] Status make_room(ipc::Channel& channel);
// Sends ipc::WebStacks. An error: nothing was sent; EAGAIN when statusd does not read.
[[nodiscard]] Status send_stacks(ipc::Channel& channel, const std::vector<ipc::WebStack>& stacks);
// Sends ipc::WebRenames, as many as it takes. An error: some were not sent; EAGAIN when statusd does not read.
[[nodiscard]] Status send_renames(ipc::Channel& channel, std::uint64_t generation, const std::vector<Rename>& renames);
// Whether the other side has not read all that was sent to it.
[[nodiscard]] bool has_unread(const ipc::Channel& channel);

}  // namespace warren::stacks
