// A whole directory of a configuration, made beside the present one and exchanged with it in one step.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "ctl/files/backup.h"

namespace warren::ctl {

// Whether a backup has what is below this name of the directory: of all else a restore takes over what is there.
[[nodiscard]] bool is_backup_root(std::string_view name);

// Gone at the end unless it took the place.
class StagedTree {
  public:
    // `directory`: without links in it, and no "/" at its end; there may be none. `kept`: a name beside it, where
    // nothing may be: the new one is made there, and then the present one has this name.
    StagedTree(std::string directory, std::string kept);
    ~StagedTree();
    StagedTree(const StagedTree&) = delete;
    StagedTree& operator=(const StagedTree&) = delete;

    // These files, with everything of the present directory that a backup never has, such as SSH keys; modes and owners
    // as there. kConflict: there is something with that name; kInvalid: something that cannot be copied.
    [[nodiscard]] Status write(const std::vector<BackupFile>& files);
    // One rename: before it nothing has changed, after it everything has. On an error nothing has.
    [[nodiscard]] Status take_place();
    [[nodiscard]] const std::string& path() const { return path_; }
    // There was a directory before; it is path() after take_place().
    [[nodiscard]] bool replaces() const { return replaces_; }

  private:
    [[nodiscard]] Status copy_others();

    std::string directory_;
    std::string path_;
    bool replaces_ = false;
    bool is_ours_ = false;  // we made it, and it has not taken the place
};

}  // namespace warren::ctl
