#include "web/login/viewer.h"

#include <algorithm>

namespace warren::web {

bool Viewer::may_see(std::string_view customer) const {
    return sees_all() || std::find(grant.customers.begin(), grant.customers.end(), customer) != grant.customers.end();
}

std::string part_of(const Viewer& viewer) {
    if (viewer.sees_all()) return (viewer.is_token ? "token " : "user ") + viewer.name;
    std::vector<std::string> customers = viewer.grant.customers;
    std::sort(customers.begin(), customers.end());
    std::string out;
    for (const std::string& id : customers) out += id + ' ';
    return out;
}

}  // namespace warren::web
