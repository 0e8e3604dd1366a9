// What programs in a customer's stack find as /etc/resolv.conf and /etc/hosts.
#pragma once

#include <string>

#include "config/customer.h"

namespace warren::ctl {

// The customer's own resolver ([dns]), else the one that its devices get ([clients] dns), else none: a question to the
// host's would go to whatever has that address in the customer's network.
[[nodiscard]] std::string resolv_conf_of(const config::Customer& customer);
// The stack itself under the customer's id, the hosts of [dns], and each peer that is one address under its name.
[[nodiscard]] std::string hosts_of(const config::Customer& customer);

}  // namespace warren::ctl
