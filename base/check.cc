#include "base/check.h"

#include <unistd.h>
#include <cstdlib>

#include <fmt/format.h>

namespace warren {

void check_failed(const char* claim, const char* file, int line) {
    const std::string text = fmt::format("warren: check failed: {} ({}:{})\n", claim, file, line);
    [[maybe_unused]] const auto written = ::write(STDERR_FILENO, text.data(), text.size());
    std::abort();
}

}  // namespace warren
