// One customer in the format of `wg show`, for people and scripts that know it.
#pragma once

#include <string>

#include "ctl/ask/snapshot_client.h"

namespace warren::ctl {

// Peers with the most recent handshake first, those without one last, as wg sorts them.
[[nodiscard]] std::string wg_show_text(const CustomerStatus& customer);

}  // namespace warren::ctl
