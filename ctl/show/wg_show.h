// One customer in the words of `wg show`, so that people and scripts that know those read them here too.
#pragma once

#include <string>

#include "ctl/ask/snapshot_client.h"

namespace warren::ctl {

// Peers with the most recent handshake first, those without one last, as wg sorts them.
[[nodiscard]] std::string wg_show_text(const CustomerStatus& customer);

}  // namespace warren::ctl
