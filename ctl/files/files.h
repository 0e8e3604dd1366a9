// Reads the operator's files, and writes them atomically.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

#include "base/result.h"

namespace warren::ctl {

// The text of a file; "" when there is none.
[[nodiscard]] Result<std::string> read_text(const std::string& path);

// Replaces the file: written beside it, synced and renamed, so that a power cut leaves the old file or the new one.
[[nodiscard]] Status replace_file(const std::string& path, std::string_view text, mode_t mode = 0600);
// The same, but never replaces a file. kConflict: it exists.
[[nodiscard]] Status create_file(const std::string& path, std::string_view text, mode_t mode = 0600);
// Makes a directory with the mode `mode` unless it exists. Its parent must exist.
[[nodiscard]] Status ensure_directory(const std::string& path, mode_t mode);

}  // namespace warren::ctl
