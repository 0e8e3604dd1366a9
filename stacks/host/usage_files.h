// The files in which vpnd keeps what customers used: RUN_DIR/usage/2026-11 and, as a reboot empties that, copies in
// STATE_DIR/usage (stacks/host/state_copy.h).
#pragma once

#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "base/usage_record.h"

namespace warren::stacks {

[[nodiscard]] std::string usage_directory(const std::string& of);
// The months of which `directory` has a file, in no order. Other files are left out.
[[nodiscard]] std::vector<Month> months_in(const std::string& directory);
// The file of a month in the run-dir, for reading and writing: made when there is none, from the copy in the state
// directory ("": there are none) where that has one.
[[nodiscard]] Result<UniqueFd> open_usage(const std::string& run_dir, const std::string& state_dir, Month month);
// Removes the oldest one if there are more than kUsageMonths beside the present one, and it is older than these. One in
// a call: bills are made of them, and the wall clock may be wrong for a while.
void remove_old_usage(const std::string& of, Month now);

}  // namespace warren::stacks
