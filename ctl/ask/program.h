// Runs other programs and collects their output.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace warren::ctl {

struct ProgramLimits {
    std::chrono::seconds time{10};
    std::size_t output = 1024 * 1024;  // output beyond this is dropped
};

struct Ran {
    std::string output;  // standard output and standard error, interleaved
    int exit_status = 0;
    bool was_cut = false;
};

// Runs `command` (found by PATH) with `input` and without an environment but PATH and LC_ALL=C. Killed on timeout.
// kNotFound: there is no such program; kUnavailable: timeout.
[[nodiscard]] Result<Ran> run_program(const std::vector<std::string>& command, std::string_view input = {},
                                      const ProgramLimits& limits = {});

}  // namespace warren::ctl
