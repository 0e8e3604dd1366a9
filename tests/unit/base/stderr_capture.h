// What code under test writes to descriptor 2.
#pragma once

#include <string>

#include "base/fd.h"

namespace warren::test {

// Takes standard error from construction to text(); then restores it. At most a pipe's worth (64 KiB).
class StderrCapture {
  public:
    StderrCapture();
    ~StderrCapture();
    // What was written. Ends the capture.
    [[nodiscard]] std::string text();

  private:
    void restore();
    UniqueFd saved_;
    UniqueFd read_end_;
};

}  // namespace warren::test
