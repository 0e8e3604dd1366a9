// The configuration in force with another file of one customer: what changes for that customer, and nothing of others.
#pragma once

#include <optional>
#include <string>

#include "config/generation.h"
#include "config/load.h"

namespace warren::stacks {

// `text`: of the customer's file; nothing: as if there were none. All else is as in force, also where the directory has
// other files and secrets by now; the customer's own secrets are read from it. `current` must outlive the call.
[[nodiscard]] config::Loaded load_one(const std::string& directory, const config::Generation& current,
                                      const std::string& customer, const std::optional<std::string>& text);
// What is in force, as far as it concerns this customer, with its secrets and those of the appliance; nothing is read.
[[nodiscard]] config::Loaded in_force_of(const config::Generation& current, const std::string& customer);
// Copies the secrets of the appliance that are in force.
void keep_secrets(const config::Generation& current, config::Secrets& secrets);
// Whether the customer would keep all secrets that it has in force.
[[nodiscard]] bool keeps_its_secrets(const config::Loaded& next, const config::AcceptedCustomer& accepted);

}  // namespace warren::stacks
