#include "web/api/router_changes.h"

#include <initializer_list>
#include <nlohmann/json.hpp>
#include <utility>

#include "web/api/router.h"

namespace warren::web {

namespace {

using Json = nlohmann::json;
using ipc::WebAction;
using ipc::WebVerdict;

Reply unauthorized() {
    Reply reply = problem(401, "Log in.");
    reply.headers.emplace_back("WWW-Authenticate", "Bearer");
    return reply;
}

Reply done(unsigned status, const nlohmann::ordered_json& body) {
    return {status,
            "application/json",
            body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n",
            {{"Cache-Control", "no-store"}}};
}

// The body as an object with these keys and no others; nothing for anything else.
std::optional<Json> object_of(const Request& request, std::initializer_list<const char*> keys) {
    auto body = Json::parse(request.body, nullptr, false);
    if (!body.is_object() || body.size() != keys.size()) return std::nullopt;
    for (const char* key : keys) {
        if (!body.contains(key)) return std::nullopt;
    }
    return body;
}

// False unless it is a string of at most `most` bytes.
bool read(const Json& from, std::string& to, std::size_t most = ipc::WebChange::kMaxText) {
    if (!from.is_string()) return false;
    to = from.get<std::string>();
    return to.size() <= most;
}

unsigned status_of(WebVerdict verdict) {
    switch (verdict) {
        case WebVerdict::kDone: return 200;
        case WebVerdict::kLocked: return 423;
        case WebVerdict::kForbidden: return 403;
        case WebVerdict::kNotFound: return 404;
        case WebVerdict::kConflict: return 409;
        case WebVerdict::kInvalid: return 422;
        case WebVerdict::kBusy: return 429;
        case WebVerdict::kFailed: return 502;
    }
    return 502;
}

Reply refusal(WebVerdict verdict, std::string text) {
    Reply reply = problem(status_of(verdict), std::move(text));
    if (verdict == WebVerdict::kBusy) reply.headers.emplace_back("Retry-After", "30");
    return reply;
}

// Its last part, in /api/v1/customers/ID/{suspend,resume,devices}.
std::optional<WebAction> customer_action(const std::string& word) {
    if (word == "suspend") return WebAction::kSuspend;
    if (word == "resume") return WebAction::kResume;
    if (word == "devices") return WebAction::kAddDevice;
    return std::nullopt;
}

// In /api/v1/customers/ID/peers/NAME/{enable,disable}.
std::optional<WebAction> peer_action(const std::string& word) {
    if (word == "enable") return WebAction::kEnablePeer;
    if (word == "disable") return WebAction::kDisablePeer;
    return std::nullopt;
}

std::optional<WebAction> pending_action(const std::string& word) {
    if (word == "confirm") return WebAction::kConfirm;
    if (word == "go-back") return WebAction::kGoBack;
    return std::nullopt;
}

}  // namespace

bool is_change_path(const Target& target) {
    const std::vector<std::string>& words = target.segments;
    if (words.size() < 3 || words[0] != "api" || words[1] != "v1") return false;
    if (words[2] == "unlock") return words.size() == 3;
    if (words[2] == "pending") return words.size() == 4 && pending_action(words[3]).has_value();
    if (words[2] != "customers") return false;
    if (words.size() == 5) return customer_action(words[4]).has_value();
    return words.size() == 7 && words[4] == "peers" && peer_action(words[6]).has_value();
}

// The Origin is ours: post() has looked. stackd checks everything again, and believes none of this.
Outcome Router::change(Now now, const Request& request, const Target& target) {
    if (!request.content_type.starts_with("application/json")) return problem(415, "Send application/json.");
    const auto credential = Gate::credential_of(request);
    const auto viewer = credential ? gate_.admit(now, *credential, true) : std::nullopt;
    if (!viewer) return unauthorized();
    // Before anything that depends on the customer: another's id and an unknown one give the same bytes.
    if (target.segments[2] == "customers" && !viewer->may_see(target.segments[3])) return problem(404);
    if (viewer->is_token) return problem(403, "A token only reads.");
    if (!facts_.changing.allowed) return problem(403, "This appliance lets nobody change something here.");
    if (viewer->grant.role == access::Role::kViewer) return problem(403, "A viewer changes nothing.");
    const Call call{now, request, target, *viewer, *credential};
    if (target.segments[2] == "unlock") return unlock(call);
    if (viewer->ticket.empty()) return problem(423, "Show your password again.");
    return target.segments[2] == "pending" ? settle_pending(call) : change_customer(call);
}

Outcome Router::unlock(const Call& call) {
    const auto body = object_of(call.request, {"password"});
    ipc::WebUnlock what;
    what.user = call.viewer.name;
    if (!body || !read((*body)["password"], what.password, ipc::WebUnlock::kMaxPassword) || what.password.empty())
        return problem(400, "Send {\"password\": ...}.");
    return Ask{std::move(what), call.credential, call.viewer.name};
}

Outcome Router::change_customer(const Call& call) {
    const std::vector<std::string>& words = call.target.segments;
    ipc::WebChange what;
    what.ticket = call.viewer.ticket;
    what.customer = words[3];
    what.action = words.size() == 5 ? *customer_action(words[4]) : *peer_action(words[6]);
    if (what.action == WebAction::kAddDevice) {
        const auto body = object_of(call.request, {"name", "description", "public_key"});
        if (!body || !read((*body)["name"], what.peer) || !read((*body)["description"], what.description) ||
            !read((*body)["public_key"], what.public_key) || what.peer.empty() || what.public_key.empty())
            return problem(400, "Send {\"name\": ..., \"description\": ..., \"public_key\": ...}.");
    } else {
        if (!object_of(call.request, {})) return problem(400, "Send {}.");
        if (words.size() == 7) what.peer = words[5];
    }
    if (what.customer.size() > ipc::WebChange::kMaxText || what.peer.size() > ipc::WebChange::kMaxText)
        return problem(404);
    return Ask{std::move(what), call.credential, call.viewer.name};
}

Outcome Router::settle_pending(const Call& call) {
    const auto body = object_of(call.request, {"revision"});
    if (!body || !(*body)["revision"].is_number_unsigned()) return problem(400, "Send {\"revision\": ...}.");
    ipc::WebChange what;
    what.ticket = call.viewer.ticket;
    what.action = *pending_action(call.target.segments[3]);
    what.pending = (*body)["revision"].get<std::uint64_t>();
    return Ask{std::move(what), call.credential, call.viewer.name};
}

Reply Router::finish_ask(Now now, const Ask& ask, const std::optional<Answer>& answer) {
    if (!answer && ask.looking) return problem(504, "stackd does not answer. Try again.");
    if (!answer) return problem(504, "stackd does not answer. Nothing may have changed; look again.");
    if (const auto* unlocked = std::get_if<ipc::WebUnlocked>(&*answer)) {
        // 423 would ask for what was just shown.
        if (unlocked->verdict == WebVerdict::kLocked) return problem(403, "The password is wrong.");
        if (unlocked->verdict != WebVerdict::kDone) return refusal(unlocked->verdict, unlocked->text);
        gate_.keep_ticket(ask.credential, unlocked->ticket);
        const auto viewer = gate_.admit(now, ask.credential, true);
        if (!viewer) return unauthorized();
        return {200, "application/json", session_json(*viewer, facts_), {{"Cache-Control", "no-store"}}};
    }
    if (const auto* looked = std::get_if<ipc::WebLooked>(&*answer)) return finish_look(now, ask, *looked);
    const auto& changed = std::get<ipc::WebChanged>(*answer);
    if (changed.verdict == WebVerdict::kLocked) gate_.keep_ticket(ask.credential, "");
    if (changed.verdict != WebVerdict::kDone) return refusal(changed.verdict, changed.text);
    const bool has_profile = !changed.profile.empty();
    return done(200, {{"done", changed.text},
                      {"profile", has_profile ? nlohmann::ordered_json(changed.profile) : nlohmann::ordered_json()}});
}

}  // namespace warren::web
