// The lock of a directory whose files several programs change.
#pragma once

#include <string>

#include "base/fd.h"
#include "base/result.h"

namespace warren {

// Held while the result lives; waits for who has it. It is that of the directory which has this name now, also where
// another one took its place while this waited. Any thread.
[[nodiscard]] Result<UniqueFd> lock_directory(const std::string& directory);
// The same, without waiting. kUnavailable: somebody has it.
[[nodiscard]] Result<UniqueFd> try_lock_directory(const std::string& directory);

}  // namespace warren
