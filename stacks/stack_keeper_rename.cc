// A stack gets the name of another customer. The order is such that a stackd which is killed in the middle finds its
// way: each namespace gets its passing name first; only when all have theirs does the first old name go.
#include <algorithm>
#include <map>

#include "base/log.h"
#include "stacks/plan/renames.h"
#include "stacks/stack_keeper.h"

namespace warren::stacks {

Result<std::vector<Rename>> StackKeeper::stacks_of(const std::vector<Rename>& renames) {
    const auto names = kernel_.stack_names();
    if (!names) return tl::unexpected(names.error());
    const auto exists = [&names](const std::string& customer) {
        return std::binary_search(names->begin(), names->end(), namespace_name(customer));
    };
    std::vector<Rename> out;
    for (const Rename& rename : renames) {
        if (!exists(rename.from)) continue;
        const auto owner = kernel_.owner_of(namespace_name(rename.from));
        if (!owner) return with_context(namespace_name(rename.from), owner.error());
        if (*owner == owner_mark(run_dir_, rename.from)) out.push_back(rename);
    }
    for (const Rename& rename : out) {
        const bool is_given_up =
            std::any_of(out.begin(), out.end(), [&](const Rename& other) { return other.from == rename.to; });
        if (exists(rename.to) && !is_given_up && kernel_.number_of(namespace_name(rename.to)))
            return fail(ErrorCode::kConflict, "the namespace " + namespace_name(rename.to) +
                                                  " exists already; remove it, or give the customer another id");
    }
    return out;
}

Status StackKeeper::rename(const std::vector<Rename>& renames) {
    WARREN_TRY(finish_renames());
    const auto stacks = stacks_of(renames);
    if (!stacks) return tl::unexpected(stacks.error());
    WARREN_TRY(observe_uplink());
    Status named;
    for (const Rename& rename : *stacks) {
        const Step give = GiveName{passing_name(rename.to)};
        named = kernel_.carry_out(namespace_name(rename.from), std::span(&give, 1));
        if (!named) break;
    }
    if (named) rename_outers(*stacks);
    if (named) named = finish_renames();
    if (!named) {
        undo_renames(*stacks);
        return named;
    }
    rename_keys(tunnels_, renames);
    // The next bring_up() watches them under their new names.
    for (const Rename& rename : renames) watched_.erase(rename.from);
    return {};
}

// One that has no passing name any more keeps the new one.
void StackKeeper::undo_renames(const std::vector<Rename>& renames) {
    std::vector<Rename> undone;
    for (const Rename& rename : renames) {
        const std::string passing = passing_name(rename.to);
        const std::string old = namespace_name(rename.from);
        const auto space = kernel_.number_of(passing);
        const auto holder = kernel_.number_of(old);
        if (!space || (holder && *holder != *space)) continue;
        if (!holder && holder.error().code != ErrorCode::kNotFound) continue;
        const Step drop = DropName{};
        const std::string name = namespace_name(rename.to);
        const auto renamed = kernel_.number_of(name);
        if (renamed && *renamed == *space && !kernel_.carry_out(name, std::span(&drop, 1))) continue;
        std::vector<Step> steps;
        if (!holder) steps = {SetOwner{owner_mark(run_dir_, rename.from)}, GiveName{old}};
        steps.push_back(drop);
        if (kernel_.carry_out(passing, steps)) undone.push_back(rename);
    }
    if (observe_uplink()) rename_outers(reversed(undone));
}

void StackKeeper::rename_outers(const std::vector<Rename>& renames) {
    std::vector<Step> steps;
    std::vector<Step> last;  // when every old name is free
    for (const Rename& rename : renames) {
        const std::string device = outer_name(rename.from);
        const Link* const outer = uplink_.link(device);
        const std::string owner = owner_mark(run_dir_, rename.to);
        if (outer == nullptr || outer->alias != owner_mark(run_dir_, rename.from)) continue;
        const std::string name = outer_name(rename.to);
        if (uplink_.link(name) == nullptr) {
            steps.emplace_back(RenameOuter{device, name, owner});
            continue;
        }
        // No customer's, as no id has a dot.
        const std::string between = outer_name(rename.to + ".new");
        steps.emplace_back(RenameOuter{device, between, owner});
        last.emplace_back(RenameOuter{between, name, owner});
    }
    std::move(last.begin(), last.end(), std::back_inserter(steps));
    if (steps.empty()) return;
    if (const Status done = kernel_.carry_out("", steps); !done)
        log(LogLevel::kWarn, "handoff_not_renamed",
            {{"reason", done.error().what}, {"effect", "the handoff is made anew"}});
    uplink_changed_ = true;
}

Status StackKeeper::finish_renames() {
    const auto names = kernel_.stack_names();
    if (!names) return tl::unexpected(names.error());
    std::vector<std::string> passing;
    for (const std::string& name : *names) {
        if (!is_passing_name(name)) continue;
        const auto owner = kernel_.owner_of(name);
        if (!owner) return with_context(name, owner.error());
        if (run_dir_of(*owner) == run_dir_) passing.push_back(name);
    }
    if (passing.empty()) return {};
    std::map<std::string, std::uint64_t> spaces;
    for (const std::string& name : *names) {
        const auto number = kernel_.number_of(name);
        if (!number && number.error().code != ErrorCode::kNotFound) return with_context(name, number.error());
        if (number) spaces[name] = *number;
    }
    std::erase_if(passing, [&spaces](const std::string& name) { return !spaces.contains(name); });
    const auto planned = plan_names(spaces, passing, run_dir_);
    if (!planned) return tl::unexpected(planned.error());
    for (const NamedSteps& named : *planned) WARREN_TRY(kernel_.carry_out(named.name, named.steps));
    return {};
}

}  // namespace warren::stacks
