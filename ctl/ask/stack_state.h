// One customer's stack as a whole: what the kernel, vpnd and the control groups say of it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/customer_group.h"
#include "base/result.h"
#include "ctl/ask/snapshot_client.h"
#include "ctl/ask/stack_devices.h"
#include "ctl/ask/stack_processes.h"
#include "ctl/ask/stack_sockets.h"

namespace warren::ctl {

struct StackSummary {
    std::string customer;
    std::string state;  // "up"; "suspended", "not served": by vpnd; "missing": there is no stack; "parked": there is
                        // none until a packet needs one; "unknown": vpnd is silent; "other": of another run-dir, or
                        // not Warren's
    std::vector<StackDevice> devices;
    std::vector<StackProcess> processes;
    std::uint64_t seconds = 0;  // since the stack got its name
};

// The run-dir of the instance whose stack has these devices; nothing: it is not Warren's.
[[nodiscard]] std::optional<std::string> run_dir_of_stack(const std::vector<StackDevice>& devices);

// Of the customer, or of all ("") by id: those that have a stack here, and those that vpnd serves without one. Needs
// root. kNotFound: the customer has neither.
[[nodiscard]] Result<std::vector<StackSummary>> stacks_of(const std::string& run_dir, const std::string& customer);

// Processor time that was spent for a customer, as far as it can be told apart.
struct StackProcessor {
    std::optional<std::uint64_t> packets_in;   // nanoseconds in vpnd for its packets, since vpnd serves it; nothing:
    std::optional<std::uint64_t> packets_out;  // vpnd does not answer
    std::optional<CustomerGroups::Usage> programs;
    std::string no_programs;  // why there is no such figure; "": there is, or no program ever ran
    std::uint16_t share = 0;  // traffic.share; 0: vpnd does not answer
};
[[nodiscard]] StackProcessor processor_of(const std::string& run_dir, const std::string& customer);

// A parameter that Warren sets.
struct StackSysctl {
    std::string path;  // below /proc/sys/net
    std::string wanted;
    std::optional<std::string> found;
    std::string reason;
};
// What stackd sets in the stack and on vpn0, and what is there now.
[[nodiscard]] Result<std::vector<StackSysctl>> sysctls_of(const std::string& customer);

// The customers that have a namespace with such a name, by id.
[[nodiscard]] std::vector<std::string> customers_with_stacks();

}  // namespace warren::ctl
