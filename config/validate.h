// Cross-checks between files. Pure; Overlap between customers is legal and is the point.
#pragma once

#include <vector>

#include "config/parse.h"
#include "config/secrets.h"

namespace warren::config {

// Checks each valid customer by itself (its addresses, prefixes, routes, secrets) and all of them together (peer keys
// on one listener, ports, devices). Appends to `out` and clears `valid` of every file that has an error.
//
// When two customers clash, both get an error that names the other place, and both become invalid. The one that ran
// before keeps running (config/generation.h), so a mistake in a new file never takes an old customer down. A clash with
// the appliance (its port, its key) is the customer's error. Peers with enabled = false never clash, so a key or a
// prefix can be moved.
void validate(Parsed<Appliance>& appliance, std::vector<Parsed<Customer>>& customers, const Secrets& secrets,
              std::vector<Diagnostic>& out);

}  // namespace warren::config
