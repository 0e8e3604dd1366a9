// The roster and certificates on this node: what comes from the fleet, and what the authority gives.
#pragma once

#include <string>

#include "ctl/ask/cluster_client.h"
#include "ctl/command.h"
#include "ctl/files/fleet_base.h"
#include "ctl/files/roster.h"

namespace warren::ctl {

// Makes the fleet's authority, and this node the first that it knows.
int make_fleet_authority(const Invocation& invocation, Output& output);
// Takes a newer roster and newer certificates of this node, and shows the fleet those that it has. Where the
// authority's key is, it renews what ends within thirty days, of the nodes in the roster and of no other.
[[nodiscard]] Status exchange_papers(const Invocation& invocation, Output& output);
// The last of these by hand, with the key wherever it is.
int renew_certificates(const Invocation& invocation, Output& output);
// Takes a node out of the roster and of etcd's members, and seals the secrets without it.
int remove_fleet_node(const Invocation& invocation, const std::string& name, Output& output);
// Certificates that end soon. Says nothing where none does.
void show_fleet_certificates(const Invocation& invocation, Output& output);

// As it is here, with this node's `nodes` where there is no roster yet.
[[nodiscard]] Result<Roster> own_roster(const std::string& config_dir, const FleetNode& node);
// The next one: to etcd first, where nobody must have put another meanwhile, then to this node's file.
[[nodiscard]] Status publish_roster(const Invocation& invocation, const Roster& roster, const std::string& authority,
                                    Bytes authority_key);
// Both certificates as one text, under certificates/NODE.
[[nodiscard]] std::string certificates_text(const std::string& fleetd, const std::string& etcd);

}  // namespace warren::ctl
