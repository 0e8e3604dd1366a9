// The main() of a daemon that stackd starts: its arguments, its log, its signals.
#pragma once

#include <string_view>

#include "base/fd.h"
#include "base/result.h"
#include "ipc/channel.h"

namespace warren::ipc {

// What the daemon does with its channel to stackd, and with a signalfd(2) that is readable at SIGTERM and SIGINT. Until
// its end; SIGHUP and SIGPIPE are ignored.
using Serve = Status (*)(Channel channel, UniqueFd signals);

// The exit status: 0, 2 for arguments that are none, 4 when `serve` failed. Before there is any other thread, so that
// none takes a signal.
[[nodiscard]] int child_main(std::string_view name, int argc, char** argv, Serve serve);

}  // namespace warren::ipc
