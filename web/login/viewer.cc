#include "web/login/viewer.h"

#include <algorithm>

namespace warren::web {

bool Viewer::may_see(std::string_view customer) const {
    return grant.covers(customer);
}

std::string part_of(const Viewer& viewer) {
    if (viewer.sees_all()) return (viewer.is_token ? "token " : "user ") + viewer.name;
    std::vector<std::string> customers = viewer.grant.customers;
    std::sort(customers.begin(), customers.end());
    std::string out = viewer.grant.role == access::Role::kReseller ? "reseller " : "";
    for (const std::string& id : customers) out += id + ' ';
    return out;
}

}  // namespace warren::web
