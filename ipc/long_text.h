// A text of any length over a channel, in pieces: for requests and answers that are larger than a message.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"
#include "ipc/channel.h"

namespace warren::ipc {

// Blocks, within the socket's timeouts.
[[nodiscard]] Status send_text(Channel& channel, std::string_view text);
// kInvalid: longer than `limit` bytes, or no such text; kUnavailable: the other side hung up.
[[nodiscard]] Result<std::string> receive_text(Channel& channel, std::size_t limit);

}  // namespace warren::ipc
