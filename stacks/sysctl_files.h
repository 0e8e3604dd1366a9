// Reads and writes kernel parameters of the network namespace that the calling thread is in.
#pragma once

#include <map>
#include <span>
#include <string>

#include "base/result.h"
#include "stacks/sysctls.h"

namespace warren::stacks {

[[nodiscard]] Status write_sysctl(const Sysctl& sysctl);
// Without its newline; kNotFound when this kernel, or this namespace, has no such parameter.
[[nodiscard]] Result<std::string> read_sysctl(const std::string& path);

}  // namespace warren::stacks
