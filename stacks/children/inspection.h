// Checks what the vpnd of an earlier stackd returns before it is used: that vpnd may be compromised, and whatever is
// adopted is passed on to every later vpnd.
#pragma once

#include <string>
#include <vector>

#include "base/renames.h"
#include "base/result.h"
#include "stacks/children/vpnd_link.h"

namespace warren::stacks {

// Customers whose stack has another name than vpnd has for them, from its ids to ours: the earlier stackd was killed in
// the middle of a rename. The namespace that a tunnel is in says whose it is, whatever vpnd says. Call it in the
// namespace of the uplink.
[[nodiscard]] std::vector<Rename> renamed_since(const Holdings& holdings);

// Those of `renames` that vpnd can be told: it refuses the id of a customer that it has, be it a listener alone, and
// that is not renamed itself.
[[nodiscard]] std::vector<Rename> possible_renames(const Holdings& holdings, std::vector<Rename> renames);

// Returns kInvalid with the reason unless every listener has the sockets of one that we bound (UDP of this namespace,
// on the port it names, in each role once, and a UAPI socket in one of our directories), and every tunnel that
// still has a device belongs to that customer's own stack, under its new name if it is one of `renames`. Call it in the
// namespace of the uplink.
[[nodiscard]] Status inspect(const Holdings& holdings, const std::string& run_dir,
                             const std::vector<Rename>& renames = {});

}  // namespace warren::stacks
