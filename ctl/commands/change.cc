#include "ctl/commands/change.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <ostream>

#include "config/parse.h"
#include "ctl/commands/request.h"
#include "ctl/commands/terminal.h"
#include "ctl/files/customer_file.h"
#include "ctl/runners.h"

namespace warren::ctl {

namespace {

constexpr std::size_t kMostShown = 20;  // what is wrong with one of a thousand new peers is often wrong with all
constexpr int kMostTries = 5;           // against somebody who changes the file all the time

// Whether the customer and the appliance have no errors; otherwise these are printed, with what else is known of them.
bool check(const config::Loaded& next, const std::string& id, Output& output) {
    const auto customer = std::find_if(next.customers.begin(), next.customers.end(),
                                       [&id](const auto& one) { return one.value().id == id; });
    if (next.appliance_valid && customer != next.customers.end() && customer->valid) return true;
    print_diagnostics(next, id, output);
    return false;
}

Result<std::string> edited(const CustomerChange& change, const FileState& before, const std::string& path) {
    if (change.is_new && before.exists) return fail(ErrorCode::kConflict, path + " is there already");
    if (!change.is_new && !before.exists)
        return fail(ErrorCode::kNotFound, fmt::format("there is no customer {}: no {}", change.id, path));
    std::vector<config::Diagnostic> ignored;  // an invalid file can be edited into a valid one
    const auto now = config::parse_customer(path, change.id, before.text, ignored);
    return change.edit(before.text, now.value);
}

}  // namespace

void print_diagnostics(const config::Loaded& next, const std::string& id, Output& output) {
    std::size_t count = 0;
    for (const config::Diagnostic& one : next.diagnostics) {
        if (one.customer != id && !(one.customer.empty() && !next.appliance_valid)) continue;
        if (++count <= kMostShown) output.err << config::format(one) << '\n';
    }
    if (count > kMostShown) output.err << fmt::format("... and {} more\n", count - kMostShown);
}

int write_customer(const CustomerChange& change, const Invocation& invocation, Output& output) {
    if (const std::string problem = customer_problem(change.id); !problem.empty())
        return complain(output, kUsage, problem);
    const auto lock = lock_configuration(invocation.config_dir);
    if (!lock) return complain(output, kFailed, lock.error().what);
    const std::string path = customer_path(invocation.config_dir, change.id);
    for (int i = 0; i < kMostTries; ++i) {
        const auto before = read_state(path);
        if (!before) return complain(output, kFailed, before.error().what);
        if (const Status writable = check_writable(path, *before); !writable)
            return complain(output, kFailed, writable.error().what + "; nothing was written");
        const auto text = edited(change, *before, path);
        if (!text) return complain(output, kFailed, text.error().what);
        const std::map<std::string, std::optional<std::string>> changed{{change.id, *text}};
        const config::Loaded next = config::load(invocation.config_dir, {.changed = &changed});
        if (!check(next, change.id, output)) return complain(output, kFailed, "nothing was written");
        if (const Status ready = change.before_writing(next); !ready)
            return complain(output, kFailed, ready.error().what + "; nothing was written");
        if (before->exists && *text == before->text) return kDone;
        const Status written = write_over(path, *before, *text);
        if (written) return kDone;
        if (written.error().code != ErrorCode::kConflict) return complain(output, kFailed, written.error().what);
    }
    return complain(output, kFailed, path + " is changed by somebody else all the time; nothing was written");
}

int remove_customer(const std::string& id, const Invocation& invocation, Output& output) {
    if (const std::string problem = customer_problem(id); !problem.empty()) return complain(output, kUsage, problem);
    const auto lock = lock_configuration(invocation.config_dir);
    if (!lock) return complain(output, kFailed, lock.error().what);
    const std::string path = customer_path(invocation.config_dir, id);
    const auto before = read_state(path);
    if (!before) return complain(output, kFailed, before.error().what);
    if (!before->exists) return complain(output, kFailed, fmt::format("there is no customer {}: no {}", id, path));
    if (const Status removed = remove_file(path, *before); !removed)
        return complain(output, kFailed, removed.error().what);
    return kDone;
}

int rename_customer(const std::string& id, const std::string& to, const Invocation& invocation, Output& output) {
    for (const std::string* each : {&id, &to})
        if (const std::string problem = customer_problem(*each); !problem.empty())
            return complain(output, kUsage, problem);
    const auto lock = lock_configuration(invocation.config_dir);
    if (!lock) return complain(output, kFailed, lock.error().what);
    const std::string path = customer_path(invocation.config_dir, id);
    const auto before = read_state(path);
    if (!before) return complain(output, kFailed, before.error().what);
    if (!before->exists) return complain(output, kFailed, fmt::format("there is no customer {}: no {}", id, path));
    const std::map<std::string, std::optional<std::string>> changed{{id, std::nullopt}, {to, before->text}};
    const config::Loaded next = config::load(invocation.config_dir, {.changed = &changed});
    if (!check(next, to, output)) return complain(output, kFailed, "nothing was renamed");
    if (const Status renamed = rename_file(path, customer_path(invocation.config_dir, to)); !renamed)
        return complain(output, kFailed, renamed.error().what);
    return kDone;
}

int apply_change(const Invocation& invocation, const std::string& removed, Output& output) {
    if (invocation.change.no_apply) return kDone;
    Invocation apply = invocation;
    apply.json = false;
    apply.remove = false;
    const int status = apply_files(apply, removed, output);
    if (status == kUnreachable)
        output.err << "vpnctl: the file is written; stackd applies it when it starts, or on `vpnctl apply`\n";
    return status;
}

std::string customer_problem(const std::string& id) {
    if (config::is_customer_id(id)) return {};
    return fmt::format("\"{}\" is no customer's id; accepted: a lower-case letter, then up to {} of a-z, 0-9 and \"-\"",
                       id, config::kMaxCustomerId - 1);
}

bool agrees(const std::string& question, Output& output) {
    if (::isatty(STDIN_FILENO) == 0) return false;
    const auto line = read_line("vpnctl: " + question + "? [y/N] ", Echo::kShown, output);
    return line && (*line == "y" || *line == "yes");
}

}  // namespace warren::ctl
