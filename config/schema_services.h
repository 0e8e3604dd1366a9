// The keys of [dns] and [bgp], as config/schema.h has them.
#pragma once

#include <span>

#include "config/schema.h"

namespace warren::config {

[[nodiscard]] std::span<const Key> services_schema();

}  // namespace warren::config
