// How a daemon gets its channel to stackd: from stackd itself, or from systemd, which accepted stackd's connection.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/log_level.h"
#include "base/result.h"
#include "base/time.h"
#include "ipc/channel.h"

namespace warren::ipc {

// For the daemon. `arguments` without the program's name: "--channel FD", or "--accepted FD", where it sends its
// credentials to the other side first. kInvalid when they are neither, or FD is no connected SEQPACKET Unix socket.
[[nodiscard]] Result<Channel> channel_of(const std::vector<std::string_view>& arguments);

// For the daemon: removes "--log-level LEVEL" from `arguments` and returns LEVEL, kInfo without it.
// kInvalid when LEVEL is not a level; the text names those that are.
[[nodiscard]] Result<LogLevel> take_log_level(std::vector<std::string_view>& arguments);

// For stackd: connects to `path`, whose listener starts a program for each connection as "PROGRAM --accepted FD"
// (systemd.socket(5), Accept=yes), and waits for that program up to `patience`, or until `must_stop`, which is called
// ten times a second. The credentials come from the kernel (unix(7), SCM_CREDENTIALS); the pid is that of a process
// which holds the other end. kUnavailable when nothing listens, the program ended, or nothing arrived in time.
struct Started {
    Channel channel;
    Channel::Credentials who;
};
[[nodiscard]] Result<Started> start_by_connecting(const std::string& path, Duration patience,
                                                  const std::function<bool()>& must_stop);

}  // namespace warren::ipc
