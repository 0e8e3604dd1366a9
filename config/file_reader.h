// Reads the files of a configuration whole, with the stamps that show whether they change later.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/result.h"
#include "config/accepted_customer.h"
#include "config/named_secrets.h"
#include "config/secrets.h"

namespace warren::config {

// The whole file, which must be a regular one of at most `limit` bytes. `fd` may be invalid: then errno says why.
[[nodiscard]] Result<std::string> read_all(const UniqueFd& fd, std::size_t limit, FileStamp& stamp);
// Whether the file of this name in the directory still has this stamp. `flags`: of fstatat(2).
[[nodiscard]] bool is_untouched(int directory, const std::string& name, int flags, const FileStamp& stamp);

// Reads what the configuration names, below one directory, never following symbolic links out of it.
class FileReader {
  public:
    // Secret files may be used by nobody else.
    FileReader(std::string directory, bool are_secret);

    // Why the directory cannot be opened; 0: it can.
    [[nodiscard]] int open_error() const { return open_error_; }

    // Puts what the file holds, or why it cannot be used. Once for each name and form.
    void read(const NamedSecret& name, Secrets& to);

    // Of what was read.
    [[nodiscard]] FileStamp stamp(const SecretRef& ref) const;
    [[nodiscard]] bool untouched(const SecretRef& ref, const FileStamp& stamp) const;

  private:
    [[nodiscard]] UniqueFd open(std::string_view name) const;

    std::string directory_;
    bool are_secret_;
    UniqueFd root_;
    int open_error_ = 0;
    std::map<std::string, FileStamp> stamps_;  // by name
};

}  // namespace warren::config
