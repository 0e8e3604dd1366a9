#include "ctl/commands/change.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <ostream>

#include "config/customer_files.h"
#include "config/customer_id.h"
#include "ctl/ask/control_client.h"
#include "ctl/commands/check.h"
#include "ctl/commands/request.h"
#include "ctl/commands/terminal.h"
#include "ctl/files/customer_file.h"
#include "ctl/files/files.h"
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

namespace {

// Why a file is not to be changed now; "": it may be. What would be written then could not come into force, and would
// go when the files of before come back.
std::string reason_to_wait(const Invocation& invocation) {
    const StackdStatus stackd = request_status(invocation.run_dir, "");
    if (!stackd.unconfirmed) return {};
    // A directory that this stackd does not use.
    if (invocation.change.no_apply && !check_by_stackd(invocation, "")) return {};
    const std::uint64_t left = stackd.unconfirmed->seconds_left;
    return fmt::format(
        "a configuration waits for its confirmation, for {} min {} s more: `vpnctl confirm` keeps it, `vpnctl "
        "rollback` "
        "brings revision {} back",
        left / 60, left % 60, stackd.unconfirmed->base);
}

}  // namespace

int write_customer(const CustomerChange& change, const Invocation& invocation, Output& output) {
    if (const std::string problem = customer_problem(change.id); !problem.empty())
        return complain(output, kUsage, problem);
    const auto lock = lock_configuration(invocation.config_dir);
    if (!lock) return complain(output, kFailed, lock.error().what);
    if (const std::string reason = reason_to_wait(invocation); !reason.empty())
        return complain(output, kFailed, reason + "; nothing was written");
    const auto refusal = amend::change_customer(invocation.config_dir, change, check_of(invocation));
    if (!refusal) return kDone;
    print_diagnostics(refusal->diagnostics, output);
    return complain(output, kFailed, refusal->error.what);
}

int remove_customer(const std::string& id, const std::vector<std::string>& below, const Invocation& invocation,
                    Output& output) {
    if (const std::string problem = customer_problem(id); !problem.empty()) return complain(output, kUsage, problem);
    const auto lock = lock_configuration(invocation.config_dir);
    if (!lock) return complain(output, kFailed, lock.error().what);
    if (const std::string reason = reason_to_wait(invocation); !reason.empty())
        return complain(output, kFailed, reason + "; nothing was removed");
    const std::string path = customer_path(invocation.config_dir, id);
    const auto before = read_state(path);
    if (!before) return complain(output, kFailed, before.error().what);
    if (!before->exists) return complain(output, kFailed, fmt::format("there is no customer {}: no {}", id, path));
    // Those of a reseller first, the innermost of them before others: whatever ends this, it can be done again.
    const auto found = customers_of_reseller(invocation.config_dir, id);
    if (!found) return complain(output, kFailed, found.error().what + "; nothing was removed");
    std::vector<std::string> ids = *found;
    if (ids != below)
        return complain(output, kFailed, fmt::format("the customers of {} changed meanwhile; nothing was removed", id));
    std::stable_sort(ids.begin(), ids.end(), [](const std::string& one, const std::string& other) {
        return config::level_of(one) > config::level_of(other);
    });
    for (const std::string& each : ids) {
        const std::string file = customer_path(invocation.config_dir, each);
        const auto now = read_state(file);
        const Status removed = now ? remove_file(file, *now) : Status(tl::unexpected<Error>(now.error()));
        if (!removed) return complain(output, kFailed, removed.error().what);
        (void)::rmdir(file.substr(0, file.rfind('/')).c_str());  // when it is empty
    }
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
    if (const std::string reason = reason_to_wait(invocation); !reason.empty())
        return complain(output, kFailed, reason + "; nothing was renamed");
    const std::string path = customer_path(invocation.config_dir, id);
    const auto before = read_state(path);
    if (!before) return complain(output, kFailed, before.error().what);
    if (!before->exists) return complain(output, kFailed, fmt::format("there is no customer {}: no {}", id, path));
    if (const Status place = check_place(invocation.config_dir, to); !place)
        return complain(output, kFailed, place.error().what + "; nothing was renamed");
    const std::string target = customer_path(invocation.config_dir, to);
    const auto without_suffix = [](const std::string& file) { return file.substr(0, file.rfind('.')); };
    for (const std::string& taken : {target, without_suffix(target)}) {
        if (::access(taken.c_str(), F_OK) == 0)
            return complain(output, kFailed, taken + " is there already; nothing was renamed");
    }
    // A reseller's customers come along.
    std::map<std::string, std::optional<std::string>> changed{{id, std::nullopt}, {to, before->text}};
    const auto found = customers_of_reseller(invocation.config_dir, id);
    if (!found) return complain(output, kFailed, found.error().what + "; nothing was renamed");
    const std::vector<std::string>& below = *found;
    for (const std::string& each : below) {
        const std::string renamed = to + each.substr(id.size());
        if (const std::string problem = customer_problem(renamed); !problem.empty())
            return complain(output, kFailed, problem + "; nothing was renamed");
        auto text = read_state(customer_path(invocation.config_dir, each));
        if (!text) return complain(output, kFailed, text.error().what);
        changed[each] = std::nullopt;
        changed[renamed] = std::move(text->text);
    }
    // What has errors stays as it was under its own id only.
    const config::Loaded next = config::load(invocation.config_dir, {.changed = &changed});
    for (const auto& [renamed, text] : changed) {
        if (!text || amend::is_valid(next, renamed)) continue;
        print_diagnostics(amend::diagnostics_of(next, renamed), output);
        return complain(output, kFailed,
                        renamed == to ? "nothing was renamed" : renamed + " has errors; nothing was renamed");
    }
    Status renamed = ensure_directory(target.substr(0, target.rfind('/')), 0755);
    if (renamed && !below.empty()) renamed = rename_file(without_suffix(path), without_suffix(target));
    if (renamed) {
        renamed = rename_file(path, target);
        if (!renamed && !below.empty()) (void)rename_file(without_suffix(target), without_suffix(path));
    }
    if (!renamed) return complain(output, kFailed, renamed.error().what);
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

Result<std::vector<std::string>> customers_of_reseller(const std::string& directory, const std::string& id) {
    config::CustomerFiles files = config::list_customer_files(directory);
    if (!files.complete) return fail(ErrorCode::kFailed, config::format(files.diagnostics.front()));
    std::vector<std::string> out = std::move(files.ids);
    std::erase_if(out, [&id](const std::string& each) { return !config::is_customer_of(each, id); });
    return out;
}

std::string customer_problem(const std::string& id) {
    if (config::is_customer_id(id)) return {};
    return fmt::format(
        "\"{}\" is no customer's id; accepted: a lower-case letter, then up to {} of a-z, 0-9 and "
        "\"-\"; of a reseller's customer RESELLER.ID",
        id, config::kMaxCustomerId - 1);
}

bool agrees(const std::string& question, Output& output) {
    if (::isatty(STDIN_FILENO) == 0) return false;
    const auto line = read_line("vpnctl: " + question + "? [y/N] ", Echo::kShown, output);
    return line && (*line == "y" || *line == "yes");
}

}  // namespace warren::ctl
