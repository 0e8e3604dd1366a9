// An authenticated client and what it may see.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "access/users.h"
#include "base/time.h"

namespace warren::web {

struct Viewer {
    std::string name;
    access::Grant grant;
    bool is_token = false;
    std::optional<WallTime> expires;
    std::optional<WallTime> idle_expires;
    std::string ticket{};  // for changes; "": they are locked

    [[nodiscard]] bool sees_all() const { return !access::has_customers(grant.role); }
    [[nodiscard]] bool may_see(std::string_view customer) const;
};

// Whose part of a shared resource a viewer uses: "user NAME", "token NAME"; all logins of a customer share one part,
// and those of a reseller.
[[nodiscard]] std::string part_of(const Viewer& viewer);

}  // namespace warren::web
