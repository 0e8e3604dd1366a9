// What users of the status page ask for, through statusd.
#include <algorithm>
#include <utility>
#include <variant>

#include "config/certificate_ends.h"
#include "stacks/kernel/stack_look.h"
#include "stacks/plan/look.h"
#include "stacks/supervisor.h"

namespace warren::stacks {

PageChanges::Hands Supervisor::hands_for_page() {
    return {[this]() -> const config::Generation& { return reconciler_.current(); },
            [this] {
                // A change without a line in the history is not for the page.
                if (history_.is_behind()) return std::string("the history waits for the disk; try again later");
                const std::string reason = reason_to_wait();
                if (!reason.empty() || !reconciler_.uses_last_good()) return reason;
                return std::string("the files have errors, and an earlier configuration is in force");
            },
            [this] { return changing().is_returning ? 0 : changing().pending; },
            [this](const std::string& customer, const std::string& text, const history::Origin& origin) {
                return apply(Reconciler::Removals::kKeep, origin, "", {nullptr, customer, &text});
            },
            [this] { return confirm(); },
            [this](const history::Origin& origin) { return restore_confirmed(origin); }};
}

ipc::WebChanging Supervisor::changing() const {
    ipc::WebChanging out;
    out.allowed = reconciler_.current().appliance.status_changes;
    const auto& waiting = confirmation_.waiting();
    if (!waiting) return out;
    out.pending = waiting->base;
    out.deadline = waiting->shown;
    out.is_returning = waiting->is_returned;
    return out;
}

// What there is in a stack is read while the caller waits: as long as a check of the patrol takes.
ipc::WebLooked Supervisor::look(const ipc::WebLook& asked) {
    const auto refused = [&asked](ipc::WebLookOutcome outcome, std::string text) {
        ipc::WebLooked out;
        out.id = asked.id;
        out.outcome = outcome;
        out.text = std::move(text);
        return out;
    };
    if (!looks_.take(now())) return refused(ipc::WebLookOutcome::kBusy, "many look at stacks now");
    const config::AcceptedCustomer* const accepted = reconciler_.current().find(asked.customer);
    if (accepted == nullptr) return refused(ipc::WebLookOutcome::kNotFound, "");
    if (reconciler_.has_names_in_doubt()) return refused(ipc::WebLookOutcome::kFailed, "customers are being renamed");
    const DesiredStack desired = desired_stack(accepted->customer, run_dir_.path());
    const auto seen = look_into(desired.name);
    if (!seen) return refused(ipc::WebLookOutcome::kFailed, seen.error().what);
    // Another instance's, or one that is somebody else's by now.
    if (seen->owner != desired.owner) return refused(ipc::WebLookOutcome::kFailed, "the stack is not this customer's");
    ipc::WebLooked out = looked_of(accepted->customer, desired.firewall.policy, *seen,
                                   services_.facts(accepted->customer.id), services_.problems());
    for (config::CertificateEnd& end : config::certificate_ends(accepted->customer, accepted->secrets)) {
        if (out.certificates.size() < ipc::WebLooked::kMaxCertificates)
            out.certificates.push_back({std::move(end.field), std::move(end.file), end.not_after});
    }
    out.id = asked.id;
    return out;
}

ipc::WebAlerts Supervisor::alerts_shown() const {
    ipc::WebAlerts out;
    if (!alerts_ || !alerts_->is_wanted()) return out;
    out.is_wanted = true;
    out.is_running = alerts_->is_running();
    out.open = alerts_->state().open;
    out.targets = alerts_->state().targets;
    return out;
}

void Supervisor::tell_history() {
    if (!reconciler_.current().appliance.status_listen) return;
    page_history_.run(now(), history_.in_force());
    web_->report_revisions(page_history_.made(), page_history_.problem(), [this] { return page_history_.open(); });
}

Instant Supervisor::next_of_page() const {
    return std::min(page_changes_.next_deadline(now()), web_ ? page_history_.next_deadline(now()) : kNever);
}

void Supervisor::serve_page() {
    if (!web_) return;
    const auto begin_anew = [this] {
        page_changes_.begin_anew();
        looks_.begin_anew();
    };
    if (std::exchange(page_life_, web_->life()) != web_->life()) begin_anew();
    while (auto asked = web_->take_asked()) {
        if (auto* unlock = std::get_if<ipc::WebUnlock>(&*asked)) {
            if (const auto answer = page_changes_.unlock(now(), std::move(*unlock))) web_->answer(now(), *answer);
        } else if (const auto* looking = std::get_if<ipc::WebLook>(&*asked)) {
            web_->answer(now(), look(*looking));
        } else {
            web_->answer(now(), page_changes_.change(now(), std::get<ipc::WebChange>(*asked)));
        }
        if (must_stop()) return;
        if (page_changes_.is_flooded() || looks_.is_flooded()) {
            web_->replace(now(), looks_.is_flooded() ? "it asks for stacks without end"
                                                     : "it asks again and again in the name of nobody");
            begin_anew();
        }
    }
    while (const auto answer = page_changes_.take_unlocked(now())) web_->answer(now(), *answer);
    update_web();
}

}  // namespace warren::stacks
