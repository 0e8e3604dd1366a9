// The ports that the appliance listens at, from its configuration. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "config/load.h"
#include "ctl/ask/snapshot_client.h"

namespace warren::ctl {

struct Listening {
    std::string protocol;  // "udp", "tcp"
    std::uint16_t port = 0;
    std::string address;        // "" = all
    std::string purpose;        // "wireguard", "ike", "status", or the id of the customer whose own listener it is
    std::string endpoint = {};  // where clients reach it (wireguard.endpoint), "" = not configured
    std::string owner = {};     // of a listener of WireGuard: whose it is, "" = the appliance's
    bool has_previous_key = false;
    bool operator==(const Listening&) const = default;
};

// A peer that made its latest handshake with the previous key of its listener.
struct OnPreviousKey {
    std::string customer;
    std::string peer;
};
// By the listener's owner, "" = the appliance; nothing: vpnd does not answer.
using PreviousKeyUsers = std::optional<std::map<std::string, std::vector<OnPreviousKey>>>;
[[nodiscard]] std::map<std::string, std::vector<OnPreviousKey>> previous_key_users(const Snapshot& snapshot);

// The shared listener, IKE's ports, the status page, the customers' own by id; of valid files, suspended customers too.
// Without loopback addresses.
[[nodiscard]] std::vector<Listening> listeners_of(const config::Loaded& loaded);

}  // namespace warren::ctl
