// What stands in the way of removing a customer's stack: programs that run in it, and devices that were moved there.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "ctl/ask/stack_processes.h"
#include "ctl/command.h"

namespace warren::ctl {

// The customer's stack while its programs are looked at and ended, also after its name is gone.
struct WatchedStack {
    UniqueFd file;  // keeps the number from being another namespace's
    std::uint64_t number = 0;
};
// Nothing: the customer has no stack of this run-dir, which also no change of ours will remove.
[[nodiscard]] Result<std::optional<WatchedStack>> watch_stack(const Invocation& invocation,
                                                              const std::string& customer);

// Refuses with the names of the programs in the stack but Warren's own services, unless there are none or `--kill` was
// said, and also when this very process is in it. The exit status.
[[nodiscard]] int refuse_programs(const Invocation& invocation, const WatchedStack& stack, const std::string& customer,
                                  Output& output);
// Ends every program that is left in the stack: SIGTERM, then SIGKILL. The exit status.
[[nodiscard]] int end_programs(const WatchedStack& stack, const std::string& customer, Output& output);

// The stacks of customers that a command removes together.
class RemovedStacks {
  public:
    // Refuses as refuse_programs() does. A stack that may not be looked at is passed over. The exit status.
    [[nodiscard]] int watch(const Invocation& invocation, const std::vector<std::string>& customers, Output& output);
    // Ends what is left in those that are gone. The exit status.
    [[nodiscard]] int end(Output& output) const;

  private:
    struct One {
        std::string customer;
        WatchedStack stack;
    };
    std::vector<One> all_;
};

// Takes a device of the operator's out of the stack into the calling process's namespace, under the name that it had
// there when `stack move-device` moved it in. kNotFound: no such stack or device.
[[nodiscard]] Status move_home(const std::string& customer, const std::string& device);

}  // namespace warren::ctl
