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

// The files here that a fleet shares, by the fleet's key.
using FleetHere = std::map<std::string, BackupFile>;
[[nodiscard]] Result<FleetHere> read_fleet_here(const std::string& config_dir);
// Keys of what is not as in the base: changed, new or removed.
[[nodiscard]] std::set<std::string> edited_files(const FleetHere& here, const FleetBase& base);

struct DecodedFile {
    crypto::SecretBuffer content;
    std::uint64_t sealed = 0;
};
// kInvalid: no file of a configuration has this key, or it is older than what this node has had; kPermission: sealed to
// others.
[[nodiscard]] Result<DecodedFile> decode_fleet_file(const FleetFile& file, const std::string& node,
                                                    const crypto::PrivateKey& key, const FleetBase& base);
// Writes it over the one here, whatever that is.
[[nodiscard]] Status take_one_file(const Invocation& invocation, const FleetFile& file, const std::string& node,
                                   const crypto::PrivateKey& key, FleetBase& base);

}  // namespace warren::ctl
