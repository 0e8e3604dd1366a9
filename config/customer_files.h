// Which files of customers there are: customers/ID.toml, and customers/RESELLER/ID.toml below resellers.
#pragma once

#include <string>
#include <vector>

#include "config/diagnostic.h"

namespace warren::config {

struct CustomerFiles {
    std::vector<std::string> ids;  // of all files, whatever is in them; sorted
    std::vector<Diagnostic> diagnostics;
    bool complete = true;  // false: a directory cannot be read, or is a link
};

// Below DIRECTORY/customers. Symbolic links to directories are not followed: where a customer has a file, one with its
// name may be the way to its customers, and is an error.
[[nodiscard]] CustomerFiles list_customer_files(const std::string& directory);
// Of sorted ids those whose resellers are among them, at every level: others are not served.
[[nodiscard]] std::vector<std::string> with_resellers(const std::vector<std::string>& ids);

}  // namespace warren::config
