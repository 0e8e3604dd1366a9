#include "web/login/viewer.h"

#include <algorithm>

namespace warren::web {

bool Viewer::may_see(std::string_view customer) const {
    return sees_all() || std::find(grant.customers.begin(), grant.customers.end(), customer) != grant.customers.end();
}

}  // namespace warren::web
