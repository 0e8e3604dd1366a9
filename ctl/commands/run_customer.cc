// customer: add, rm, rename, suspend, resume
#include <fmt/format.h>

#include <ostream>

#include "config/edit/edit.h"
#include "ctl/commands/change.h"
#include "ctl/commands/stack_programs.h"
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
    output.out << fmt::format("{}/customers/{}.toml is written\n", invocation.config_dir, id);
    return apply_change(invocation, "", output);
}

int remove(const Invocation& invocation, const std::string& id, Output& output) {
    const auto stack = watch_stack(invocation, id);
    if (!stack && stack.error().code != ErrorCode::kInvalid && stack.error().code != ErrorCode::kPermission)
        return complain(output, kFailed, stack.error().what);
    const bool is_watched = stack && stack->has_value();
    if (is_watched) {
        if (const int status = refuse_programs(invocation, **stack, id, output); status != kDone) return status;
    }
    if (!invocation.remove && !agrees(fmt::format("remove customer {} with its stack and its tunnels", id), output))
        return complain(output, kAnswerIsNo, fmt::format("{} was not removed; --remove says that it shall be", id));
    if (const int status = remove_customer(id, invocation, output); status != kDone) return status;
    // The stack first: without its name and its devices there is no way out for what comes up meanwhile, and a change
    // that is refused ends nobody's program.
    const int applied = apply_change(invocation, id, output);
    if (!is_watched || !invocation.stack.kill) return applied;
    if (const auto now = stack_number(id); now && *now == (*stack)->number) return applied;  // it was not removed
    const int ended = end_programs(**stack, id, output);
    return applied == kDone ? ended : applied;
}

int rename(const Invocation& invocation, const std::string& id, Output& output) {
    if (const int status = rename_customer(id, invocation.arguments[2], invocation, output); status != kDone)
        return status;
    return apply_change(invocation, "", output);
}

int set_state(const Invocation& invocation, const std::string& id, const std::string& state, Output& output) {
    CustomerChange change;
    change.id = id;
    change.edit = [&](const std::string& text, const config::Customer& /*now*/) {
        return config::edit(text, config::SetKey{{""}, "state", config::toml_string(state)});
    };
    if (const int status = write_customer(change, invocation, output); status != kDone) return status;
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
