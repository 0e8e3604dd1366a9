// Reads DIR/warren.toml, DIR/customers/*.toml and DIR/secrets/. The only file access of this directory.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "config/accepted_customer.h"
#include "config/appliance.h"
#include "config/customer.h"
#include "config/diagnostic.h"
#include "config/secrets.h"

namespace warren::config {

// config/generation.h makes the next generation of it.
struct Generation;

// One customers/ID.toml. Valid: apply it. Not valid: only customer.id means something; report it and keep the customer
// as it was.
struct LoadedCustomer {
    Customer customer;
    bool valid = false;
    std::string file;
    std::vector<FileStamp> stamps;  // AcceptedCustomer::stamps
    std::shared_ptr<const AcceptedCustomer>
        unchanged;  // instead of `customer`: neither his file nor his secrets were touched

    [[nodiscard]] const Customer& value() const { return unchanged != nullptr ? unchanged->customer : customer; }
};

// What the directory says now. A customer that was here before and is not in `customers` had his file removed: remove
// him.
struct Loaded {
    Appliance appliance;
    bool appliance_valid = false;           // false: nothing may be applied, all stays as it was
    std::vector<LoadedCustomer> customers;  // by id, valid or not
    Secrets secrets;                        // all that the valid files name, without those of unchanged customers
    std::vector<Diagnostic> diagnostics;    // errors and warnings, sorted by file and line
};

struct LoadOptions {
    // Off the box the secrets are elsewhere: a missing secrets/ directory is then one warning, and what needs the keys
    // is not checked.
    bool secrets_may_be_absent = false;
    // What is in force; shall outlive the call. A customer there whose files were not touched is not read again.
    const Generation* previous = nullptr;
    // How coarsely the clock of the files may tick, in nanoseconds: what was written within the last tick may be
    // written again and look the same, so it is read again the next time.
    std::int64_t tick = 2'000'000'000;
};

// Never fails: what cannot be read is a diagnostic. A missing customers/ directory makes the appliance invalid (an
// unmounted disk must not remove everybody).
[[nodiscard]] Loaded load(const std::string& directory, const LoadOptions& options = {});

}  // namespace warren::config
