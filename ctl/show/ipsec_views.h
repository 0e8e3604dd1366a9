// Connections of IPsec with their SAs, and the attempts to bring them up: for people, and as JSON. Pure.
#pragma once

#include <string>

#include "ctl/ask/snapshot_client.h"

namespace warren::ctl {

// One line for each IKE_SA, or for a connection without one; then why connections are down.
[[nodiscard]] std::string ipsec_text(const Snapshot& snapshot);
// The connections of one customer, one after the other, with everything that is known.
[[nodiscard]] std::string connections_text(const CustomerStatus& status);
[[nodiscard]] std::string ipsec_json(const Snapshot& snapshot);

// Two lines or more for each, the latest last.
[[nodiscard]] std::string attempts_text(const Attempts& attempts);
[[nodiscard]] std::string attempts_json(const Attempts& attempts);

}  // namespace warren::ctl
