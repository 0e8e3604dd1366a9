// A customer as he is in force, and how to tell that his files were not touched since. Pure.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <vector>

#include "config/customer.h"
#include "config/secrets.h"

namespace warren::config {

// Which file it was that was read, and in which state: equal stamps, equal content. The kernel moves the time of change
// on at every write, and nobody can set it.
struct FileStamp {
    dev_t device = 0;
    ino_t inode = 0;
    off_t size = 0;
    std::int64_t modified = 0;  // nanoseconds since 1970, as the next one
    std::int64_t changed = 0;
    bool operator==(const FileStamp&) const = default;
};

// A customer with the keys he names. They travel together: a kept customer keeps the keys he had, whatever the files
// say now. Never changes, so one generation shares him with the next.
struct AcceptedCustomer {
    Customer customer;
    Secrets secrets;
    // Of his file, then of the secrets in the order of secrets_of(). None: what is on the disk has to be read again,
    // because there was something to say about it, or because it was written a moment ago.
    std::vector<FileStamp> stamps;
};

// The names of all secrets a customer has.
[[nodiscard]] std::vector<SecretRef> secrets_of(const Customer& customer);

}  // namespace warren::config
