// What two customers, or a customer and the appliance, cannot both have.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "config/appliance.h"
#include "config/customer.h"

namespace warren::config {

struct Clash {
    static constexpr std::size_t kAppliance = SIZE_MAX;
    struct Side {
        std::size_t customer = kAppliance;  // index into the customers given
        std::string path;                   // where it stands in the file
        std::string what;                   // "peer \"branch-graz\" of customer acme"
    };
    Side first;          // may be the appliance
    Side second;         // always a customer; may be the same one
    std::string thing;   // "public_key gN65...: "
    std::string reason;  // why once is enough
};

// Peer keys that occur twice on one listener, identities and addresses of IPsec, UDP ports, devices. In an order that
// depends on the arguments only. `customers` must be sorted by id.
[[nodiscard]] std::vector<Clash> find_clashes(const Appliance& appliance, std::span<const Customer* const> customers);
// What both may have, but of no use: a reason to warn.
[[nodiscard]] std::vector<Clash> find_doubts(const Appliance& appliance, std::span<const Customer* const> customers);

}  // namespace warren::config
