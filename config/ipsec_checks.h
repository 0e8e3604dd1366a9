// What can be wrong with the [ipsec] of one customer, which the schema cannot say.
#pragma once

#include <vector>

#include "config/appliance.h"
#include "config/parse.h"

namespace warren::config {

// That there is a listener, and that each connection is whole, can be told from all others, and fits its customer's
// networks. Appends errors and warnings; none for a customer without [ipsec].
void check_ipsec(const Parsed<Appliance>& appliance, const Parsed<Customer>& customer, std::vector<Diagnostic>& out);

// What of warren.toml cannot be beside its [ipsec].
void check_ipsec(const Parsed<Appliance>& appliance, std::vector<Diagnostic>& out);

}  // namespace warren::config
