#include "ctl/ask/stack_state.h"

#include <dirent.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <ctime>
#include <memory>
#include <optional>
#include <string_view>
#include <thread>

#include "base/kernel_names.h"
#include "config/parse.h"
#include "ctl/ask/control_client.h"
#include "ctl/ask/netns.h"
#include "stacks/plan/desired.h"
#include "stacks/plan/sysctls.h"

namespace warren::ctl {

namespace {

std::string mark_of(const std::vector<StackDevice>& devices) {
    const auto found = std::find_if(devices.begin(), devices.end(),
                                    [](const StackDevice& device) { return device.name == stacks::kLoopback; });
    return found == devices.end() ? std::string() : found->alias;
}

// The namespace's file is as old as its name.
std::uint64_t age_of(const std::string& customer) {
    struct stat about {};
    const std::string path = std::string(kNamespaceDirectory) + "/" + kNamespacePrefix + customer;
    const std::time_t now = std::time(nullptr);
    if (::stat(path.c_str(), &about) != 0 || about.st_ctime > now) return 0;
    return static_cast<std::uint64_t>(now - about.st_ctime);
}

// vpnd has it without a TUN, and stackd knows nothing that is wrong with its stack.
bool is_parked(const std::string& run_dir, const CustomerStatus& status, std::optional<StackdStatus>& stackd) {
    if (!status.customer.activity.is_parked) return false;
    if (!stackd) stackd = request_status(run_dir, "");
    return stack_problem_of(*stackd, status.customer.settings.id).empty();
}

std::string state_of(const Result<Snapshot>& snapshot, const StackSummary& stack, const std::string& run_dir) {
    if (run_dir_of_stack(stack.devices) != run_dir) return "other";
    if (!snapshot && snapshot.error().code == ErrorCode::kUnavailable) return "unknown";
    if (!snapshot) return "not served";
    const auto found =
        std::find_if(snapshot->customers.begin(), snapshot->customers.end(),
                     [&stack](const CustomerStatus& one) { return one.customer.settings.id == stack.customer; });
    if (found == snapshot->customers.end()) return "not served";
    return found->customer.settings.suspended ? "suspended" : "up";
}

}  // namespace

std::optional<std::string> run_dir_of_stack(const std::vector<StackDevice>& devices) {
    return stacks::run_dir_of(mark_of(devices));
}

std::vector<std::string> customers_with_stacks() {
    std::vector<std::string> out;
    const std::unique_ptr<DIR, int (*)(DIR*)> names(::opendir(kNamespaceDirectory), &::closedir);
    if (names == nullptr) return out;
    constexpr std::string_view kPrefix = kNamespacePrefix;
    while (const dirent* entry = ::readdir(names.get())) {
        const std::string_view name = entry->d_name;
        if (name.starts_with(kPrefix) && config::is_customer_id(name.substr(kPrefix.size())))
            out.emplace_back(name.substr(kPrefix.size()));
    }
    std::sort(out.begin(), out.end());
    return out;
}

Result<std::vector<StackSummary>> stacks_of(const std::string& run_dir, const std::string& customer) {
    const auto snapshot = fetch_snapshot(run_dir, {customer, false});
    std::vector<std::string> ids = customer.empty() ? customers_with_stacks() : std::vector<std::string>{customer};
    auto running = pids_by_namespace();
    std::vector<StackSummary> out;
    std::optional<StackdStatus> stackd;  // asked for once, where a customer is parked
    for (const std::string& id : ids) {
        const auto number = stack_number(id);
        if (!number && number.error().code == ErrorCode::kNotFound && customer.empty()) continue;  // gone meanwhile
        if (!number && snapshot && snapshot->customers.size() == 1 &&
            is_parked(run_dir, snapshot->customers.front(), stackd))
            return std::vector<StackSummary>{{id, "parked", {}, {}, 0}};
        if (!number) return tl::unexpected<Error>(number.error());
        auto devices = devices_of(id);
        if (!devices) return tl::unexpected<Error>(devices.error());
        StackSummary stack{id, "", std::move(*devices), processes_of(running[*number]), age_of(id)};
        stack.state = state_of(snapshot, stack, run_dir);
        out.push_back(std::move(stack));
    }
    for (std::size_t i = 0; customer.empty() && snapshot && i < snapshot->customers.size(); ++i) {
        const std::string& id = snapshot->customers[i].customer.settings.id;
        if (!std::binary_search(ids.begin(), ids.end(), id))
            out.push_back({id, is_parked(run_dir, snapshot->customers[i], stackd) ? "parked" : "missing", {}, {}, 0});
    }
    std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.customer < b.customer; });
    return out;
}

StackProcessor processor_of(const std::string& run_dir, const std::string& customer) {
    StackProcessor out;
    const auto snapshot = fetch_snapshot(run_dir, {customer, false});
    if (snapshot && snapshot->customers.size() == 1) {
        const ipc::CustomerSnapshot& found = snapshot->customers[0].customer;
        out.packets_in = found.activity.rx_cpu_nanoseconds;
        out.packets_out = found.activity.tx_cpu_nanoseconds;
        out.share = found.settings.share;
    }
    const auto groups = CustomerGroups::open();
    if (groups) {
        out.programs = groups->usage(customer);
    } else {
        out.no_programs = groups.error().what;
    }
    return out;
}

Result<std::vector<StackSysctl>> sysctls_of(const std::string& customer) {
    std::vector<StackSysctl> out;
    std::vector<std::string> paths;
    for (const stacks::SysctlRow& row : stacks::sysctl_table()) {
        // conf/all stands for its copies: a device without the value is mended by stackd.
        const char* place = row.scope == stacks::SysctlScope::kNamespace    ? ""
                            : row.scope == stacks::SysctlScope::kTunnelOnly ? "conf/vpn0/"
                                                                            : "conf/all/";
        out.push_back({fmt::format("{}/{}{}", row.family, place, row.parameter), row.value, std::nullopt, row.reason});
        paths.push_back(out.back().path);
    }
    const auto found = sysctls_of_stack(customer, paths);
    if (!found) return tl::unexpected<Error>(found.error());
    for (StackSysctl& sysctl : out) {
        if (const auto value = found->find(sysctl.path); value != found->end()) sysctl.found = value->second;
    }
    return out;
}

}  // namespace warren::ctl
