// The operator's files, written as a whole or not at all.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

#include "base/result.h"

namespace warren::ctl {

// The text of a file; "" when there is none.
[[nodiscard]] Result<std::string> read_text(const std::string& path);

// In the place of what is there: written beside it, synced and renamed, so that a power cut leaves the old file or the
// new one.
[[nodiscard]] Status replace_file(const std::string& path, std::string_view text, mode_t mode = 0600);
// The same, but never in the place of something. kConflict: there is something.
[[nodiscard]] Status create_file(const std::string& path, std::string_view text, mode_t mode = 0600);
// A directory with the mode `mode`, unless there is one. Those above it have to be there.
[[nodiscard]] Status ensure_directory(const std::string& path, mode_t mode);

}  // namespace warren::ctl
