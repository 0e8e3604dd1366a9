#include "ctl/commands/stack_programs.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <chrono>
#include <fstream>
#include <ostream>
#include <thread>
#include <utility>

#include "base/customer_group.h"
#include "base/fd.h"
#include "base/printable.h"
#include "ctl/ask/netns.h"
#include "ctl/ask/stack_devices.h"
#include "ctl/ask/stack_state.h"
#include "stacks/plan/desired.h"

namespace warren::ctl {

namespace {

constexpr std::chrono::milliseconds kPatience(3000);  // between SIGTERM and SIGKILL
constexpr std::size_t kMostNamed = 8;                 // programs

}  // namespace

Result<std::optional<WatchedStack>> watch_stack(const Invocation& invocation, const std::string& customer) {
    auto stack = open_stack(customer);
    if (!stack && stack.error().code == ErrorCode::kNotFound) return std::optional<WatchedStack>();
    if (!stack) return tl::unexpected<Error>(stack.error());
    const auto devices = devices_of(customer);
    if (!devices) return tl::unexpected<Error>(devices.error());
    if (run_dir_of_stack(*devices) != invocation.run_dir) return std::optional<WatchedStack>();
    struct stat about {};
    if (::fstat(stack->get(), &about) != 0) return fail_errno("look at the stack", errno);
    return std::optional<WatchedStack>({std::move(*stack), about.st_ino});
}

int end_programs(const WatchedStack& stack, const std::string& customer, Output& output) {
    const auto left = end_processes(stack.number, kPatience);
    // What left the network of the stack, or makes processes faster than they are found, is still in the group.
    if (const auto groups = CustomerGroups::open()) {
        const std::string group = groups->path(customer) + "/" + kOperatorsGroup;
        std::ofstream(group + "/cgroup.kill") << "1" << std::flush;
        groups->remove(customer);
    }
    if (left.empty() || inhabitants_of(stack.number).empty()) return kDone;
    return complain(
        output, kFailed,
        fmt::format("{} was removed, but programs in its stack do not end, and keep it until they do", customer));
}

int refuse_programs(const Invocation& invocation, const WatchedStack& stack, const std::string& customer,
                    Output& output) {
    struct stat own {};
    if (::stat("/proc/self/ns/net", &own) == 0 && own.st_ino == stack.number)
        return complain(output, kFailed, fmt::format("this runs in the stack of {}; remove it from outside", customer));
    std::vector<StackProcess> programs = processes_of(inhabitants_of(stack.number));
    const std::vector<pid_t> noted = noted_services(invocation.run_dir, customer);
    std::erase_if(programs, [&noted](const StackProcess& process) { return is_service(process, noted); });
    if (programs.empty() || invocation.stack.kill) return kDone;
    std::string names;
    for (std::size_t i = 0; i < programs.size() && i < kMostNamed;
         ++i)  // in one line each, whatever they call themselves
        names += fmt::format("\n  {} {} ({})", programs[i].pid, printable(programs[i].command), programs[i].user);
    if (programs.size() > kMostNamed) names += fmt::format("\n  and {} more", programs.size() - kMostNamed);
    return complain(
        output, kFailed,
        fmt::format("in the stack of {} run programs that are not Warren's; --kill ends them:{}", customer, names));
}

int RemovedStacks::watch(const Invocation& invocation, const std::vector<std::string>& customers, Output& output) {
    for (const std::string& customer : customers) {
        auto stack = watch_stack(invocation, customer);
        if (!stack || !stack->has_value()) continue;
        if (const int status = refuse_programs(invocation, **stack, customer, output); status != kDone) return status;
        all_.push_back({customer, std::move(**stack)});
    }
    return kDone;
}

int RemovedStacks::end(Output& output) const {
    int out = kDone;
    for (const One& each : all_) {
        if (const auto now = stack_number(each.customer); now && *now == each.stack.number) continue;  // still there
        if (const int ended = end_programs(each.stack, each.customer, output); out == kDone) out = ended;
    }
    return out;
}

Status move_home(const std::string& customer, const std::string& device) {
    const auto stack = open_stack(customer);
    if (!stack) return tl::unexpected<Error>(stack.error());
    const UniqueFd here(::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
    if (!here.valid()) return fail_errno("open /proc/self/ns/net", errno);
    Status done;
    std::thread([&] {
        done = enter(*stack, customer);
        if (!done) return;
        const auto devices = devices_here();
        if (!devices) {
            done = tl::unexpected<Error>(devices.error());
            return;
        }
        done = fail(ErrorCode::kNotFound, fmt::format("there is no device {} in the stack of {}", device, customer));
        for (const StackDevice& one : *devices) {
            if (one.name != device) continue;
            done = move_device(one.index, here.get(), stacks::home_of(one.alias).value_or(one.name), "");
        }
    }).join();
    return done;
}

}  // namespace warren::ctl
