#include "config/customer.h"

namespace warren::config {

bool is_parkable(const Customer& customer) {
    return customer.stack.park == Park::kIdle && !customer.handoff && !customer.dns && !customer.bgp &&
           customer.stack.devices.empty() && customer.stack.queues == 1;
}

}  // namespace warren::config
