// The directory of one running instance, and the lock that says it is the only one.
#pragma once

#include <string>

#include "base/fd.h"
#include "base/result.h"

namespace warren::stacks {

// Holds the lock for its lifetime.
class RunDir {
  public:
    // Makes the directory (0711) when it is missing. kPermission when other users may write to it; kConflict, naming
    // the pid, when another instance holds it. `path` is absolute.
    [[nodiscard]] static Result<RunDir> claim(const std::string& path);

    [[nodiscard]] const std::string& path() const { return path_; }
    [[nodiscard]] std::string file(const std::string& name) const { return path_ + "/" + name; }

  private:
    RunDir(std::string path, UniqueFd lock) : path_(std::move(path)), lock_(std::move(lock)) {}
    std::string path_;
    UniqueFd lock_;
};

}  // namespace warren::stacks
