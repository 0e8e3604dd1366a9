// Asks alertd.
#pragma once

#include <string>

#include "base/result.h"
#include "ipc/alert_questions.h"

namespace warren::ctl {

// kUnavailable: alertd cannot be reached, or does not answer; the error says why.
[[nodiscard]] Result<ipc::AlertAnswer> ask_alertd(const std::string& run_dir, bool test);

}  // namespace warren::ctl
