// The directory of the store, as few calls, so that tests can let each of them fail or cut the power after it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace warren::history {

// Names are relative: "list", "texts/HASH". One thread.
class Disk {
  public:
    virtual ~Disk() = default;
    // The whole file. kNotFound: there is none.
    [[nodiscard]] virtual Result<std::string> read(const std::string& name) const = 0;
    // Writes a file from its beginning; what had the name is overwritten. It survives a power cut only after
    // sync_file() or sync_all(), and its name only after sync_directory().
    [[nodiscard]] virtual Status write(const std::string& name, std::string_view content) = 0;
    [[nodiscard]] virtual Status sync_file(const std::string& name) = 0;
    // Everything written before, files and names.
    [[nodiscard]] virtual Status sync_all() = 0;
    [[nodiscard]] virtual Status rename(const std::string& from, const std::string& to) = 0;
    [[nodiscard]] virtual Status remove(const std::string& name) = 0;
    // "": the store's own.
    [[nodiscard]] virtual Status make_directory(const std::string& name) = 0;
    [[nodiscard]] virtual Status sync_directory(const std::string& name) = 0;
    // Names in a directory, in no order.
    [[nodiscard]] virtual Result<std::vector<std::string>> list(const std::string& directory) const = 0;
};

// The lock of a store's directory, which is made if it is not there: held while the result lives, and waited for. A
// process that was left behind by its parent may still write.
[[nodiscard]] Result<UniqueFd> lock_store(const std::string& root);

// A directory that only root may read: made with mode 0700, its files 0600. Files that another user could have written
// are not read.
class DirectoryDisk final : public Disk {
  public:
    explicit DirectoryDisk(std::string root) : root_(std::move(root)) {}

    [[nodiscard]] Result<std::string> read(const std::string& name) const override;
    [[nodiscard]] Status write(const std::string& name, std::string_view content) override;
    [[nodiscard]] Status sync_file(const std::string& name) override;
    [[nodiscard]] Status sync_all() override;
    [[nodiscard]] Status rename(const std::string& from, const std::string& to) override;
    [[nodiscard]] Status remove(const std::string& name) override;
    [[nodiscard]] Status make_directory(const std::string& name) override;
    [[nodiscard]] Status sync_directory(const std::string& name) override;
    [[nodiscard]] Result<std::vector<std::string>> list(const std::string& directory) const override;

  private:
    [[nodiscard]] std::string path(const std::string& name) const { return name.empty() ? root_ : root_ + "/" + name; }

    std::string root_;
};

}  // namespace warren::history
