// Connections of IPsec with their SAs, and the attempts to bring them up: for people, and as JSON. Pure.
#pragma once

#include <string>

#include <vector>

#include "ctl/ask/snapshot_client.h"
#include "ipc/certificate_facts.h"

namespace warren::ctl {

// One line for each IKE_SA, or for a connection without one; then why connections are down.
[[nodiscard]] std::string ipsec_text(const Snapshot& snapshot);
// The connections of one customer, one after the other, with everything that is known.
[[nodiscard]] std::string connections_text(const CustomerStatus& status);
// Until when the customer's certificates are valid, a line for each; "": it has none.
[[nodiscard]] std::string certificates_text(const std::vector<ipc::CertificateFact>& certificates, WallTime now);
// `certificates`: of the customer that was asked for; empty when nobody was.
[[nodiscard]] std::string ipsec_json(const Snapshot& snapshot,
                                     const std::vector<ipc::CertificateFact>& certificates = {});

// Two lines or more for each, the latest last.
[[nodiscard]] std::string attempts_text(const Attempts& attempts);
[[nodiscard]] std::string attempts_json(const Attempts& attempts);

}  // namespace warren::ctl
