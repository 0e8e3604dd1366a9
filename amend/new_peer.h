// A peer of WireGuard that is added to a customer's file. Pure.
#pragma once

#include <string>
#include <vector>

#include "base/ip.h"
#include "base/result.h"
#include "config/customer.h"

namespace warren::amend {

// Values as text; "": the key is not written.
struct NewPeer {
    std::string name;
    std::string description{};
    std::string public_key;
    std::string preshared_key{};  // the name of a secret
    std::vector<Prefix> allowed_ips;
    std::string expires{};  // as TOML, like the keepalive
    std::string endpoint{};
    std::string keepalive{};
};

// kConflict: there is one of this name. Nothing else is checked: that is done with the whole configuration.
[[nodiscard]] Result<std::string> with_peer(const std::string& text, const NewPeer& peer);
// The next free ones of the customer's pool. Errors as clients::AddressPool::next().
[[nodiscard]] Result<std::vector<Prefix>> next_addresses(const config::Customer& customer);
// ", one of 3 where 50 may be" once another peer is there; "": any number may be.
[[nodiscard]] std::string count_text(const config::Customer& customer);

}  // namespace warren::amend
