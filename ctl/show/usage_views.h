// What customers used in a month, for people and for programs.
#pragma once

#include <string>
#include <vector>

#include "base/usage_record.h"

namespace warren::ctl {

// `records`: as read_usage(). `with_peers`: each peer of a customer behind it.
[[nodiscard]] std::string usage_text(Month month, const std::vector<UsageRecord>& records, bool with_peers);
[[nodiscard]] std::string usage_json(Month month, const std::vector<UsageRecord>& records);
// A line for each customer and each of its peers, with a title; bytes as whole numbers (RFC 4180, lines end in LF).
[[nodiscard]] std::string usage_csv(Month month, const std::vector<UsageRecord>& records);

}  // namespace warren::ctl
