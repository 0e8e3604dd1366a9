// What changed between two configurations, for people and for deciding which customers to update.
#pragma once

#include <string>
#include <vector>

#include "config/appliance.h"
#include "config/customer.h"
#include "config/secrets.h"

namespace warren::config {

// One field: "stack.mtu", "1420" -> "1380". Added things have an empty `before`, removed ones an empty `after`. Secrets
// are never shown:
// "(changed)".
struct FieldChange {
    std::string field;
    std::string before;
    std::string after;
    bool operator==(const FieldChange&) const = default;
};

struct CustomerChange {
    enum class Kind { kAdded, kRemoved, kChanged };
    std::string id;
    Kind kind = Kind::kChanged;
    std::vector<FieldChange> fields;  // kChanged only
};

// `before_secrets` and `after_secrets` hold the keys that the two sides name: a key file with new content is a change
// too.
[[nodiscard]] std::vector<FieldChange> diff(const Appliance& before, const Secrets& before_secrets,
                                            const Appliance& after, const Secrets& after_secrets);
[[nodiscard]] std::vector<FieldChange> diff(const Customer& before, const Secrets& before_secrets,
                                            const Customer& after, const Secrets& after_secrets);

// "stack.mtu: 1420 -> 1380"
[[nodiscard]] std::string format(const FieldChange& change);

}  // namespace warren::config
