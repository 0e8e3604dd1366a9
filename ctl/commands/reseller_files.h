// What the files of a configuration say of resellers, for whoever looks at a customer of one. Files that cannot be read
// say nothing.
#pragma once

#include <optional>
#include <string>

#include "ctl/show/reseller_use.h"

namespace warren::ctl {

// The outermost reseller above the customer that its own file suspends; "": there is none.
[[nodiscard]] std::string suspended_reseller(const std::string& directory, const std::string& customer);

// Nothing: it is no reseller.
[[nodiscard]] std::optional<ResellerUse> reseller_use(const std::string& directory, const std::string& id);

}  // namespace warren::ctl
