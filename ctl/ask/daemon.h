// Connects to Warren's daemons; errors say what to do.
#pragma once

#include <cerrno>
#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "ipc/channel.h"

namespace warren::ctl {

// Connects to RUN_DIR/SOCKET. The error is one line: which daemon, where, why, and what to do.
[[nodiscard]] Result<ipc::Channel> connect_daemon(const std::string& daemon, const std::string& path);

// The system_error of what receive_from() says when the daemon has closed the connection.
inline constexpr int kHangUp = ECONNRESET;

// Receives the next message into `space`, which is made large enough for every message. `daemon` names it in errors.
[[nodiscard]] Result<Bytes> receive_from(ipc::Channel& channel, const std::string& daemon,
                                         std::vector<std::uint8_t>& space);

// Makes receive_from fail when nothing arrives for this long.
[[nodiscard]] Status limit_waiting(ipc::Channel& channel, int seconds);

}  // namespace warren::ctl
