// From one accepted configuration to the next: what is valid is taken, what is not stays as it was. Pure.
#pragma once

#include <string>
#include <vector>

#include "config/load.h"

namespace warren::config {

// A customer with the keys he names. They travel together: a kept customer keeps the keys he had, whatever the files say now.
struct Tenant {
    Customer customer;
    Secrets secrets;
};

// One accepted configuration. Movable, not copyable.
struct Generation {
    Appliance appliance;
    Secrets secrets;                // the shared listener's key
    std::vector<Tenant> customers;  // by id

    [[nodiscard]] const Tenant* find(std::string_view id) const;
};

struct Succession {
    bool accepted = false;  // false: `next` is empty and nothing may be applied; the diagnostics say why
    Generation next;
    std::vector<std::string> kept;        // customers that stay as they were because of errors, by id
    std::vector<Diagnostic> diagnostics;  // those of loading, and of new customers that clash with kept ones; sorted
};

// What follows `previous` (empty at the start) when `loaded` was found on the disk. A customer with errors keeps what `previous` has for
// him, or is left out when it has nothing. A valid customer that clashes with what a kept one goes on running is an error of the valid one,
// who is then kept too. When a kept customer cannot live with the new appliance, nothing is accepted.
[[nodiscard]] Succession succeed(const Generation& previous, const Loaded& loaded);

// The names of all secrets a customer has.
[[nodiscard]] std::vector<SecretRef> secrets_of(const Customer& customer);

}  // namespace warren::config
