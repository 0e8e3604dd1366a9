#include "stacks/plan/services.h"

#include "config/resellers.h"

namespace warren::stacks {

std::string_view name_of(ServiceKind kind) {
    return kind == ServiceKind::kDns ? "dns" : "bgp";
}

std::string_view program_of(ServiceKind kind) {
    return kind == ServiceKind::kDns ? "unbound" : "bird";
}

std::vector<WantedService> services_of(const config::Customer& customer) {
    std::vector<WantedService> out;
    if (customer.state != config::CustomerState::kActive || config::is_suspended(customer)) return out;
    if (customer.dns) {
        std::string addresses;
        for (const IpAddress& each : customer.dns->listen) addresses += to_string(each) + " ";
        out.push_back({ServiceKind::kDns, unbound_text(customer), addresses});
    }
    if (customer.bgp) out.push_back({ServiceKind::kBgp, bird_text(customer), ""});
    return out;
}

}  // namespace warren::stacks
