// warren.toml as plain values: what the appliance is. Made by config/parse, checked by config/validate, never
// half-valid outside config/.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/ip.h"
#include "config/alerts.h"
#include "config/tunnel.h"

namespace warren::config {

struct Appliance {
    std::string name = "warren";
    std::optional<std::uint16_t> workers;        // data workers of vpnd, 1..kMaxWorkers; absent: one for each CPU
    std::vector<Listener> listeners;             // shared: for customers that have none of this kind
    std::optional<std::string> public_endpoint;  // "vpn.example.net:51820", for exported client profiles
    std::optional<Endpoint> status_listen;       // the status page
    bool status_changes = false;                 // its users may change what they see
    std::optional<Alerts> alerts;                // nothing: nobody is told of anything
    bool operator==(const Appliance&) const = default;
};

}  // namespace warren::config
