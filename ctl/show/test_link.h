// What [traffic.emulate] does to a customer's packets, for people and programs.
#pragma once

#include <string>

#include "ctl/show/json.h"
#include "ipc/snapshot.h"

namespace warren::ctl {

[[nodiscard]] bool is_test_link(const ipc::CustomerSettings& settings);
// A line of the status of a customer: "test link   up: delay 50 ms, loss 1 %; down: nothing"; "" for no test link.
[[nodiscard]] std::string test_link_line(const ipc::CustomerSettings& settings);
// {"up": {"delay_us": 50000, ...}, "down": {...}}, parts in millionths; null: it is no test link.
[[nodiscard]] Json test_link_of(const ipc::CustomerSettings& settings);

}  // namespace warren::ctl
