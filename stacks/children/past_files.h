// The files of statusd's past in the state directory: statusd gets them open, and cannot name one.
#pragma once

#include <string>

#include "base/fd.h"
#include "base/result.h"

namespace warren::stacks {

struct PastFiles {
    UniqueFd database;
    UniqueFd log;  // SQLite's write-ahead log
};

// STATE_DIR/past.db and past.db-wal, made when they are missing (0600); the directory too (0700).
[[nodiscard]] Result<PastFiles> open_past(const std::string& state_dir);

// The next open_past() begins anew. The old ones are past.db.broken and past.db-wal.broken from now on, and the answer
// is the path of the first. While there are such already, those stay, and the old ones are emptied: "".
[[nodiscard]] Result<std::string> set_past_aside(const std::string& state_dir);

}  // namespace warren::stacks
