// What stackd does with the history of configurations: it keeps each one, and brings the one before back when nobody
// confirms.
#include <algorithm>
#include <chrono>

#include "base/log.h"
#include "base/utc_text.h"
#include "config/parse.h"
#include "history/write_back.h"
#include "stacks/supervisor.h"

namespace warren::stacks {

namespace {

using history::Origin;
using Kind = ipc::ControlText::Kind;

constexpr std::size_t kMostDetails = 20;  // of a change of a thousand customers nobody reads more
constexpr std::size_t kLongestDetail = 200;

Report refusal(const std::string& reason) {
    return {{}, false, 4, "nothing applied: " + reason};
}

std::vector<history::Detail> details_of(const Report& report) {
    std::vector<history::Detail> out;
    for (const ipc::ControlText& text : report.texts) {
        if (text.kind != Kind::kChange || out.size() >= kMostDetails) continue;
        out.push_back({text.customer, text.text.substr(0, kLongestDetail)});
    }
    return out;
}

}  // namespace

void Supervisor::keep(const Report& report, const Origin& origin) {
    if (!report.accepted || reconciler_.uses_last_good()) return;
    last_good_.keep(reconciler_.current(), now());
    history_.keep(reconciler_.current(), origin, details_of(report), now());
}

Report Supervisor::first_apply() {
    confirmation_.open();
    if (confirmation_.is_due()) {
        const Report back =
            restore_confirmed({Origin::Kind::kReturned, 0, "", "it was not confirmed before stackd started"});
        if (back.accepted || Signals::stop_waits()) return back;
    }
    Report report = reconciler_.apply(link_, Reconciler::Removals::kKeep, now());
    keep(report, {Origin::Kind::kStart, 0, "", ""});
    return report;
}

std::string Supervisor::reason_to_wait() const {
    return confirmation_.problem();
}

void Supervisor::reload() {
    if (const std::string reason = reason_to_wait(); !reason.empty()) {
        log(LogLevel::kWarn, "reload_refused", {{"reason", reason}});
        note_event("reload_refused", "A reload was refused: " + reason + ".");
        return;
    }
    const Report report = apply(Reconciler::Removals::kKeep, {Origin::Kind::kReload, 0, "", ""});
    for (const ipc::ControlText& text : report.texts) {
        if (text.kind == Kind::kNote || text.kind == Kind::kIncomplete)
            log(LogLevel::kWarn, "problem_reported", {{"customer", text.customer}, {"text", text.text}});
    }
}

Report Supervisor::apply_asked(const ipc::ControlRequest& request, const Origin& origin) {
    if (!request.only.empty() && !config::is_customer_id(request.only)) return refusal("that is no customer's id");
    if (request.confirm_seconds > 0) return apply_unconfirmed(request, origin);
    // What is applied now would be undone with it, which nobody expects.
    if (const std::string reason = reason_to_wait(); !reason.empty())
        return refusal(reason + "; `vpnctl confirm` or `vpnctl rollback` first, or apply with --confirm-within");
    return carry_out(request, origin);
}

Report Supervisor::carry_out(const ipc::ControlRequest& request, const Origin& origin) {
    const bool is_allowed = request.verb == ipc::ControlVerb::kApplyRemoving && request.customer.empty();
    return apply(is_allowed ? Reconciler::Removals::kAllowed : Reconciler::Removals::kAsk, origin, request.customer,
                 {nullptr, request.only});
}

// The time runs before anything is applied: a stackd that is killed in between leaves nothing that stays unconfirmed.
Report Supervisor::apply_unconfirmed(const ipc::ControlRequest& request, const Origin& origin) {
    const auto newest = history_.settle(Confirmation::kPatience, now());
    if (!newest) return refusal("there is nothing to come back to: " + newest.error().what);
    const auto before = confirmation_.waiting();
    if (before && before->is_returned) return refusal(confirmation_.problem());
    if (const Status can = history::check_write_back(options_.config_directory); !can)
        return refusal("the files could not be written back: " + can.error().what);
    if (const Status begun = confirmation_.begin(*newest, std::chrono::seconds(std::int64_t{request.confirm_seconds}));
        !begun)
        return refusal("that it waits for a confirmation cannot be kept: " + begun.error().what);
    Report report = carry_out(request, origin);
    const bool has_changed = std::any_of(report.texts.begin(), report.texts.end(),
                                         [](const ipc::ControlText& text) { return text.kind == Kind::kChange; });
    if (report.accepted && (has_changed || before)) {
        report.summary += "; " + confirmation_.problem();
        configure_web();
        return report;
    }
    if (const Status back = confirmation_.put_back(before); !back)
        log(LogLevel::kError, "confirmation_not_kept", {{"reason", back.error().what}});
    if (report.accepted) report.summary += "; nothing changed, and nothing waits for a confirmation";
    return report;
}

Report Supervisor::confirm() {
    if (!confirmation_.waiting()) return {{}, false, 1, "no configuration waits for a confirmation"};
    if (const Status confirmed = confirmation_.confirm(); !confirmed)
        return {{}, false, kFailed, "not confirmed: " + confirmed.error().what};
    update_web();
    return {{}, false, 0, "confirmed: the configuration in force stays"};
}

Report Supervisor::restore_confirmed(Origin origin) {
    const auto& waiting = confirmation_.waiting();
    if (!waiting) return {{}, false, 1, "no configuration waits for a confirmation"};
    const bool is_start = !control_.has_value();
    // A start goes on where the stackd before ended.
    if (confirmation_.is_writing_files() && !is_start) return refusal(confirmation_.problem());
    const std::string base = "revision " + std::to_string(waiting->base);
    auto texts = confirmation_.base_texts();
    if (!texts) {
        log(LogLevel::kError, "revision_not_back", {{"base", base}, {"reason", texts.error().what}});
        confirmation_.failed(texts.error().what);
        return refusal(base + " cannot come back: " + texts.error().what);
    }
    // Its time is over only from now on, also for a stackd that follows a crash in the middle.
    const Status promised = origin.kind != Origin::Kind::kReturned ? confirmation_.begin_return() : Status();
    origin.comment = base + " came back: " + origin.comment;
    constexpr auto kAllowed = Reconciler::Removals::kAllowed;
    Report report = is_start ? reconciler_.apply(link_, kAllowed, now(), "", {&*texts, ""})
                             : apply(kAllowed, origin, "", {&*texts, ""});
    if (is_start) keep(report, origin);
    if (!report.accepted) {
        log(LogLevel::kError, "revision_not_back", {{"base", base}, {"reason", report.summary}});
        confirmation_.failed(report.summary);
        note_event("configuration_not_returned", base + " cannot come back: " + report.summary);
        return report;
    }
    log(LogLevel::kWarn, "revision_back", {{"base", base}, {"reason", origin.comment}});
    note_event("configuration_returned", "The configuration was taken back: " + origin.comment + ".");
    report.summary += "; " + base + " is in force again, and its files are written back";
    if (!promised)
        report.summary += "; if stackd ends before they are, it does not know this: " + promised.error().what;
    confirmation_.returned(std::move(*texts));
    return report;
}

void Supervisor::run_history() {
    history_.run(now());
    confirmation_.run();
    if (confirmation_.is_due())
        (void)restore_confirmed({Origin::Kind::kReturned, 0, "", "it was not confirmed in time"});
}

Instant Supervisor::next_of_history() const {
    return std::min(history_.next_deadline(), now() + confirmation_.next_pause());
}

void Supervisor::add_history(std::vector<ipc::ControlText>& problems) const {
    if (const std::string text = confirmation_.problem(); !text.empty()) problems.push_back({Kind::kNote, "", text});
    if (!confirmation_.damage().empty())
        problems.push_back(
            {Kind::kNote, "",
             "whether a configuration waited for a confirmation is not known: " + confirmation_.damage() +
                 "; what is in force stays, and `vpnctl history` has the rest"});
    if (!history_.problem().empty())
        problems.push_back(
            {Kind::kNote, "",
             "the configuration in force is not in the history: " + history_.problem() + "; Warren retries"});
}

}  // namespace warren::stacks
