// stack: list, show, exec, move-device
#include <fcntl.h>
#include <fmt/format.h>
#include <net/if.h>

#include <algorithm>
#include <ostream>

#include "config/load.h"
#include "config/parse.h"
#include "ctl/ask/confined.h"
#include "ctl/ask/held_stack.h"
#include "ctl/ask/learned.h"
#include "ctl/ask/netns.h"
#include "ctl/ask/resolver.h"
#include "ctl/ask/stack_devices.h"
#include "ctl/commands/device_check.h"
#include "ctl/commands/stack_programs.h"
#include "ctl/files/customer_file.h"
#include "ctl/runners.h"
#include "ctl/show/stack_views.h"
#include "stacks/plan/desired.h"

namespace warren::ctl {

namespace {

int usage(Output& output) {
    return complain(output, kUsage, fmt::format("usage: {}", usage_of(*find_command("stack"))));
}

// What its file says, where there is one that can be read.
config::Customer customer_of(const Invocation& invocation, const std::string& id) {
    config::Customer out;
    out.id = id;
    const std::string path = customer_path(invocation.config_dir, id);
    const auto file = config::is_customer_id(id) ? read_state(path) : Result<FileState>();
    if (!file || !file->exists) return out;
    std::vector<config::Diagnostic> ignored;
    return config::parse_customer(path, id, file->text, ignored).value;
}

int list(const Invocation& invocation, Output& output) {
    const auto stacks = stacks_of(invocation.run_dir, "");
    if (!stacks) return complain(output, kFailed, stacks.error().what);
    output.out << (invocation.json ? stacks_json(*stacks) : stacks_text(*stacks, invocation.stack.recursive));
    return kDone;
}

Result<ShownStack> look_at(const Invocation& invocation, const std::string& id) {
    auto stacks = stacks_of(invocation.run_dir, id);
    if (!stacks) return tl::unexpected<Error>(stacks.error());
    ShownStack out;
    out.summary = std::move(stacks->front());
    out.processor = processor_of(invocation.run_dir, id);
    if (out.summary.state == "parked") return out;
    const auto take = [](auto from, auto& to) -> Status {
        if (!from) return tl::unexpected<Error>(from.error());
        to = std::move(*from);
        return {};
    };
    std::vector<pid_t> pids;
    for (const StackProcess& process : out.summary.processes) pids.push_back(process.pid);
    WARREN_TRY(take(routes_of(id), out.routes));
    note_learned(learned_of(invocation.run_dir, id), out.routes);
    WARREN_TRY(take(firewall_of(id), out.firewall));
    WARREN_TRY(take(sockets_of(id, pids), out.sockets));
    WARREN_TRY(take(sysctls_of(id), out.sysctls));
    WARREN_TRY(take(counters_of_stack(id), out.counters));
    return out;
}

int show(const Invocation& invocation, const std::string& id, Output& output) {
    const auto stack = look_at(invocation, id);
    if (!stack) return complain(output, kFailed, stack.error().what);
    output.out << (invocation.json ? stack_json(*stack) : stack_text(*stack));
    return kDone;
}

// A device that the configuration or the kernel makes in every stack.
bool is_warrens(const std::string& device) {
    return device == stacks::kTunnelDevice || device == stacks::kHandoffDevice ||
           device == stacks::kUnfinishedHandoff || device == stacks::kLoopback;
}

const StackDevice* named(const std::vector<StackDevice>& devices, const std::string& name) {
    const auto found =
        std::find_if(devices.begin(), devices.end(), [&name](const auto& device) { return device.name == name; });
    return found == devices.end() ? nullptr : &*found;
}

std::vector<HandoffParent> handoff_parents(const std::string& config_dir) {
    std::vector<HandoffParent> out;
    for (const auto& each : config::load(config_dir, {.secrets_may_be_absent = true}).customers) {
        const auto& handoff = each.value().handoff;
        if (handoff && !handoff->parent.empty()) out.push_back({each.value().id, handoff->parent});
    }
    return out;
}

int move_in(const Invocation& invocation, const std::string& id, const std::string& name, Output& output) {
    if (is_warrens(name))
        return complain(output, kFailed,
                        fmt::format("{} is the name of a device that every stack has of Warren", name));
    const auto stack = hold_stack(invocation.run_dir, id);  // with this device in it, it is not parked any more
    if (!stack) return complain(output, kFailed, stack.error().what);
    const auto devices = devices_here();
    if (!devices) return complain(output, kFailed, devices.error().what);
    const StackDevice* device = named(*devices, name);
    if (device == nullptr) return complain(output, kFailed, fmt::format("there is no device {} here", name));
    const auto routes = routes_here();
    if (!routes) return complain(output, kFailed, routes.error().what);
    const UplinkUse uplink{*devices, *routes, handoff_parents(invocation.config_dir)};
    if (const std::string kept = why_kept(*device, uplink); !kept.empty()) return complain(output, kFailed, kept);
    if (const std::string lost = what_is_lost(*device, uplink); !lost.empty() && !invocation.change.force)
        return complain(output, kFailed,
                        fmt::format("{} {}, which would be lost: this machine may be reached by it. With --force it "
                                    "goes nevertheless",
                                    name, lost));
    if (const Status moved = move_device(device->index, stack->get(), name, stacks::moved_mark(name)); !moved)
        return complain(output, kFailed, fmt::format("{}: {}", name, moved.error().what));
    output.out << fmt::format(
        "{} is in the stack of {}, without an address; vpnctl stack exec --user root {} -- ip "
        "addr add ... dev {} gives it one\n",
        name, id, id, name);
    return kDone;
}

int move_back(const std::string& id, const std::string& name, Output& output) {
    if (is_warrens(name))
        return complain(
            output, kFailed,
            fmt::format("{} belongs to the customer's file ([handoff]), and goes back when that says so", name));
    if (const Status moved = move_home(id, name); !moved) return complain(output, kFailed, moved.error().what);
    output.out << fmt::format("{} is here again\n", name);
    return kDone;
}

int run_inside(const Invocation& invocation, const std::string& id, const std::string& user_name, Output& output) {
    output.out << std::flush;
    const config::Customer customer = customer_of(invocation, id);
    const auto stack = hold_stack(invocation.run_dir, id, config::is_parkable(customer));
    if (!stack) return complain(output, kFailed, stack.error().what);
    const auto user = find_user(user_name);
    if (!user) return complain(output, kUsage, user.error().what);
    // Without a group nothing is counted, which `stack show` says; the program runs nevertheless.
    const auto groups = CustomerGroups::open();
    const auto group = groups ? groups->make(id, customer.traffic.share, kOperatorsGroup)
                              : Result<std::string>(tl::unexpected<Error>(groups.error()));
    if (user->user == 0) {
        if (group) (void)CustomerGroups::enter(*group);
        // The program has it, and whatever it leaves running, so that the stack stays while one of them has it open.
        if (::fcntl(stack->get(), F_SETFD, 0) != 0) return complain(output, kFailed, "the stack cannot be held");
        return complain(output, kFailed, become_in_stack(id, invocation.program).what);
    }
    const auto status =
        run_confined(id, invocation.program, {*user, resolv_conf_of(customer), hosts_of(customer), group.value_or("")});
    return status ? *status : complain(output, kFailed, status.error().what);
}

}  // namespace

int run_exec(const Invocation& invocation, Output& output) {
    const std::string& user = invocation.stack.user;
    return run_inside(invocation, invocation.arguments[0], user.empty() ? "root" : user, output);
}

int run_stack(const Invocation& invocation, Output& output) {
    const std::vector<std::string>& words = invocation.arguments;
    const std::string& verb = words[0];
    const bool is_exec = verb == "exec";
    if (is_exec == invocation.program.empty()) return usage(output);
    if (verb == "list" && words.size() == 1) return list(invocation, output);
    if (verb == "show" && words.size() == 2) return show(invocation, words[1], output);
    if (is_exec && words.size() == 2)
        return run_inside(invocation, words[1], invocation.stack.user.empty() ? usual_user() : invocation.stack.user,
                          output);
    if (verb == "move-device" && words.size() == 3)
        return invocation.stack.back ? move_back(words[1], words[2], output)
                                     : move_in(invocation, words[1], words[2], output);
    return usage(output);
}

}  // namespace warren::ctl
