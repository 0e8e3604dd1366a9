// Who may read the fleet's secrets, signed by the fleet's authority: CONFIG_DIR/fleet.nodes, and the same in etcd.
// PURE.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "base/bytes.h"
#include "base/result.h"
#include "crypto/sealed_text.h"

namespace warren::ctl {

// SHA-256 of the public keys of a node's certificates, as 64 digits of base 16.
struct NodeKeys {
    std::string fleetd;
    std::string etcd;
    friend bool operator==(const NodeKeys&, const NodeKeys&) = default;
};
[[nodiscard]] Result<NodeKeys> keys_of(const std::string& fleetd_certificate, const std::string& etcd_certificate);

struct Roster {
    std::uint64_t version = 0;  // grows with each change; an older one changes nothing
    crypto::Readers readers;
    std::map<std::string, NodeKeys> keys;  // of readers that have certificates of the fleet's authority
};
// A first line with the version; one for each node with its name and key, and with those of its certificates if it has
// any; one with the signature.
[[nodiscard]] Result<std::string> sign_roster(const Roster& roster, Bytes authority_key);
// kInvalid: it has another form. Its signature is not looked at: root's own file.
[[nodiscard]] Result<Roster> parse_roster(const std::string& text);
// kPermission: `authority`, a certificate, has not signed it.
[[nodiscard]] Result<Roster> verify_roster(const std::string& text, const std::string& authority);

}  // namespace warren::ctl
