// What there is in a stack now, for the status page: read from the kernel when somebody looks. PURE.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "config/customer.h"
#include "ipc/control_messages.h"
#include "ipc/web_look.h"
#include "stacks/plan/policy.h"

namespace warren::stacks {

// As the kernel has it.
struct StackLook {
    std::string owner;                         // the mark on lo; "": none
    bool has_table = false;                    // Warren's table of rules is there
    std::map<std::string, RuleCount> counts;   // by counter_name()
    std::optional<std::uint64_t> connections;  // tracked now
    ipc::WebLan lan;                           // of kHandoffDevice
    bool operator==(const StackLook&) const = default;
};

// `policy`: what should be in the stack. `services`, `problems`: of ServiceTable, also of other customers.
[[nodiscard]] ipc::WebLooked looked_of(const config::Customer& customer, const Policy& policy, const StackLook& look,
                                       const std::vector<ipc::ControlText>& services,
                                       const std::vector<ipc::ControlText>& problems);

}  // namespace warren::stacks
