// Whether the certificates and keys that a configuration names can be used: what authd would only say in its log, and
// peers not at all.
#pragma once

#include <vector>

#include "base/time.h"
#include "config/appliance.h"
#include "config/customer.h"
#include "config/diagnostic.h"
#include "config/parse.h"
#include "config/secrets.h"

namespace warren::config {

// Errors: a file that cannot be read, a weak or foreign key, what is no CA, what has expired, more CAs or lists in all
// files than authd takes. Warnings: what ends within 30 days, lists that have expired, and what some clients do not
// take. A file that is not in `secrets` is skipped: that is reported elsewhere.
void check_certificates(const Parsed<Appliance>& appliance, const Secrets& secrets, WallTime now,
                        std::vector<Diagnostic>& out);
void check_certificates(const Parsed<Customer>& customer, const Secrets& secrets, WallTime now,
                        std::vector<Diagnostic>& out);

}  // namespace warren::config
