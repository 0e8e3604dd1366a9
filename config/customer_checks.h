// The cross-checks inside one customer's file.
#pragma once

#include <vector>

#include "config/parse.h"
#include "config/secrets.h"

namespace warren::config {

// Checks what concerns this customer only, whatever the kind of its tunnels: addresses, MTU, prefixes, routes, handoff,
// peers, secrets. Appends errors and warnings.
void check_customer(const Parsed<Customer>& customer, const Secrets& secrets, std::vector<Diagnostic>& out);

}  // namespace warren::config
