// The history of configurations as text and as JSON. Pure.
#pragma once

#include <string>

#include "history/revisions.h"

namespace warren::ctl {

// Newest first. `customer`: only revisions that changed it; "": all.
[[nodiscard]] std::string history_text(const history::Revisions& revisions, const std::string& customer);
[[nodiscard]] std::string history_json(const history::Revisions& revisions, const std::string& customer);

}  // namespace warren::ctl
