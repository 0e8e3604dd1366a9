// What the configurations of a customer's devices contain ([clients]); clients/profile.h makes them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/ip.h"

namespace warren::config {

struct Clients {
    std::vector<Prefix> pool;                   // no host bits; empty: the networks of stack.addresses
    std::optional<std::vector<Prefix>> routes;  // absent: everything behind the stack
    std::vector<IpAddress> dns;
    std::vector<std::string> search;                  // domains
    std::optional<std::uint16_t> mtu;                 // of the device's tunnel
    std::uint16_t persistent_keepalive_seconds = 25;  // 0 = off
    std::string endpoint;                             // "host:port"; "": of the listener
    bool operator==(const Clients&) const = default;
};

}  // namespace warren::config
