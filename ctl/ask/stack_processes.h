// The programs that run in customers' stacks, found by comparing /proc/PID/ns/net.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace warren::ctl {

struct StackProcess {
    pid_t pid = 0;
    std::string user;                   // its name, else its number
    std::string command;                // with its arguments; "[NAME]" when it shows none
    std::uint64_t cpu_nanoseconds = 0;  // of all its threads
    std::uint64_t memory = 0;           // bytes: of what it shares with others its part, where the kernel says so
    std::uint64_t seconds = 0;          // since it began
    std::string leaf;                   // the control group below its customer's: "exec", "dns"; "": it is in none
    pid_t parent = 0;

    bool operator==(const StackProcess&) const = default;
};

// Of each network namespace of the machine the processes, by the number of the namespace (its inode). Sees those that
// this process may look at: root sees all, of its own PID namespace. Only pids, which is enough to count.
[[nodiscard]] std::map<std::uint64_t, std::vector<pid_t>> pids_by_namespace();

// The number of the customer's namespace. kNotFound: no such stack.
[[nodiscard]] Result<std::uint64_t> stack_number(const std::string& customer);

// What /proc says of these; one that has ended meanwhile is left out.
[[nodiscard]] std::vector<StackProcess> processes_of(const std::vector<pid_t>& pids);

// The processes that stackd has noted in RUN_DIR/services for the services of a customer: the program, or the keeper
// whose child it is.
[[nodiscard]] std::vector<pid_t> noted_services(const std::string& run_dir, const std::string& customer);
// It is a service of Warren's: one of `noted`, a child of one, or in the control group of a service.
[[nodiscard]] bool is_service(const StackProcess& process, const std::vector<pid_t>& noted);

// Those of the stack that live there: two looks, some time apart, see them. Leaves out who only visits it, as stackd
// does each time that it looks at one.
[[nodiscard]] std::vector<pid_t> inhabitants_of(std::uint64_t stack);

// Whether a process of this user and program ("/usr/sbin/stackd", as /proc/PID/exe has it) is a daemon of Warren's that
// enters stacks: nobody may end it for a customer's program.
[[nodiscard]] bool is_own_daemon(uid_t user, const std::string& program);

// Sends SIGTERM to the stack's inhabitants, and SIGKILL to those that are left after `patience`. Those that still run.
[[nodiscard]] std::vector<pid_t> end_processes(std::uint64_t stack, std::chrono::milliseconds patience);

// "dns" of "0::/warren.slice/customer-acme/dns" for the customer's process; "" when it is in no group of a
// customer. Of the text of /proc/PID/cgroup.
[[nodiscard]] std::string leaf_in(const std::string& groups);

// What matters of /proc/PID/stat (proc_pid_stat(5)): ticks of user, system and begin.
struct ProcessTimes {
    std::uint64_t user = 0;
    std::uint64_t system = 0;
    std::uint64_t began = 0;
    bool operator==(const ProcessTimes&) const = default;
};
// Nothing: it is no such text. The program's name may have any characters.
[[nodiscard]] std::optional<ProcessTimes> parse_times(const std::string& stat);

}  // namespace warren::ctl
