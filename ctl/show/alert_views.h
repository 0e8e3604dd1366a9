// What alertd says, as text and JSON.
#pragma once

#include <string>

#include "base/time.h"
#include "ctl/show/json.h"
#include "ipc/alert_questions.h"

namespace warren::ctl {

// What is open, then the receivers.
[[nodiscard]] std::string alerts_text(const ipc::AlertAnswer& answer, WallTime now);
// A line for each receiver: what it answered.
[[nodiscard]] std::string alert_test_text(const ipc::AlertAnswer& answer);
[[nodiscard]] Json alerts_json(const ipc::AlertAnswer& answer);

}  // namespace warren::ctl
