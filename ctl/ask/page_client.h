// Asks statusd what the page's API answers.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace warren::ctl {

// "/api/v1/events?since=..." of a path and of parameters, which are encoded here. Those without a value are left out.
[[nodiscard]] std::string page_target(std::string path,
                                      const std::vector<std::pair<std::string_view, std::string>>& parameters);

// The answer's body, JSON. kUnavailable: statusd cannot be reached, or cannot answer now; kNotFound: 404; kInvalid: the
// question is; each says why. statusd itself answers within 10 s that it cannot.
[[nodiscard]] Result<std::string> ask_page(const std::string& run_dir, const std::string& target,
                                           int patience_seconds = 20);

}  // namespace warren::ctl
