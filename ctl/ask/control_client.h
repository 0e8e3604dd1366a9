// Asks stackd to do something.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "ipc/control_messages.h"

namespace warren::ctl {

// Over RUN_DIR/control.sock. `on_text` gets each piece of the answer as it arrives; a change of many customers takes
// its time, so there is no limit on it. kUnavailable: stackd cannot be reached or went away.
[[nodiscard]] Result<ipc::ControlDone> send_request(const std::string& run_dir, ipc::ControlVerb verb,
                                                    const std::function<void(const ipc::ControlText&)>& on_text);

// How stackd is, and what it could not do.
struct StackdStatus {
    std::string silence;  // why it does not answer; "" when it does
    std::vector<std::string> facts;
    std::vector<ipc::ControlText> problems;
};
// Waits for a few seconds at the most: stackd may be in the middle of an apply.
[[nodiscard]] StackdStatus request_status(const std::string& run_dir);

}  // namespace warren::ctl
