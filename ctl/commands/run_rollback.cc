// rollback: an earlier revision's files, written back and applied as a new revision
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <ostream>
#include <string_view>
#include <thread>
#include <vector>

#include "config/customer_id.h"
#include "config/load.h"
#include "ctl/ask/control_client.h"
#include "ctl/commands/change.h"
#include "ctl/commands/history.h"
#include "ctl/commands/known_customer.h"
#include "ctl/commands/request.h"
#include "ctl/commands/stack_programs.h"
#include "ctl/runners.h"
#include "history/unconfirmed.h"
#include "history/write_back.h"

namespace warren::ctl {

namespace {

// What is in force since a moment may not be in the history yet.
StackdStatus settled_status(const std::string& run_dir) {
    constexpr int kMost = 25;
    StackdStatus out = request_status(run_dir, "");
    for (int i = 0; i < kMost && !out.unconfirmed && out.revision == std::uint64_t{0}; ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(200));
        out = request_status(run_dir, "");
    }
    return out;
}

// Without a number the one before the last, which must be the one in force: else the one before it is another.
Result<std::uint64_t> target_of(const Invocation& invocation, const history::Revisions& revisions,
                                const StackdStatus& stackd) {
    if (!invocation.arguments.empty()) return revision_of(invocation.arguments[0], revisions);
    if (stackd.runs && stackd.revision != revisions.last())
        return fail(ErrorCode::kConflict,
                    fmt::format("what is in force is not revision {}, the last one of the history; say which one you "
                                "mean: `vpnctl history`, `vpnctl rollback N`",
                                revisions.last()));
    if (revisions.all.size() < 2)
        return fail(ErrorCode::kNotFound, "there is no revision before this one to go back to");
    return revisions.last() - 1;
}

// The files as they will be have no errors, or these are printed.
bool check(const Invocation& invocation, const config::Texts& texts, Output& output) {
    const std::string& customer = invocation.change.customer;
    config::Loaded next;
    if (customer.empty()) {
        next = config::load(invocation.config_dir, {.instead = &texts});
    } else {
        const auto found = texts.customers.find(customer);
        const std::map<std::string, std::optional<std::string>> changed{
            {customer, found == texts.customers.end() ? std::nullopt : std::optional(found->second)}};
        next = config::load(invocation.config_dir, {.changed = &changed});
    }
    bool valid = next.appliance_valid;
    for (const config::LoadedCustomer& each : next.customers) {
        if (customer.empty() || each.value().id == customer) valid = valid && each.valid;
    }
    if (valid) return true;
    for (const config::Diagnostic& one : next.diagnostics) {
        if (customer.empty() || one.customer.empty() || one.customer == customer)
            output.err << config::format(one) << '\n';
    }
    return false;
}

// Customers of the files of now that the revision does not have.
std::vector<std::string> removed_by(const Invocation& invocation, const config::Texts& texts) {
    std::vector<std::string> out;
    const config::Loaded now = config::load(invocation.config_dir);
    for (const config::LoadedCustomer& each : now.customers) {
        const std::string& id = each.value().id;
        const std::string& customer = invocation.change.customer;
        const bool is_meant = customer.empty() || customer == id;
        const bool goes_along = config::is_customer_of(id, customer) && !texts.customers.contains(customer);
        if (goes_along || (is_meant && !texts.customers.contains(id))) out.push_back(id);
    }
    return out;
}

// In single quotes unless every shell takes it as it is.
std::string shell_word(const std::string& text) {
    const bool is_plain = !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               std::string_view("-_./:,=@+").find(c) != std::string_view::npos;
    });
    if (is_plain) return text;
    std::string out = "'";
    for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return out + "'";
}

// This command again with --remove, to be pasted: "vpnctl rollback 1 --remove".
std::string removing_line(const Invocation& invocation) {
    const Invocation usual;
    std::string out = "vpnctl";
    const auto add = [&out](std::string_view option, const std::string& value, const std::string& standard) {
        if (value != standard) out += fmt::format(" {} {}", option, shell_word(value));
    };
    const auto add_switch = [&out](std::string_view option, bool is_given) {
        if (is_given) out += fmt::format(" {}", option);
    };
    add("--run-dir", invocation.run_dir, usual.run_dir);
    add("--config", invocation.config_dir, usual.config_dir);
    add("--state-dir", invocation.state_dir, usual.state_dir);
    out += " rollback";
    for (const std::string& word : invocation.arguments) out += " " + shell_word(word);
    add("--customer", invocation.change.customer, "");
    add("--comment", invocation.comment, "");
    add("--confirm-within", invocation.confirm_within, "");
    add_switch("--kill", invocation.stack.kill);
    add_switch("--no-apply", invocation.change.no_apply);
    add_switch("--verbose", invocation.verbose);
    add_switch("--json", invocation.json);
    return out + " --remove";
}

// Secrets are in no revision.
void tell_changed_secrets(const history::Revisions& revisions, std::uint64_t number, Output& output) {
    const auto before = history::manifest_at(revisions, number);
    if (!before) return;
    for (const history::FileChange& change : history::changes_between(*before, revisions.newest)) {
        if (history::has_text(change.name) || !change.before.exists()) continue;
        output.err << fmt::format("vpnctl: {} is another one since revision {}, and stays as it is\n", change.name,
                                  number);
    }
}

}  // namespace

int run_rollback(const Invocation& invocation, Output& output) {
    const std::string& customer = invocation.change.customer;
    if (!customer.empty()) {
        if (const std::string problem = customer_problem(customer); !problem.empty())
            return complain(output, kUsage, problem);
    }
    const StackdStatus stackd = settled_status(invocation.run_dir);
    if (stackd.runs && !stackd.silence.empty())
        return complain(output, kUnreachable,
                        "whether a configuration waits for a confirmation is not known: " + stackd.silence +
                            "; nothing was written");
    if (stackd.unconfirmed) {
        // What waits is what is meant; stackd has the time and the base.
        const std::string base = std::to_string(stackd.unconfirmed->base);
        if (!customer.empty() || (!invocation.arguments.empty() && invocation.arguments[0] != base))
            return complain(output, kFailed,
                            fmt::format("a configuration waits for `vpnctl confirm`; `vpnctl rollback` alone brings "
                                        "revision {} back",
                                        base));
        ipc::ControlRequest request{ipc::ControlVerb::kGoBack};
        request.comment = invocation.comment.empty() ? "vpnctl rollback" : invocation.comment;
        request.claimed_user = claimed_user();
        return request_from_stackd(request, invocation, output);
    }
    History history(invocation.state_dir);
    if (const Status read = history.read(); !read) return complain(output, kFailed, read.error().what);
    const auto number = target_of(invocation, history.revisions(), stackd);
    if (!number) return complain(output, kFailed, number.error().what);
    const auto texts = history.texts_at(*number);
    if (!texts) return complain(output, kFailed, texts.error().what);
    if (!customer.empty() && !texts->customers.contains(customer) && !is_known_customer(invocation, customer))
        return complain(output, kFailed, no_such_customer(invocation, customer));
    if (!check(invocation, *texts, output)) return complain(output, kFailed, "nothing was written");
    const std::vector<std::string> removed = removed_by(invocation, *texts);
    RemovedStacks stacks;
    if (!customer.empty()) {
        if (const int status = stacks.watch(invocation, removed, output); status != kDone) return status;
    }
    bool may_remove = invocation.remove;
    if (!may_remove && !removed.empty()) {
        const std::string question = fmt::format("revision {} does not have {}; remove {} and the stack", *number,
                                                 fmt::join(removed, ", "), removed.size() == 1 ? "it" : "them");
        may_remove = agrees(question, output);
        if (!may_remove)
            return complain(output, kAnswerIsNo,
                            fmt::format("{}: `{}`; nothing was written", question, removing_line(invocation)));
    }
    tell_changed_secrets(history.revisions(), *number, output);
    const auto written =
        history::write_back({invocation.config_dir, &*texts, customer,
                             [&history](std::string_view text) { return history.has(text); }, history::kept_tag()});
    if (!written) return complain(output, kFailed, written.error().what);
    for (const std::string& path : written->kept)
        output.out << fmt::format("a file that was never in force is kept as {}\n", path);
    if (invocation.change.no_apply) return kDone;
    Invocation apply = invocation;
    apply.remove = may_remove;
    apply.only = customer;
    if (apply.comment.empty()) apply.comment = fmt::format("rollback to revision {}", *number);
    const int applied = apply_files(apply, "", output);
    if (!invocation.stack.kill) return applied;
    const int ended = stacks.end(output);
    return applied == kDone ? ended : applied;
}

}  // namespace warren::ctl
