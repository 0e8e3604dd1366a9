// [[nat.map]] of a customer's file: which peer each is of, and which networks the stack sees instead of the real ones.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "config/customer.h"
#include "config/diagnostic.h"
#include "config/parse.h"

namespace warren::config {

// The peers that a map may be of: the one it names, or those that have networks within its real one. One in a customer
// without errors.
[[nodiscard]] std::vector<const Peer*> peers_of(const Customer& customer, const NatMap& map);
// The maps of a peer, which is one of the customer's.
[[nodiscard]] std::vector<NatMap> maps_of(const Customer& customer, const Peer& peer);
// Element i is what the stack sees instead of element i of allowed_ips: the same without a map.
[[nodiscard]] std::vector<Prefix> stack_networks(const Customer& customer, const Peer& peer);

void read(const Node* node, NatMap& to);
// As lines "nat.map graz 10.0.1.0/24" -> "10.101.1.0/24" (config/diff.cc).
void flatten_maps(const Customer& customer, std::map<std::string, std::string>& out);
// That each is one of a peer, and that nothing is seen twice in the stack.
void check_maps(const Parsed<Customer>& customer, std::vector<Diagnostic>& out);

}  // namespace warren::config
