// Reads what customers used in a month: the files of vpnd and their copies (stacks/host/usage_files.h).
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "base/usage_record.h"

namespace warren::ctl {

// Sorted by customer and peer, so that a customer's own comes before those of its peers. `customer`: "" for all. Empty
// when nothing is known of the month.
[[nodiscard]] Result<std::vector<UsageRecord>> read_usage(const std::string& run_dir, const std::string& state_dir,
                                                          Month month, const std::string& customer);

}  // namespace warren::ctl
