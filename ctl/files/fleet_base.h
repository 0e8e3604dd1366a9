// What this node knows of the fleet's configuration: its own key, who may read secrets, and which files are as the
// fleet has them.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"
#include "crypto/keys.h"
#include "crypto/sealed_text.h"

namespace warren::ctl {

// CONFIG_DIR/fleet.base.
struct FleetBase {
    struct File {
        std::string hash;           // of the content that this node and the fleet had in common last
        std::uint64_t changed = 0;  // etcd's revision of it
        std::uint64_t sealed = 0;   // a secret's: the fleet's revision that it was sealed as
    };
    std::uint64_t revision = 0;                   // of etcd: until then all was read
    std::uint64_t number = 0;                     // of the fleet's revision
    std::set<std::string> unapplied;              // keys of what was or is being written here, and may not be in force
    std::string refusal;                          // why stackd has not brought it into force; "": it was not asked yet
    std::uint64_t removed_sealed = 0;             // the newest that a secret was sealed as that was removed here
    std::map<std::string, File> files;            // by the fleet's key of it
    std::map<std::string, std::string> problems;  // by key: why the fleet's file is not the one here
};
// Nothing: this node's configuration is not the fleet's.
[[nodiscard]] Result<std::optional<FleetBase>> read_fleet_base(const std::string& config_dir);
[[nodiscard]] Status write_fleet_base(const std::string& config_dir, const FleetBase& base);

// "customers/acme.toml" and "customers/acme". Nothing: no node shares this file.
[[nodiscard]] std::optional<std::string> fleet_key_of(std::string_view file);
// Whether a file of a fleet can have it: letters, digits, ".", "_" and "-", as below "customers/" a customer's id; no
// part begins with "." or ends as the temporary name of a file does.
[[nodiscard]] bool is_fleet_key(std::string_view key);
[[nodiscard]] std::string file_of_fleet_key(std::string_view key);
// All but what everybody may read: warren.toml, the customers' files and certificates.
[[nodiscard]] bool is_secret_key(std::string_view key);
// As people name it: "acme", "warren.toml", "secrets/uplink".
[[nodiscard]] std::string name_of_fleet_key(std::string_view key);
[[nodiscard]] std::string hash_of(Bytes content);

// Of fleet.toml, which is root's: nobody but who may write that decides who can read secrets.
struct FleetNode {
    std::string name;
    crypto::Readers readers;  // of fleet.nodes; where there is none, `nodes`
    std::string etcd;         // "ADDRESS:PORT", as it stands there
    std::string authority;    // paths, as etcd_ca and etcd_certificate say; "": without TLS
    std::string certificate;
    std::string text;  // of the file
};
// `needs_readers`: without any, with this one among them, it is an error.
[[nodiscard]] Result<FleetNode> read_fleet_node(const std::string& config_dir, bool needs_readers = true);
// CONFIG_DIR/fleet.key.
[[nodiscard]] Result<crypto::PrivateKey> read_fleet_key(const std::string& config_dir);

}  // namespace warren::ctl
