// Reports stackd's state to the service manager. Source: sd_notify(3).
#pragma once

#include <string>

namespace warren::stacks {

// Sends lines like "READY=1" to $NOTIFY_SOCKET (a path, or abstract with a leading "@"). Does nothing when there is
// none; errors do not matter.
void notify(const std::string& lines);
// "RELOADING=1" with the time that systemd wants beside it.
void notify_reloading();

}  // namespace warren::stacks
