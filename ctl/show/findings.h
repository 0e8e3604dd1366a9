// What vpnctl doctor says.
#pragma once

#include <string>
#include <vector>

#include "ctl/diagnosis/finding.h"

namespace warren::ctl {

// "" for none.
[[nodiscard]] std::string findings_text(const std::vector<diagnosis::Finding>& findings);
[[nodiscard]] std::string findings_json(const std::vector<diagnosis::Finding>& findings);

}  // namespace warren::ctl
