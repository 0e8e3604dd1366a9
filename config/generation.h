// From one accepted configuration to the next: what is valid is accepted, what is not stays as it was. Pure.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "config/accepted_customer.h"
#include "config/load.h"

namespace warren::config {

// One accepted configuration. Movable, not copyable.
struct Generation {
    Appliance appliance;
    Secrets secrets;   // the shared listener's key
    std::string text;  // of warren.toml
    std::vector<std::shared_ptr<const AcceptedCustomer>>
        customers;  // by id; unchanged ones are shared with the generation before

    // Null when there is none.
    [[nodiscard]] std::shared_ptr<const AcceptedCustomer> share(std::string_view id) const;
    [[nodiscard]] const AcceptedCustomer* find(std::string_view id) const;
};

// Has every customer know the resellers above it, as they are in this generation.
void set_above(Generation& generation);

// One of its own, with its secrets.
[[nodiscard]] AcceptedCustomer copy_of(const AcceptedCustomer& accepted);

struct Succession {
    bool accepted = false;  // false: `next` is empty and nothing may be applied; the diagnostics say why
    Generation next;
    std::vector<std::string> kept;        // customers that stay as they were because of errors, by id
    std::vector<Diagnostic> diagnostics;  // those of loading, and of new customers that clash with kept ones; sorted
};

// What follows `previous` (empty at the start) when `loaded` was found on the disk. A customer with errors keeps what
// `previous` has for it, or is left out when it has nothing; at the start, where it is not known who was there before,
// one that exceeds a cap of its reseller is served all the same. A clash between a valid customer and a kept one is an
// error of the valid one, which is then kept too. When a kept customer does not fit the new appliance, nothing is
// accepted.
[[nodiscard]] Succession succeed(const Generation& previous, const Loaded& loaded);

}  // namespace warren::config
