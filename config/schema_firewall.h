// The keys of [firewall] and [nat], as config/schema.h has them.
#pragma once

#include <span>

#include "config/schema.h"

namespace warren::config {

[[nodiscard]] std::span<const Key> firewall_schema();

}  // namespace warren::config
