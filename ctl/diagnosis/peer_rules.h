// What may be wrong with one peer of WireGuard.
#pragma once

#include <vector>

#include "ctl/diagnosis/finding.h"

namespace warren::diagnosis {

// Appends; a healthy peer has none.
void add_peer_findings(const Facts& facts, const ipc::PeerSnapshot& peer, std::vector<Finding>& out);

}  // namespace warren::diagnosis
