// What runs in a customer's stack beside its tunnels, and the configuration that it gets: functions of the customer's
// file. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "config/customer.h"

namespace warren::stacks {

enum class ServiceKind : std::uint8_t { kDns, kBgp };
// "dns", "bgp": as the table in the customer's file.
[[nodiscard]] std::string_view name_of(ServiceKind kind);
// "unbound", "bird".
[[nodiscard]] std::string_view program_of(ServiceKind kind);

struct WantedService {
    ServiceKind kind = ServiceKind::kDns;
    std::string text;  // of its configuration file
    // What the program takes up only when it starts; all else it takes up while it runs.
    std::string needs_restart;
    bool operator==(const WantedService&) const = default;
};
// None for a customer that is suspended, or that another node serves.
[[nodiscard]] std::vector<WantedService> services_of(const config::Customer& customer);

// For unbound.conf(5). The peers' names, and what is asked elsewhere.
[[nodiscard]] std::string unbound_text(const config::Customer& customer);
// For BIRD 2.
[[nodiscard]] std::string bird_text(const config::Customer& customer);

}  // namespace warren::stacks
