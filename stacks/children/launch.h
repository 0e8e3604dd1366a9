// Starts vpnd, authd and statusd: as our children, or by systemd, each in a sandbox of its own.
#pragma once

#include <functional>
#include <string>

#include "base/result.h"
#include "base/time.h"
#include "ipc/channel.h"
#include "stacks/children/vpnd_process.h"

namespace warren::stacks {

struct Program {
    std::string executable;
    ServiceUser user;
    // Not empty: the launcher that listens there starts the program for each connection, as `user`; it chooses the
    // executable.
    std::string launcher;
};

struct Launched {
    VpndProcess process;
    ipc::Channel channel;
};
// Waits for a launcher, at most `patience`, or until `must_stop`. A process that runs as another user than `user` is
// stopped and refused.
[[nodiscard]] Result<Launched> launch(const Program& program, Duration patience,
                                      const std::function<bool()>& must_stop);

}  // namespace warren::stacks
