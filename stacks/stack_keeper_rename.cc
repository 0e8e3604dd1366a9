// A stack gets the name of another customer. The order is such that a stackd which is killed in the middle finds its
// way: each namespace gets its passing name first; only when all have theirs does the first old name go.
#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <utility>

#include "base/log.h"
#include "stacks/plan/renames.h"
#include "stacks/stack_keeper.h"

namespace warren::stacks {

Result<StackKeeper::Renaming> StackKeeper::stacks_of(const std::vector<Rename>& renames) {
    const auto names = kernel_.stack_names();
    if (!names) return tl::unexpected(names.error());
    const auto exists = [&names](const std::string& customer) {
        return std::binary_search(names->begin(), names->end(), namespace_name(customer));
    };
    Renaming out;
    out.all = renames;
    for (const Rename& rename : renames) {
        const std::string name = namespace_name(rename.from);
        if (!exists(rename.from)) continue;
        const auto owner = kernel_.owner_of(name);
        if (!owner) return with_context(name, owner.error());
        if (*owner != owner_mark(run_dir_, rename.from)) continue;
        const auto space = kernel_.number_of(name);
        if (!space) return with_context(name, space.error());
        out.stacks.push_back(rename);
        out.spaces[rename.from] = *space;
    }
    for (const Rename& rename : out.stacks) {
        if (exists(rename.to) && !out.spaces.contains(rename.to) && kernel_.number_of(namespace_name(rename.to)))
            return fail(ErrorCode::kConflict, "the namespace " + namespace_name(rename.to) +
                                                  " exists already; remove it, or give the customer another id");
    }
    return out;
}

Status StackKeeper::make_way(const std::vector<Rename>& renames) {
    const auto names = kernel_.stack_names();
    if (!names) return tl::unexpected(names.error());
    if (std::none_of(names->begin(), names->end(), is_passing_name)) return {};
    std::set<std::uint64_t> served;  // namespaces that have the name of a customer
    for (const std::string& name : *names) {
        if (is_passing_name(name)) continue;
        if (const auto space = kernel_.number_of(name)) served.insert(*space);
    }
    for (const std::string& name : *names) {
        if (!is_passing_name(name)) continue;
        const Status gone = drop_passing(name, served);
        const bool is_in_the_way = std::any_of(renames.begin(), renames.end(), [&name](const Rename& rename) {
            return name == passing_name(rename.from) || name == passing_name(rename.to);
        });
        if (!gone && is_in_the_way) return gone;
    }
    return {};
}

Status StackKeeper::drop_passing(const std::string& name, const std::set<std::uint64_t>& served) {
    const auto owner = kernel_.owner_of(name);
    if (!owner) return with_context(name, owner.error());
    if (run_dir_of(*owner) != run_dir_) return {};
    const auto space = kernel_.number_of(name);
    if (!space) return with_context(name, space.error());
    if (!served.contains(*space))
        return fail(
            ErrorCode::kConflict,
            name + " is left of a rename that was not finished; remove it, or restart stackd, which finishes it");
    const Step drop = DropName{};
    return kernel_.carry_out(name, std::span(&drop, 1));
}

bool StackKeeper::has_name(const std::string& name, const Rename& rename) const {
    const auto space = kernel_.number_of(name);
    return space && *space == renaming_.spaces.at(rename.from);
}

bool StackKeeper::may_have_name(const std::string& name, const Rename& rename) const {
    const auto space = kernel_.number_of(name);
    return space ? *space == renaming_.spaces.at(rename.from) : space.error().code != ErrorCode::kNotFound;
}

bool StackKeeper::is_gone(const Rename& rename) const {
    const std::array names{namespace_name(rename.from), namespace_name(rename.to), passing_name(rename.to)};
    return std::none_of(names.begin(), names.end(),
                        [&](const std::string& name) { return may_have_name(name, rename); });
}

// And no other name of the rename.
bool StackKeeper::all_have(std::string Rename::*name) const {
    return std::all_of(renaming_.stacks.begin(), renaming_.stacks.end(), [&](const Rename& rename) {
        const std::string wanted = namespace_name(rename.*name);
        const std::array names{namespace_name(rename.from), namespace_name(rename.to), passing_name(rename.to)};
        return std::all_of(names.begin(), names.end(), [&](const std::string& one) {
            return one == wanted ? has_name(one, rename) : !may_have_name(one, rename);
        });
    });
}

Status StackKeeper::give_names() {
    for (const Rename& rename : renaming_.stacks) {
        const Step give = GiveName{passing_name(rename.to)};
        WARREN_TRY(kernel_.carry_out(namespace_name(rename.from), std::span(&give, 1)));
    }
    renaming_.has_outers = true;
    rename_outers(renaming_.stacks);
    WARREN_TRY(finish_names());
    if (!all_have(&Rename::to)) return fail(ErrorCode::kConflict, "another namespace has got one of the new names");
    return {};
}

Status StackKeeper::rename(const std::vector<Rename>& renames) {
    WARREN_TRY(make_way(renames));
    auto stacks = stacks_of(renames);
    if (!stacks) return tl::unexpected(stacks.error());
    WARREN_TRY(observe_uplink());
    renaming_ = std::move(*stacks);
    Status named = give_names();
    if (named) {
        take_new_names();
        return {};
    }
    renaming_.reason = named.error().what;
    const auto settled = settle_renames();
    if (!settled) return tl::unexpected(settled.error());
    if (settled->empty()) return named;
    return {};
}

std::vector<Rename> StackKeeper::take_new_names() {
    std::vector<Rename> renames = std::exchange(renaming_, {}).all;
    rename_keys(tunnels_, renames);
    rename_keys(learned_, renames);
    // The next bring_up() watches them under their new names.
    for (const Rename& rename : renames) watched_.erase(rename.from);
    return renames;
}

bool StackKeeper::is_in_doubt(const std::string& customer) const {
    return std::any_of(renaming_.all.begin(), renaming_.all.end(),
                       [&](const Rename& rename) { return rename.from == customer || rename.to == customer; });
}

Result<std::vector<Rename>> StackKeeper::settle_renames() {
    if (!has_names_in_doubt()) return std::vector<Rename>();
    std::erase_if(renaming_.stacks, [this](const Rename& rename) { return is_gone(rename); });
    // Where one is done its old name may be another one's already: it is shorter to go on.
    const bool is_past = std::any_of(renaming_.stacks.begin(), renaming_.stacks.end(), [this](const Rename& rename) {
        return has_name(namespace_name(rename.to), rename) && !has_name(passing_name(rename.to), rename);
    });
    if (is_past) (void)finish_names();
    if (!all_have(&Rename::to)) undo_renames();
    if (all_have(&Rename::to)) return take_new_names();
    if (all_have(&Rename::from)) {
        renaming_ = {};
        return std::vector<Rename>();
    }
    std::string names;
    for (const Rename& rename : renaming_.stacks)
        names += (names.empty() ? "" : ", ") + rename.from + " -> " + rename.to;
    return fail(ErrorCode::kUnavailable,
                "stacks are between their old names and the new ones (" + names + "): " + renaming_.reason);
}

// By way of the passing names, as there. As far as possible.
void StackKeeper::undo_renames() {
    for (const Rename& rename : renaming_.stacks) {
        const std::string name = namespace_name(rename.to);
        if (!may_have_name(name, rename)) continue;
        if (!has_name(name, rename)) return;
        const std::string passing = passing_name(rename.to);
        std::vector<Step> steps;
        if (!has_name(passing, rename)) steps.emplace_back(GiveName{passing});
        steps.emplace_back(DropName{});
        if (!kernel_.carry_out(name, steps)) return;
    }
    for (const Rename& rename : renaming_.stacks) {
        const std::string passing = passing_name(rename.to);
        if (!has_name(passing, rename)) continue;
        const std::string old = namespace_name(rename.from);
        std::vector<Step> steps;
        if (!has_name(old, rename)) steps = {SetOwner{owner_mark(run_dir_, rename.from)}, GiveName{old}};
        steps.emplace_back(DropName{});
        (void)kernel_.carry_out(passing, steps);
    }
    if (renaming_.has_outers && all_have(&Rename::from) && observe_uplink()) rename_outers(reversed(renaming_.stacks));
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
    return finish(std::move(passing));
}

Status StackKeeper::finish_names() {
    std::vector<std::string> passing;
    for (const Rename& rename : renaming_.stacks) {
        std::string name = passing_name(rename.to);
        if (has_name(name, rename)) passing.push_back(std::move(name));
    }
    std::sort(passing.begin(), passing.end());
    return finish(std::move(passing));
}

Status StackKeeper::finish(std::vector<std::string> passing) {
    if (passing.empty()) return {};
    const auto names = kernel_.stack_names();
    if (!names) return tl::unexpected(names.error());
    std::map<std::string, std::uint64_t> spaces;
    for (const std::string& name : *names) {
        const auto number = kernel_.number_of(name);
        if (!number && number.error().code != ErrorCode::kNotFound) return with_context(name, number.error());
        if (number) spaces[name] = *number;
    }
    std::erase_if(passing, [&spaces](const std::string& name) { return !spaces.contains(name); });
    const NamePlan planned = plan_names(spaces, passing, run_dir_);
    for (const NamedSteps& named : planned.steps) {
        const Status done = kernel_.carry_out(named.name, named.steps);
        // Where another one got the name meanwhile, the next plan says what has to wait.
        if (!done) return fail(ErrorCode::kUnavailable, done.error().what);
    }
    if (!planned.conflict.empty()) return fail(ErrorCode::kConflict, planned.conflict);
    return {};
}

}  // namespace warren::stacks
