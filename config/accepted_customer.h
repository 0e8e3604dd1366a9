// A customer whose configuration is in force, and the stamps that show whether its files changed since. Pure.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "config/customer.h"
#include "config/secrets.h"

namespace warren::config {

// Identifies a file and its state: equal stamps mean equal content. The kernel updates the time of change at every
// write, and no program can set it.
struct FileStamp {
    dev_t device = 0;
    ino_t inode = 0;
    off_t size = 0;
    std::int64_t modified = 0;  // nanoseconds since 1970, like the next one
    std::int64_t changed = 0;
    bool operator==(const FileStamp&) const = default;
};

// A customer with the keys that it names. A kept customer keeps its keys, whatever the files say now. Immutable, so
// that generations can share it.
struct AcceptedCustomer {
    Customer customer;
    Secrets secrets;
    // Of its file, then of the secrets in the order of secrets_of(). Empty: the files must be read again, because they
    // had diagnostics or were written a moment ago.
    std::vector<FileStamp> stamps;
    std::string text;  // of its file
};

}  // namespace warren::config
