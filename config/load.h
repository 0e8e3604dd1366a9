// Reads DIR/warren.toml, DIR/customers/*.toml and DIR/secrets/. The only code of config/ that accesses files.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/accepted_customer.h"
#include "config/appliance.h"
#include "config/customer.h"
#include "config/diagnostic.h"
#include "config/secrets.h"
#include "config/texts.h"

namespace warren::config {

// Defined in config/generation.h.
struct Generation;

// One customers/ID.toml. Valid: apply it. Not valid: only customer.id is meaningful; report it and keep the customer as
// it was.
struct LoadedCustomer {
    Customer customer;
    bool valid = false;
    std::string file;
    std::vector<FileStamp> stamps;  // AcceptedCustomer::stamps
    std::shared_ptr<const AcceptedCustomer>
        unchanged;                  // instead of `customer`: neither its file nor its secrets changed
    std::string text{};             // of its file; "" when unchanged
    bool exceeds_reseller = false;  // it is not valid for no other reason than a cap of a reseller above it

    [[nodiscard]] const Customer& value() const { return unchanged != nullptr ? unchanged->customer : customer; }
};

// What the directory says now. When a customer is no longer in `customers`, its file was removed: remove the customer.
struct Loaded {
    Appliance appliance;
    bool appliance_valid = false;           // false: nothing may be applied, all stays as it was
    std::string text;                       // of warren.toml
    std::vector<LoadedCustomer> customers;  // by id, valid or not
    Secrets secrets;                        // all that the valid files name, without those of unchanged customers
    std::vector<Diagnostic> diagnostics;    // errors and warnings, sorted by file and line
};

struct LoadOptions {
    // For checks on another machine, which has no secrets, or by another user than root: a secrets/ directory that is
    // missing or closed is one warning, and checks that need the keys are skipped.
    bool secrets_may_be_absent = false;
    // The configuration in force; must outlive the call. Customers whose files (or texts) did not change are not read
    // again.
    const Generation* previous = nullptr;
    // The resolution of file times, in nanoseconds: a file written within the last tick may change again without a new
    // time, so it is read again next time.
    std::int64_t tick = 2'000'000'000;
    // Also checks that certificates and their keys can be used, now, those of unchanged customers, too. Not where a
    // configuration is put into force: what has expired must not take a customer's other tunnels down.
    bool checks_certificates = false;
    // These texts instead of the files, under the files' names; must outlive the call. Secrets are read from the
    // directory.
    const Texts* instead = nullptr;
    // These texts instead of the files of single customers; nothing: as if there were none. Must outlive the call.
    const std::map<std::string, std::optional<std::string>>* changed = nullptr;
    // The customers in `changed` and no others: what they share with others is not checked.
    bool alone = false;
};

// Never fails: what cannot be read is a diagnostic. A missing customers/ directory makes the appliance invalid (an
// unmounted disk must not remove every customer).
[[nodiscard]] Loaded load(const std::string& directory, const LoadOptions& options = {});

}  // namespace warren::config
