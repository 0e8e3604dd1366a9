// The cross-checks inside one customer's file.
#pragma once

#include <optional>
#include <vector>

#include "config/parse.h"
#include "config/secrets.h"

namespace warren::config {

// Checks what concerns this customer and the appliance only: addresses, MTU, prefixes, routes, handoff, peers,
// listener, secrets. `shared_key` is the public key of the shared listener, when it is known. Appends errors and
// warnings.
void check_customer(const Parsed<Customer>& customer, const Parsed<Appliance>& appliance,
                    const std::optional<crypto::PublicKey>& shared_key, const Secrets& secrets,
                    std::vector<Diagnostic>& out);

}  // namespace warren::config
