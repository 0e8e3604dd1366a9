// What every command does that changes a customer's file: change it (amend/change.h), say what comes of it, apply.
#pragma once

#include <string>
#include <vector>

#include "amend/change.h"
#include "ctl/command.h"

namespace warren::ctl {

using amend::CustomerChange;

// Nothing is written when an edit fails, when the customer or the appliance has errors then, or when its file changes
// again and again meanwhile: that is said, and returns the exit status. Takes the lock of the configuration.
[[nodiscard]] int write_customer(const CustomerChange& change, const Invocation& invocation, Output& output);
// Deletes the file, under the same lock, and those of the customers below it, if they are the ones that are given.
[[nodiscard]] int remove_customer(const std::string& id, const std::vector<std::string>& below,
                                  const Invocation& invocation, Output& output);

// Gives the file another name, under the same lock, if the customer has no error then: its stack and its tunnels stay.
[[nodiscard]] int rename_customer(const std::string& id, const std::string& to, const Invocation& invocation,
                                  Output& output);

// Loads and applies as `apply` does, unless --no-apply: what comes of it goes to `output`. `removed`: the customer
// whose file this command deleted, and no other, may go; "": none.
int apply_change(const Invocation& invocation, const std::string& removed, Output& output);

// The first of many.
void print_diagnostics(const std::vector<std::string>& diagnostics, Output& output);
// Those below a reseller, at every level, by id; none: it is no reseller.
[[nodiscard]] Result<std::vector<std::string>> customers_of_reseller(const std::string& directory,
                                                                     const std::string& id);
// "" when it can be one; else what to say.
[[nodiscard]] std::string customer_problem(const std::string& id);
// On a terminal the answer to a question, elsewhere no.
[[nodiscard]] bool agrees(const std::string& question, Output& output);

}  // namespace warren::ctl
