// What `vpnctl stack` prints. Pure.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "ctl/ask/stack_state.h"
#include "ctl/show/firewall.h"
#include "ctl/show/routes.h"

namespace warren::ctl {

// Everything about one stack.
struct ShownStack {
    StackSummary summary;
    StackProcessor processor;
    std::vector<StackRoute> routes;
    std::vector<StackSocket> sockets;
    ShownFirewall firewall;
    std::vector<StackSysctl> sysctls;
    std::map<std::string, std::uint64_t> counters;
};

// `recursive`: a line for each device and process of a stack below its own.
[[nodiscard]] std::string stacks_text(const std::vector<StackSummary>& stacks, bool recursive);
[[nodiscard]] std::string stacks_json(const std::vector<StackSummary>& stacks);
[[nodiscard]] std::string stack_text(const ShownStack& stack);
[[nodiscard]] std::string stack_json(const ShownStack& stack);

// "0.210 s, 1.20 MiB now, weight 100": what the customer's programs spent, or why that is not known.
[[nodiscard]] std::string programs_text(const StackProcessor& processor);

}  // namespace warren::ctl
