// customer: add, rm, rename, suspend, resume
#include <fmt/format.h>

#include <algorithm>
#include <ostream>
#include <string>
#include <vector>

#include "config/customer_id.h"
#include "config/edit/edit.h"
#include "config/parse.h"
#include "ctl/commands/change.h"
#include "ctl/commands/reseller_files.h"
#include "ctl/commands/stack_programs.h"
#include "ctl/files/customer_file.h"
#include "ctl/runners.h"

namespace warren::ctl {

namespace {

// The file of a customer that has a stack and no tunnels yet.
std::string new_customer_text(const std::string& id, const ChangeOptions& options) {
    std::string out = "schema = 1\n";
    out += fmt::format("name = {}\n", config::toml_string(options.name.empty() ? id : options.name));
    if (!options.description.empty())
        out += fmt::format("description = {}\n", config::toml_string(options.description));
    return out + fmt::format("\n[stack]\naddresses = {}\n", config::toml_strings(options.addresses));
}

// "; acme has 3 of 20 customers"; "": its reseller may have any number.
std::string count_text(const std::string& directory, const std::string& id) {
    const std::string reseller(config::reseller_of(id));
    if (reseller.empty()) return {};
    const std::string path = customer_path(directory, reseller);
    const auto file = read_state(path);
    if (!file) return {};
    std::vector<config::Diagnostic> ignored;
    const auto parsed = config::parse_customer(path, reseller, file->text, ignored);
    if (!parsed.value.reseller || !parsed.value.reseller->max_customers) return {};
    const auto below = customers_of_reseller(directory, reseller);
    if (!below) return {};
    return fmt::format("; {} has {} of {} customers", reseller, below->size(), *parsed.value.reseller->max_customers);
}

int add(const Invocation& invocation, const std::string& id, Output& output) {
    if (invocation.change.addresses.empty())
        return complain(output, kUsage,
                        "which addresses has the stack? For example --address 10.0.0.1/24 --address fd00:42::1/64");
    CustomerChange change;
    change.id = id;
    change.is_new = true;
    change.edit = [&](const std::string& /*text*/, const config::Customer& /*now*/) -> Result<std::string> {
        return new_customer_text(id, invocation.change);
    };
    if (const int status = write_customer(change, invocation, output); status != kDone) return status;
    output.out << fmt::format("{}/{} is written{}\n", invocation.config_dir, config::customer_file(id),
                              count_text(invocation.config_dir, id));
    return apply_change(invocation, "", output);
}

struct WatchedCustomer {
    std::string id;
    WatchedStack stack;
};
// The stacks of customers that go with their reseller: what runs in them counts too.
int watch_stacks(const Invocation& invocation, const std::vector<std::string>& ids, std::vector<WatchedCustomer>& out,
                 Output& output) {
    for (const std::string& id : ids) {
        auto stack = watch_stack(invocation, id);
        if (!stack || !stack->has_value()) continue;
        if (const int status = refuse_programs(invocation, **stack, id, output); status != kDone) return status;
        out.push_back({id, std::move(**stack)});
    }
    return kDone;
}

// Of those that were removed. The exit status.
int end_all_programs(const std::vector<WatchedCustomer>& all, Output& output) {
    int out = kDone;
    for (const WatchedCustomer& each : all) {
        if (const auto now = stack_number(each.id); now && *now == each.stack.number) continue;  // it is still there
        if (const int ended = end_programs(each.stack, each.id, output); out == kDone) out = ended;
    }
    return out;
}

std::string some_of(const std::vector<std::string>& ids) {
    constexpr std::size_t kShown = 5;
    const auto end = ids.begin() + static_cast<std::ptrdiff_t>(std::min(ids.size(), kShown));
    return fmt::format("{}{}", fmt::join(ids.begin(), end, ", "), ids.size() > kShown ? ", ..." : "");
}

int remove(const Invocation& invocation, const std::string& id, Output& output) {
    auto stack = watch_stack(invocation, id);
    if (!stack && stack.error().code != ErrorCode::kInvalid && stack.error().code != ErrorCode::kPermission)
        return complain(output, kFailed, stack.error().what);
    std::vector<WatchedCustomer> watched;
    if (stack && stack->has_value()) {
        if (const int status = refuse_programs(invocation, **stack, id, output); status != kDone) return status;
        watched.push_back({id, std::move(**stack)});
    }
    const auto found = customers_of_reseller(invocation.config_dir, id);
    if (!found) return complain(output, kFailed, found.error().what + "; nothing was removed");
    const std::vector<std::string>& below = *found;
    if (const int status = watch_stacks(invocation, below, watched, output); status != kDone) return status;
    const std::string what = below.empty() ? "its stack and its tunnels"
                                           : fmt::format("its {} customer{} ({}), their stacks and tunnels",
                                                         below.size(), below.size() == 1 ? "" : "s", some_of(below));
    if (!invocation.remove && !agrees(fmt::format("remove customer {} with {}", id, what), output))
        return complain(output, kAnswerIsNo, fmt::format("{} was not removed; --remove says that it shall be", id));
    if (const int status = remove_customer(id, below, invocation, output); status != kDone) return status;
    // The stack first: without its name and its devices there is no way out for what comes up meanwhile, and a change
    // that is refused ends nobody's program.
    const int applied = apply_change(invocation, id, output);
    if (!invocation.stack.kill) return applied;
    const int ended = end_all_programs(watched, output);
    return applied == kDone ? ended : applied;
}

int rename(const Invocation& invocation, const std::string& id, Output& output) {
    const std::string& to = invocation.arguments[2];
    if (const int status = rename_customer(id, to, invocation, output); status != kDone) return status;
    return apply_change(invocation, "", output);
}

int set_state(const Invocation& invocation, const std::string& id, const std::string& state, Output& output) {
    CustomerChange change;
    change.id = id;
    change.edit = [&](const std::string& text, const config::Customer& /*now*/) {
        return config::edit(text, config::SetKey{{""}, "state", config::toml_string(state)});
    };
    if (const int status = write_customer(change, invocation, output); status != kDone) return status;
    if (const std::string above = suspended_reseller(invocation.config_dir, id); state == "active" && !above.empty())
        output.err << fmt::format("vpnctl: {} stays suspended, as its reseller {} is; vpnctl customer resume {}\n", id,
                                  above, above);
    return apply_change(invocation, "", output);
}

}  // namespace

int run_customer(const Invocation& invocation, Output& output) {
    const std::string& verb = invocation.arguments[0];
    const std::string& id = invocation.arguments[1];
    if ((verb == "rename") != (invocation.arguments.size() == 3))
        return complain(output, kUsage, fmt::format("usage: {}", usage_of(*find_command("customer"))));
    if (verb == "rename") return rename(invocation, id, output);
    if (verb == "add") return add(invocation, id, output);
    if (verb == "rm") return remove(invocation, id, output);
    if (verb == "suspend") return set_state(invocation, id, "suspended", output);
    if (verb == "resume") return set_state(invocation, id, "active", output);
    return complain(output, kUsage,
                    fmt::format("there is no \"customer {}\"; usage: {}", verb, usage_of(*find_command("customer"))));
}

}  // namespace warren::ctl
