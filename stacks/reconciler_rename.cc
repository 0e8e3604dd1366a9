// Customers whose file was renamed: everything that has their names gets the new ones, before anything else is done.
#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/log.h"
#include "config/clash.h"
#include "config/named_secrets.h"
#include "stacks/reconciler.h"

namespace warren::stacks {

namespace {

using Kind = ipc::ControlText::Kind;

constexpr std::uint8_t kFailed = 4;

void sort_by_id(config::Generation& generation) {
    std::sort(generation.customers.begin(), generation.customers.end(),
              [](const auto& one, const auto& other) { return one->customer.id < other->customer.id; });
}

void rename_in(config::Generation& generation, const std::vector<Rename>& renames) {
    for (auto& accepted : generation.customers) {
        const auto found = std::find_if(renames.begin(), renames.end(),
                                        [&](const Rename& rename) { return rename.from == accepted->customer.id; });
        if (found == renames.end()) continue;
        // Without stamps: it is another file.
        auto renamed = std::make_shared<config::AcceptedCustomer>(config::AcceptedCustomer{
            accepted->customer, accepted->secrets.only(config::secrets_of(accepted->customer)), {}, accepted->text});
        renamed->customer.id = found->to;
        accepted = std::move(renamed);
    }
    sort_by_id(generation);
}

void log_renamed(const std::vector<Rename>& renames) {
    for (const Rename& rename : renames)
        log(LogLevel::kInfo, "customer_renamed", {{"customer", rename.to}, {"before", rename.from}});
}

// Another one's stack may have their names.
void refuse_doubt(const Error& error, Report& report) {
    log(LogLevel::kError, "rename_not_finished", {{"reason", error.what}});
    report.exit_status = kFailed;
    report.summary = "nothing applied: " + error.what;
}

}  // namespace

Status Reconciler::finish_renames() {
    Status finished = stacks_.finish_renames();
    if (finished || finished.error().code != ErrorCode::kConflict) return finished;
    log(LogLevel::kError, "rename_not_finished", {{"reason", finished.error().what}});
    return {};
}

Status Reconciler::rename(const std::vector<Rename>& renames) {
    WARREN_TRY(stacks_.rename(renames));
    take_names(renames);
    return {};
}

void Reconciler::take_names(const std::vector<Rename>& renames) {
    if (renames.empty()) return;
    // vpnd has shown generations up to this one with the names of before, and shows those from the next one on with
    // these, whenever it gets one.
    options_.tell_renames(++number_, renames);
    view_.rename(renames);
    rename_in(current_, renames);
    rename_keys(present_, renames);
    rename_keys(incomplete_, renames);
    rename_keys(unsound_, renames);
    rename_keys(repairs_, renames);
    rename_keys(standing_, renames);
    rename_keys(unwoken_, renames);
    learned_.rename(renames);
    for (const Rename& rename : renames) patrol_.hurry(rename.to);
}

bool Reconciler::settle_renames(Report& report) {
    const auto renames = stacks_.settle_renames();
    if (!renames) {
        refuse_doubt(renames.error(), report);
        return false;
    }
    take_names(*renames);
    log_renamed(*renames);
    return true;
}

std::string Reconciler::give_way(std::set<std::string> stays, Round& round, Report& report) {
    while (!options_.should_stop()) {
        std::vector<const config::Customer*> customers;
        for (const auto& accepted : round.next.customers) customers.push_back(&accepted->customer);
        const auto clashes = config::find_clashes(round.next.appliance, customers);
        if (clashes.empty()) return {};
        std::set<std::string> refused;
        for (const config::Clash& clash : clashes) {
            const auto is_one_of = [&customers](const config::Clash::Side& side, const std::set<std::string>& ids) {
                return side.customer != config::Clash::kAppliance && ids.contains(customers[side.customer]->id);
            };
            // That one has other things now.
            if (is_one_of(clash.first, refused) || is_one_of(clash.second, refused)) continue;
            const auto gives_way = [&](const config::Clash::Side& side) {
                return side.customer != config::Clash::kAppliance && !is_one_of(side, stays);
            };
            const bool is_second = gives_way(clash.second);
            if (!is_second && !gives_way(clash.first))
                return clash.thing + " is used by " + clash.first.what + " and by " + clash.second.what;
            const std::string id = customers[(is_second ? clash.second : clash.first).customer]->id;
            const std::string reason = clash.thing + " is used by " + (is_second ? clash.first : clash.second).what +
                                       ", which stays as it was";
            log(LogLevel::kError, "customer_refused", {{"customer", id}, {"reason", reason}});
            report.texts.push_back({Kind::kNote, id, "refused: " + reason});
            refused.insert(id);
        }
        // What they have now may be what others get.
        revert_customers(refused, round);
        stays.merge(refused);
    }
    return "stackd was told to stop before the others gave way";
}

bool Reconciler::rename_customers(Round& round, Report& report) {
    if (round.renames.empty()) return true;
    // The stack of another customer that left a moment ago, if it had one of these names, goes before its time.
    for (const Rename& rename : round.renames) {
        if (const auto departing = departing_.find(rename.to); departing != departing_.end())
            departing->second.when = kLongAgo;
    }
    remove_departed(kLongAgo);
    const Status renamed = rename(round.renames);
    if (!renamed && stacks_.has_names_in_doubt()) {
        refuse_doubt(renamed.error(), report);
        return false;
    }
    if (!renamed) {
        // They stay as they are, under their old names.
        std::erase_if(round.next.customers, [&round](const auto& accepted) {
            return std::any_of(round.renames.begin(), round.renames.end(),
                               [&](const Rename& rename) { return rename.to == accepted->customer.id; });
        });
        std::set<std::string> stays;
        for (const Rename& rename : round.renames) {
            stays.insert(rename.from);
            log(LogLevel::kError, "customer_not_renamed",
                {{"customer", rename.to}, {"before", rename.from}, {"reason", renamed.error().what}});
            report.texts.push_back(
                {Kind::kNote, rename.to, "refused, and " + rename.from + " stays: " + renamed.error().what});
            round.next.customers.push_back(current_.share(rename.from));
            round.present.insert(rename.from);
        }
        sort_by_id(round.next);
        const Rename first = round.renames.front();
        round.renames.clear();
        round.failed = true;
        const std::string clash = give_way(std::move(stays), round, report);
        if (clash.empty()) return true;
        report.exit_status = kFailed;
        report.summary = "nothing applied: " + first.from + " cannot be renamed to " + first.to + " (" +
                         renamed.error().what + "), and as it stays, " + clash;
        return false;
    }
    log_renamed(round.renames);
    for (const Rename& rename : round.renames)
        report.texts.push_back({Kind::kStep, rename.to, "rename the stack of " + rename.from});
    return true;
}

void Reconciler::deliver_names(VpndLink& link) {
    if (link.is_connected()) return deliver_tunnels(link);
    ++number_;  // the next generation has more than these names
}

}  // namespace warren::stacks
