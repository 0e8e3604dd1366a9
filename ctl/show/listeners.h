// The ports that the appliance listens at, from its configuration. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "config/load.h"

namespace warren::ctl {

struct Listening {
    std::string protocol;  // "udp", "tcp"
    std::uint16_t port = 0;
    std::string address;        // "" = all
    std::string purpose;        // "wireguard", "ike", "status", or the id of the customer whose own listener it is
    std::string endpoint = {};  // where clients reach it (wireguard.endpoint), "" = not configured
    bool operator==(const Listening&) const = default;
};

// The shared listener, IKE's ports, the status page, the customers' own by id; of valid files, suspended customers too.
// Without loopback addresses.
[[nodiscard]] std::vector<Listening> listeners_of(const config::Loaded& loaded);

}  // namespace warren::ctl
