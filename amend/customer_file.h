// The files of customers while somebody changes them: one after the other, and never over what somebody else wrote
// meanwhile.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/result.h"

namespace warren::amend {

// Held by whoever changes files of this configuration; others wait for it. user, token and setup take the same lock.
[[nodiscard]] Result<UniqueFd> lock_configuration(const std::string& directory);
// The same, without waiting. kUnavailable: somebody has it.
[[nodiscard]] Result<UniqueFd> try_lock_configuration(const std::string& directory);

// A file as it was read.
struct FileState {
    bool exists = false;
    std::string text;
    mode_t mode = 0644;
    uid_t owner = static_cast<uid_t>(-1);  // -1: whoever writes it
    gid_t group = static_cast<gid_t>(-1);
    std::string links_to;  // the target of a symbolic link; "": it is none
    [[nodiscard]] bool same_text(const FileState& other) const { return exists == other.exists && text == other.text; }
};

// "DIR/customers/ID.toml"
[[nodiscard]] std::string customer_path(const std::string& directory, const std::string& id);
// kInvalid: a reseller's directory above it is a symbolic link, which nothing is read or written through.
[[nodiscard]] Status check_place(const std::string& directory, const std::string& id);
[[nodiscard]] Result<FileState> read_state(const std::string& path);

// kInvalid: a symbolic link, which write_over() would replace by a file while its target stayed as it is.
[[nodiscard]] Status check_writable(const std::string& path, const FileState& state);
// Writes beside the file, syncs, renames, and syncs the directory; mode and owner stay. kConflict: the file is not as
// `before` any more; nothing was written. kInvalid: as check_writable().
[[nodiscard]] Status write_over(const std::string& path, const FileState& before, std::string_view text);
// In the same directory, and never over a file: kConflict.
[[nodiscard]] Status rename_file(const std::string& path, const std::string& to);
// kConflict as write_over().
[[nodiscard]] Status remove_file(const std::string& path, const FileState& before);

}  // namespace warren::amend
