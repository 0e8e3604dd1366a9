// What statusd alone knows of whether all is well: the page's users and certificate, and who was up and is not any
// more.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "health/health.h"

namespace warren::ctl {

// Of an answer to /api/v1/overview: the alarms of the kinds that vpnctl cannot see by itself, at most kMost. With
// `customer`: what concerns it and the appliance. Whatever else the answer has is left out: statusd is the program
// that strangers talk to.
[[nodiscard]] std::vector<health::Finding> parse_page_findings(std::string_view body, const std::string& customer);

// The same, asked of statusd, and waited for about a second. Nothing when it does not run or does not answer.
[[nodiscard]] std::vector<health::Finding> page_findings(const std::string& run_dir, const std::string& customer);

}  // namespace warren::ctl
