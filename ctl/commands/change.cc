#include "ctl/commands/change.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <ostream>

#include "config/parse.h"
#include "ctl/commands/check.h"
#include "ctl/commands/request.h"
#include "ctl/commands/terminal.h"
#include "ctl/files/customer_file.h"
#include "ctl/runners.h"

namespace warren::ctl {

namespace {

constexpr std::size_t kMostShown = 20;  // what is wrong with one of a thousand new peers is often wrong with all

}  // namespace

void print_diagnostics(const std::vector<std::string>& diagnostics, Output& output) {
    const std::size_t shown = std::min(diagnostics.size(), kMostShown);
    for (std::size_t i = 0; i < shown; ++i) output.err << diagnostics[i] << '\n';
    if (diagnostics.size() > shown) output.err << fmt::format("... and {} more\n", diagnostics.size() - shown);
}

int write_customer(const CustomerChange& change, const Invocation& invocation, Output& output) {
    if (const std::string problem = customer_problem(change.id); !problem.empty())
        return complain(output, kUsage, problem);
    const auto lock = lock_configuration(invocation.config_dir);
    if (!lock) return complain(output, kFailed, lock.error().what);
    const auto refusal = amend::change_customer(invocation.config_dir, change, check_of(invocation));
    if (!refusal) return kDone;
    print_diagnostics(refusal->diagnostics, output);
    return complain(output, kFailed, refusal->error.what);
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
    if (!amend::is_valid(next, to)) {
        print_diagnostics(amend::diagnostics_of(next, to), output);
        return complain(output, kFailed, "nothing was renamed");
    }
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
