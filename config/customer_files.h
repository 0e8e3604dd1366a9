// Which files of customers there are: customers/ID.toml, and customers/RESELLER/ID.toml below resellers.
#pragma once

#include <string>
#include <vector>

#include "config/diagnostic.h"

namespace warren::config {

struct CustomerFiles {
    std::vector<std::string> ids;  // of all files, whatever is in them; sorted
    std::vector<Diagnostic> diagnostics;
    bool complete = true;  // false: a directory cannot be read
};

// Below DIRECTORY/customers. Directories that are symbolic links are not followed.
[[nodiscard]] CustomerFiles list_customer_files(const std::string& directory);

}  // namespace warren::config
