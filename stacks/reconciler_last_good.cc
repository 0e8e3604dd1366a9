// The first configuration of a process, when the appliance's own file has errors.
#include <algorithm>
#include <array>
#include <ctime>
#include <iterator>

#include "base/log.h"
#include "config/customer_id.h"
#include "config/load.h"
#include "stacks/reconciler.h"

namespace warren::stacks {

namespace {

using Kind = ipc::ControlText::Kind;

// "2026-11-29 14:38:02 UTC"
std::string text_of(WallTime time) {
    const std::time_t seconds = time.nanoseconds / 1'000'000'000;
    std::tm parts{};
    if (::gmtime_r(&seconds, &parts) == nullptr) return "an unknown time";
    std::array<char, 64> text{};
    (void)std::strftime(text.data(), text.size(), "%F %T UTC", &parts);
    return text.data();
}

// Why the appliance has errors: one of warren.toml if there is one, as a customer's file may have an id that is none.
std::string first_error(const std::vector<config::Diagnostic>& diagnostics) {
    const config::Diagnostic* found = nullptr;
    for (const config::Diagnostic& each : diagnostics) {
        if (each.severity != config::Severity::kError || !each.customer.empty()) continue;
        const bool is_of_appliance = each.file.ends_with("/warren.toml");
        if (found == nullptr || is_of_appliance) found = &each;
        if (is_of_appliance) break;
    }
    if (found == nullptr) return "it has errors";
    const std::string text = config::format(*found);
    return text.substr(0, text.find('\n'));
}

// Of a reseller with customers, or of a customer of one; `ids` is sorted.
bool is_of_reseller(const std::string& id, const std::vector<std::string>& ids) {
    if (config::level_of(id) > 1) return true;
    const auto next = std::lower_bound(ids.begin(), ids.end(), id + ".");
    return next != ids.end() && config::is_customer_of(*next, id);
}

}  // namespace

void Reconciler::fall_back(Round& round, config::Loaded& loaded) const {
    const std::optional<config::PackedTexts> kept = options_.last_good();
    if (!kept) return;
    config::Loaded instead = config::load(options_.config_directory, {.instead = &kept->texts});
    if (!instead.appliance_valid) {
        log(LogLevel::kWarn, "last_good_ignored", {{"reason", first_error(instead.diagnostics)}});
        return;
    }
    const std::string reason = first_error(loaded.diagnostics);
    round.last_good = "the configuration of " + text_of(kept->packed) + " is in force, because of " + reason;
    log(LogLevel::kError, "last_good_used", {{"of", text_of(kept->packed)}, {"reason", reason}});
    // What is wrong with the customers' files of now comes up when these are used.
    std::copy_if(loaded.diagnostics.begin(), loaded.diagnostics.end(), std::back_inserter(instead.diagnostics),
                 [](const config::Diagnostic& each) { return each.customer.empty(); });
    loaded = std::move(instead);
}

config::Generation Reconciler::resellers_before(config::Loaded& loaded) const {
    std::vector<std::string> ids;
    for (const config::LoadedCustomer& each : loaded.customers) ids.push_back(each.value().id);
    const bool is_wrong = std::any_of(loaded.customers.begin(), loaded.customers.end(), [&](const auto& each) {
        return !each.valid && is_of_reseller(each.value().id, ids);
    });
    if (!is_wrong) return {};
    const std::optional<config::PackedTexts> kept = options_.last_good();
    if (!kept) return {};
    ids.clear();
    for (const auto& [id, text] : kept->texts.customers) ids.push_back(id);
    config::Texts texts;
    texts.appliance = loaded.text;
    for (const auto& [id, text] : kept->texts.customers) {
        if (is_of_reseller(id, ids)) texts.customers.emplace(id, text);
    }
    config::Succession before = config::succeed({}, config::load(options_.config_directory, {.instead = &texts}));
    config::Loaded again = config::load(options_.config_directory, {.previous = &before.next});
    if (!before.accepted || !config::succeed(before.next, again).accepted) return {};
    loaded = std::move(again);
    return std::move(before.next);
}

void Reconciler::update_last_good() {
    std::erase_if(problems_, [](const ipc::ControlText& text) { return text.kind == Kind::kLastGood; });
    // First: the page shows no more than so many.
    if (!last_good_.empty()) problems_.insert(problems_.begin(), {Kind::kLastGood, "", last_good_});
}

}  // namespace warren::stacks
