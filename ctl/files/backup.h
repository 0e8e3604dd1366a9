// Everything that is needed to serve the same customers on another appliance, as one text. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "crypto/secret_buffer.h"

namespace warren::ctl {

struct BackupFile {
    std::string name;  // below the configuration's directory: "secrets/acme/phone.psk"
    std::uint32_t mode = 0600;
    crypto::SecretBuffer content;
};

// The machine, as far as a configuration depends on it.
struct Machine {
    std::string name;
    std::map<std::string, std::vector<std::string>> devices;  // addresses by device
    bool operator==(const Machine&) const = default;
};

struct Backup {
    std::string version;  // of Warren
    std::string time;     // RFC 3339
    Machine machine;
    std::vector<BackupFile> files;  // by name
};

// Whether a backup may have such a name: one of the configuration's files, and never outside of its directory.
[[nodiscard]] bool is_backup_name(std::string_view name);

[[nodiscard]] crypto::SecretBuffer encode(const Backup& backup);
// kInvalid: of another form, or with a name that it may not have.
[[nodiscard]] Result<Backup> decode_backup(Bytes text);

// One sentence for each thing of the machine of the backup that this one does not have. `text`: of the configuration,
// to leave out devices that it does not name.
[[nodiscard]] std::vector<std::string> differences(const Machine& backup, const Machine& here, std::string_view text);

}  // namespace warren::ctl
