// /etc/warren/fleet.toml: this node's part in the fleet (docs/fleet.md).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/ip.h"
#include "base/result.h"
#include "fleet/ownership/ownership.h"
#include "fleet/rim/gateway.h"

namespace warren::fleet {

struct Settings {
    std::string node;
    unsigned weight = kLeastWeight;  // its share of the groups, next to those of the others
    std::string zone;                // what fails together with this node; "": not said
    std::string instance;            // not from the file: this machine since its last start; "": not known
    Endpoint etcd;                   // of the own member; without `tls` on a loopback address
    std::optional<TlsFiles> tls;
    std::vector<Prefix> addresses;  // no host bits, at most one of a family: address N of each is group N's
    GroupNumber groups = 1;
    bool uses_bird = true;
    std::string bird_socket = "/run/bird/bird.ctl";

    [[nodiscard]] std::vector<IpAddress> addresses_of(GroupNumber group) const;
};

// `file` is named in the error, which says where, what was found and what is accepted.
[[nodiscard]] Result<Settings> parse_settings(const std::string& file, const std::string& text);

}  // namespace warren::fleet
