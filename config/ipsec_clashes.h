// What [ipsec] of two customers, or of a customer and the appliance, cannot both have.
#pragma once

#include <span>
#include <vector>

#include "config/appliance.h"
#include "config/clash.h"
#include "config/customer.h"

namespace warren::config {

// Our identities and addresses, which name the customer; and with [ipsec.gateway] the CAs and realms of customers, by
// which those are found who do not say whom they want. What is disabled clashes with nothing.
void clash_over_identities(const Appliance& appliance, std::span<const Customer* const> customers,
                           std::vector<Clash>& out);

// With [ipsec.gateway], remote identities of preshared keys of two customers: a peer that says no more is refused.
void doubt_psk_identities(const Appliance& appliance, std::span<const Customer* const> customers,
                          std::vector<Clash>& out);

}  // namespace warren::config
