// Which address which group of the fleet has, as root's fleet.toml says (docs/fleet.md).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/ip.h"
#include "base/result.h"

namespace warren::stacks {

// Of `text`, the contents of fleet.toml: address N of each of its prefixes, for group N. kInvalid: it has no such
// group, or is not as fleetd(8) accepts it.
[[nodiscard]] Result<std::vector<IpAddress>> group_addresses(const std::string& text, std::uint16_t group);

}  // namespace warren::stacks
