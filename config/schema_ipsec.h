// The part of the schema that IPsec has: config/schema.cc joins it to the rest.
#pragma once

#include <span>

#include "config/schema.h"

namespace warren::config {

[[nodiscard]] std::span<const Key> ipsec_schema();

}  // namespace warren::config
