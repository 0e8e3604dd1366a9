// Whether a device of the uplink may go into a customer's stack. Pure.
#pragma once

#include <string>
#include <vector>

#include "ctl/ask/stack_devices.h"
#include "ctl/show/routes.h"

namespace warren::ctl {

// A customer whose file has a device of the uplink for its handoff.
struct HandoffParent {
    std::string customer;
    std::string device;
};

struct UplinkUse {
    std::vector<StackDevice> devices;
    std::vector<StackRoute> routes;  // of the main table
    std::vector<HandoffParent> parents;
};

// Why `device` must not go, with any option: it belongs to Warren, or to a handoff of a customer. "": nothing is
// against it.
[[nodiscard]] std::string why_kept(const StackDevice& device, const UplinkUse& uplink);
// By what this machine may be reached, or others by it, that would be lost. "": nothing is known.
[[nodiscard]] std::string what_is_lost(const StackDevice& device, const UplinkUse& uplink);

}  // namespace warren::ctl
