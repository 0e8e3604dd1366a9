// Every file of a configuration, with what it holds.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "ctl/files/backup.h"

namespace warren::ctl {

// Regular files and links to such, by name, without what a command left half-written. kInvalid: something that is
// neither a file nor a directory, or has a name that no backup can have.
[[nodiscard]] Result<std::vector<BackupFile>> read_config_files(const std::string& directory);

}  // namespace warren::ctl
