// Whom alertd tells, as JSON.
#include "web/api/json_forms.h"

namespace warren::web {

Json alerts_of(const ipc::WebAlerts& alerts) {
    Json targets = Json::array();
    for (const ipc::AlertTarget& target : alerts.targets)
        targets.push_back({{"name", target.name},
                           {"where", target.where},
                           {"works", target.works},
                           {"answer", text_or_null(target.answer)},
                           {"waiting", target.waiting},
                           {"delivered", target.delivered},
                           {"dropped", target.dropped},
                           {"last_at", time_or_null(target.last_at)},
                           {"last_text", text_or_null(target.last_text)}});
    return {{"configured", alerts.is_wanted},
            {"running", alerts.is_running},
            {"open", alerts.open},
            {"targets", std::move(targets)}};
}

}  // namespace warren::web
