// What comes from the fleet into this node's directory.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "base/result.h"
#include "crypto/keys.h"
#include "crypto/secret_buffer.h"
#include "ctl/ask/fleet_client.h"
#include "ctl/command.h"
#include "ctl/files/backup.h"
#include "ctl/files/fleet_base.h"

namespace warren::ctl {

// The files here that a fleet shares, by the fleet's key. What has a name that no file of a fleet can have is left out.
using FleetHere = std::map<std::string, BackupFile>;
[[nodiscard]] Result<FleetHere> read_fleet_here(const std::string& config_dir);
// Keys of what is not as in the base: changed, new or removed.
[[nodiscard]] std::set<std::string> edited_files(const FleetHere& here, const FleetBase& base);

struct DecodedFile {
    crypto::SecretBuffer content;
    std::uint64_t sealed = 0;
};
// kInvalid: no file of a configuration has this key, or it is older than what this node has had or removed, or newer
// than the fleet's revision `number`; kPermission: sealed to others.
[[nodiscard]] Result<DecodedFile> decode_fleet_file(const FleetFile& file, const std::string& node,
                                                    const crypto::PrivateKey& key, std::uint64_t number,
                                                    const FleetBase& base);
// Writes it over the one here, whatever that is.
[[nodiscard]] Status take_one_file(const Invocation& invocation, const FleetFile& file, const std::string& node,
                                   const crypto::PrivateKey& key, std::uint64_t number, FleetBase& base);
// What changed since `base`; all, where a file could not be taken then, or where etcd is older than it was.
[[nodiscard]] Result<FleetConfiguration> read_fleet(const std::string& run_dir, const FleetBase& base);
// Writes what changed, and removes what is gone. A file that cannot be taken is noted in `base`, and the others are
// taken. `base` is written before the first file and after the last one; an error: it could not be.
[[nodiscard]] Status take_files(const Invocation& invocation, const FleetConfiguration& fleet, const std::string& node,
                                const crypto::PrivateKey& key, FleetBase& base, Output& output);
// By key of a secret or certificate: the customers whose files name it, by id. What the appliance names is left out.
[[nodiscard]] std::map<std::string, std::set<std::string>> customers_by_file(const std::string& config_dir);
// Of a file that the fleet has no more.
void forget_file(FleetBase& base, const std::string& key);
// These came into force here, if no other revision came meanwhile. `refusal`: why others did not.
[[nodiscard]] Status note_in_force(const std::string& config_dir, std::uint64_t number,
                                   const std::set<std::string>& keys, const std::string& refusal);

}  // namespace warren::ctl
