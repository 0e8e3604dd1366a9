// Customers whose file got another name: recognised by their tunnels, and how the names of their namespaces follow.
// PURE.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/renames.h"
#include "config/generation.h"
#include "stacks/plan/step.h"

namespace warren::stacks {

// A customer of `next` is one of `before` under another id when both have the same peers (public keys; at least one, or
// a connection of IPsec, which has our identity for the customer) and the same listener (port and key of their own, or
// the appliance's), and nobody else has. Names may change places. All others are removed and added: a peer that moves
// takes nothing of its former customer along. Sorted by `from`.
[[nodiscard]] std::vector<Rename> find_renames(const config::Generation& before, const config::Generation& next);

// The name that a namespace has while it gets the one of this customer; no customer can be called so. It is what a
// stackd that is started after a crash knows the rename by.
[[nodiscard]] std::string passing_name(const std::string& customer);
[[nodiscard]] bool is_passing_name(const std::string& name);

// Steps in the namespace of one name.
struct NamedSteps {
    std::string name;
    std::vector<Step> steps;
};
struct NamePlan {
    std::vector<NamedSteps> steps;
    std::string conflict;  // why a name has to wait, which is in no step; "": none has to
};
// Finishes renames of namespaces of `run_dir` that have their passing names. `spaces`: all names of stacks, and which
// namespace each is of. A rename whose name is still another namespace's, which does not get another one, is taken
// back; where there is no name to go back to, it has to wait.
[[nodiscard]] NamePlan plan_names(const std::map<std::string, std::uint64_t>& spaces,
                                  const std::vector<std::string>& passing, const std::string& run_dir);

}  // namespace warren::stacks
