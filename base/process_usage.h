// The CPU time and memory that this process and its threads use. Called by the rim only.
#pragma once

#include <cstdint>

#include "base/fd.h"
#include "base/time.h"

namespace warren {

// CPU time of the calling thread since it began, user and system. Source: clock_gettime(2), CLOCK_THREAD_CPUTIME_ID.
[[nodiscard]] Duration thread_processor_time();

// Any thread.
class ProcessUsage {
  public:
    // Opens /proc/self/statm, so call it before a sandbox forbids that. If it fails, the memory is unknown.
    [[nodiscard]] static ProcessUsage open();

    // CPU time of all threads, gone ones too, user and system. Source: clock_gettime(2), CLOCK_PROCESS_CPUTIME_ID.
    [[nodiscard]] Duration processor_time() const;
    // Memory that is in RAM now; 0 = not known. Source: proc_pid_statm(5).
    [[nodiscard]] std::uint64_t resident_bytes() const;

  private:
    UniqueFd statm_;
    std::uint64_t page_size_ = 0;
};

}  // namespace warren
