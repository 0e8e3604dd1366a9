// warren.toml as plain values: what the appliance is. Made by config/parse, checked by config/validate, never
// half-valid outside config/.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/ip.h"

namespace warren::config {

// The name of a file below secrets/. The key itself is read by config/load and kept apart (config/load.h).
struct SecretRef {
    std::string name;  // relative, no "..", e.g. "acme/branch-graz.psk"
    bool operator==(const SecretRef&) const = default;
};

// A UDP port with a static key of ours.
struct Listener {
    std::uint16_t port = 51820;
    SecretRef private_key;
    bool operator==(const Listener&) const = default;
};

struct Appliance {
    std::string name = "warren";
    std::optional<std::uint16_t> workers;        // data workers of vpnd, 1..kMaxWorkers; absent: one for each CPU
    std::optional<Listener> wireguard;           // the shared listener; without it every customer needs its own
    std::optional<std::string> public_endpoint;  // "vpn.example.net:51820", for exported client profiles
    std::optional<Endpoint> status_listen;       // the status page
    bool operator==(const Appliance&) const = default;
};

}  // namespace warren::config
