// What users of the status page ask for, through statusd.
#include <utility>
#include <variant>

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

void Supervisor::serve_page() {
    if (!web_) return;
    if (std::exchange(page_life_, web_->life()) != web_->life()) page_changes_.begin_anew();
    while (auto asked = web_->take_asked()) {
        if (auto* unlock = std::get_if<ipc::WebUnlock>(&*asked)) {
            if (const auto answer = page_changes_.unlock(now(), std::move(*unlock))) web_->answer(now(), *answer);
        } else {
            web_->answer(now(), page_changes_.change(now(), std::get<ipc::WebChange>(*asked)));
        }
        if (must_stop()) return;
        if (page_changes_.is_flooded()) {
            web_->replace(now(), "it asks again and again in the name of nobody");
            page_changes_.begin_anew();
        }
    }
    while (const auto answer = page_changes_.take_unlocked(now())) web_->answer(now(), *answer);
    update_web();
}

}  // namespace warren::stacks
