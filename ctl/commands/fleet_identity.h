// What makes a machine a node: its keys, certificates and etcd's settings, and where they are.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "crypto/keys.h"
#include "crypto/secret_buffer.h"

namespace warren::ctl {

struct FleetOptions;

// All below CONFIG_DIR-fleet.
struct FleetPaths {
    std::string directory;
    std::string authority;      // its certificate
    std::string authority_key;  // only where the fleet began, or nowhere
    std::string certificate;    // fleetd's
    std::string key;
    std::string etcd_certificate;  // for the other members and for clients
    std::string etcd_key;
    std::string etcd_settings;  // variables of etcd's environment
};
[[nodiscard]] FleetPaths fleet_paths(const std::string& config_dir);

// CONFIG_DIR/fleet.key, which is made if there is none.
[[nodiscard]] Result<crypto::PrivateKey> own_fleet_key(const std::string& config_dir);
// The private key in the file, which is made if there is none: mode 0400, of the user where the system has one by now.
[[nodiscard]] Result<crypto::SecretBuffer> own_key(const std::string& path, const std::string& user);
// What is to be said where the system has no such user yet: the key is root's, and its program cannot read it.
[[nodiscard]] std::string missing_owner(const std::string& path, const std::string& user);
[[nodiscard]] Result<crypto::SecretBuffer> read_key_file(const std::string& path);

// a-z, 0-9 and -, at most 63, and no - in front.
[[nodiscard]] bool is_node_name(std::string_view text);
// Names and URLs come from etcd and go into variables of a process of root's: these have nothing that could end one.
[[nodiscard]] bool is_member_name(std::string_view text);
[[nodiscard]] bool is_member_url(std::string_view text);
[[nodiscard]] bool is_member_id(std::string_view text);
// NAME=URL, with commas between.
[[nodiscard]] bool is_cluster(std::string_view text);

struct EtcdMember {
    std::string name;
    std::string address;
    std::string id;  // "": it begins the cluster. Each has data of its own
};
[[nodiscard]] std::string peer_url(const std::string& address);
// `cluster`: what ETCD_INITIAL_CLUSTER says. `is_new`: it begins with this member.
[[nodiscard]] std::string etcd_settings(const FleetPaths& paths, const EtcdMember& own, const std::string& cluster,
                                        bool is_new);
// fleet.toml with other values for these keys; "": without the key.
[[nodiscard]] Result<std::string> with_keys(std::string text,
                                            const std::vector<std::pair<std::string, std::string>>& keys);
// Why --weight or --zone cannot stand in fleet.toml; "": they can, or were not given.
[[nodiscard]] std::string place_problem(const FleetOptions& options);
// fleet.toml with those of the two that were given.
[[nodiscard]] Result<std::string> with_place(std::string text, const FleetOptions& options);

inline constexpr const char* kFleetUser = "warren-fleet";
inline constexpr const char* kEtcdUser = "etcd";
inline constexpr std::uint16_t kEtcdPort = 2379;

}  // namespace warren::ctl
