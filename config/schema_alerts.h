// The keys of [alerts], as config/schema.h has them.
#pragma once

#include <span>

#include "config/schema.h"

namespace warren::config {

[[nodiscard]] std::span<const Key> alerts_schema();

}  // namespace warren::config
