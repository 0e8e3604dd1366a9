// Services that a launcher starts: systemd, by a socket unit with Accept=yes, so that stackd needs no capability to
// become other users. What it starts is `stackd --accepted FD`, a keeper that confines the program and waits for it.
#pragma once

#include <functional>
#include <string>

#include "base/result.h"
#include "ipc/channel.h"
#include "stacks/children/vpnd_process.h"
#include "stacks/services/confine.h"
#include "stacks/services/service_table.h"

namespace warren::stacks {

// For stackd: has the launcher that listens at `socket` start it. The process is the keeper: signals reach the program,
// and with its end the program ends. `note`: before it gets the order. Waits some seconds at the most, or until
// `must_stop`.
[[nodiscard]] Result<StartedService> start_launched(const std::string& socket, const Confinement& confinement,
                                                    const NoteProcess& note, const std::function<bool()>& must_stop);

// The keeper: takes the order from `channel`, which only root may open, starts the program, passes SIGTERM and SIGHUP
// on, kills it 2 s after a SIGTERM, and returns an exit status when it has ended.
[[nodiscard]] int keep_launched(ipc::Channel channel);

}  // namespace warren::stacks
