// Writing to a file that takes as much as it likes at a time.
#pragma once

#include <string_view>

#include "base/result.h"

namespace warren {

// The whole text. A disk that takes nothing more is ENOSPC.
[[nodiscard]] Status write_all(int file, std::string_view text);

}  // namespace warren
