// What outlives alertd, in a file that it gets open: two places, of which the one that was written whole last counts.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/result.h"

namespace warren::alerts {

// One thread. Waits for the disk.
class StateFile {
  public:
    // The text that was saved last; "": none was. An error: another alertd has the file, or it cannot be read.
    [[nodiscard]] Result<std::string> open(UniqueFd file);
    // On the disk when this returns.
    [[nodiscard]] Status save(std::string_view text);
    [[nodiscard]] bool is_open() const { return file_.valid(); }

  private:
    UniqueFd file_;
    std::uint64_t number_ = 0;  // of the place that was written last
};

}  // namespace warren::alerts
