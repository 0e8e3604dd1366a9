// The configuration of one device or site, as wg-quick(8) and every WireGuard app read it. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.h"
#include "base/result.h"
#include "config/appliance.h"
#include "config/customer.h"
#include "crypto/keys.h"

namespace warren::clients {

// All of it but the keys that are secret.
struct Profile {
    std::string title;              // "acme: laptop-anna"
    std::vector<Prefix> addresses;  // of the device in the tunnel; empty: a site that has none
    std::vector<IpAddress> dns;
    std::vector<std::string> search;
    std::optional<std::uint16_t> mtu;
    std::vector<Prefix> routes;  // its AllowedIPs
    std::string endpoint;        // "host:port"
    std::uint16_t persistent_keepalive_seconds = 0;
    bool operator==(const Profile&) const = default;
};

// Where the addresses of its devices are: the pool, and the stack's own networks.
[[nodiscard]] std::vector<Prefix> networks_of_devices(const config::Customer& customer);

// Of a peer of WireGuard. kNotFound: nothing says where devices reach the customer's listener.
[[nodiscard]] Result<Profile> profile_of(const config::Appliance& appliance, const config::Customer& customer,
                                         const config::Peer& peer);

// What stands in the place of the private key where that is not known. wg-quick refuses it by its name.
inline constexpr std::string_view kNoPrivateKey = "REPLACE_WITH_THE_PRIVATE_KEY_OF_THIS_DEVICE";

// The file's text, as secret as the keys in it: the caller wipes it. `private_key` may be kNoPrivateKey; the preshared
// key is "" without one.
[[nodiscard]] std::string wg_quick_text(const Profile& profile, const crypto::PublicKey& server,
                                        std::string_view private_key, std::string_view preshared_key);

}  // namespace warren::clients
