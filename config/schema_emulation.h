// The keys of [traffic.emulate] of a customer's file.
#pragma once

#include <span>

#include "config/schema.h"

namespace warren::config {

[[nodiscard]] std::span<const Key> emulation_schema();

}  // namespace warren::config
