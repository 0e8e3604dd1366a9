// The result of an operator's request.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ipc/control_messages.h"

namespace warren::stacks {

struct Report {
    std::vector<ipc::ControlText> texts;
    bool accepted = false;         // a configuration came into force
    std::uint8_t exit_status = 0;  // as ipc::ControlDone has it
    std::string summary;
    bool is_owed = false;  // vpnd does not have it: its tunnels follow later
};

}  // namespace warren::stacks
