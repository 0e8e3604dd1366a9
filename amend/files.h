// Reads the operator's files, and writes them atomically.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

#include "base/result.h"

namespace warren::amend {

// The text of a regular file; "" when there is none.
[[nodiscard]] Result<std::string> read_text(const std::string& path);

// Who a file belongs to; -1: whoever writes it.
struct FileOwner {
    uid_t user = static_cast<uid_t>(-1);
    gid_t group = static_cast<gid_t>(-1);
};

// Replaces the file: written beside it as PATH.new, which must be nobody else's, synced and renamed, so that a power
// cut leaves the old file or the new one.
[[nodiscard]] Status replace_file(const std::string& path, std::string_view text, mode_t mode = 0600,
                                  FileOwner owner = {});
// The same, but never replaces a file, nor PATH.new. kConflict: it exists.
[[nodiscard]] Status create_file(const std::string& path, std::string_view text, mode_t mode = 0600);
// Makes a directory with the mode `mode` unless it exists. Its parent must exist.
[[nodiscard]] Status ensure_directory(const std::string& path, mode_t mode);

// A name in it survives a power cut only after this.
void sync_directory_of(const std::string& path);

}  // namespace warren::amend
