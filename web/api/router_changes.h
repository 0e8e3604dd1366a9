// Which requests change something.
#pragma once

#include "web/model/http.h"

namespace warren::web {

// By its path alone.
[[nodiscard]] bool is_change_path(const Target& target);

}  // namespace warren::web
