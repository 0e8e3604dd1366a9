#include "web/api/router.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <utility>

#include "web/api/metrics.h"
#include "web/api/router_changes.h"

namespace warren::web {

namespace {

constexpr std::size_t kMaxPassword = 1024;
constexpr std::string_view kApi = "/api/v1/";
// What had no traffic since the first snapshot has no series.
const Series kSilent;

Reply json(std::string body) {
    return {200, "application/json", std::move(body), {{"Cache-Control", "no-store"}}};
}

Reply unauthorized(std::string detail) {
    Reply reply = problem(401, std::move(detail));
    reply.headers.emplace_back("WWW-Authenticate", "Bearer");
    return reply;
}

Reply too_many(Duration wait, std::string detail) {
    Reply reply = problem(429, std::move(detail));
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(wait).count();
    reply.headers.emplace_back("Retry-After", std::to_string(std::max<std::int64_t>(seconds, 1)));
    return reply;
}

// Whose customers are not known yet knows nothing of one that is not there.
Reply starting() {
    Reply reply = problem(503, "The page has just started. Try again.");
    reply.headers.emplace_back("Retry-After", "2");
    return reply;
}

Reply wrong_method(std::string_view allowed) {
    Reply reply = problem(405);
    reply.headers.emplace_back("Allow", allowed);
    return reply;
}

// `seconds`: how long the browser keeps it; nothing: until it is closed.
std::string cookie(std::string_view name, const std::string& value, std::optional<std::int64_t> seconds = {}) {
    return std::string(name) + "=" + value + "; Path=/; Secure; HttpOnly; SameSite=Strict" +
           (seconds ? "; Max-Age=" + std::to_string(*seconds) : "");
}

}  // namespace

bool Router::is_our_host(const std::string& name) const {
    // Only names of the certificate: any DNS name can point to this address (DNS rebinding). Addresses are safe.
    if (parse_ip(name) || name == "localhost") return true;
    if (!facts_.certificate) return false;
    const auto& names = facts_.certificate->names;
    return std::any_of(names.begin(), names.end(), [&](const std::string& ours) {
        if (!ours.starts_with("*.")) return name == ours;
        const auto dot = name.find('.');
        return dot != std::string::npos && dot > 0 && name.substr(dot) == ours.substr(1);
    });
}

Outcome Router::handle(Now now, const Request& request) {
    const auto target = parse_target(request.target);
    if (!target) return problem(400, "The request target is malformed.");
    if (!is_our_host(host_name(request.host))) return wrong_host(request);
    if (request.method == "POST") return post(now, request, *target);
    if (request.method != "GET" && request.method != "HEAD") return wrong_method("GET, HEAD, POST");
    if (target->path == "/healthz")
        return Reply{200, "text/plain; charset=utf-8", "ok\n", {{"Cache-Control", "no-store"}}};
    const bool is_data = target->segments.front() == "api" || target->path == "/metrics" || target->path == "/readyz";
    // Before the login, so that it says which appliance asks.
    if (target->path == "/api/v1/about") return json(about_json(facts_));
    if (!is_data) return page_file(request, *target);

    const auto credential = Gate::credential_of(request);
    const auto viewer = credential ? gate_.admit(now, *credential, true) : std::nullopt;
    if (!viewer) return unauthorized("Log in, or send a token.");
    return get({now, request, *target, *viewer, *credential});
}

Reply Router::page_file(const Request& request, const Target& target) const {
    if (page_.empty())
        return {200, "text/html; charset=utf-8", std::string(kPageNotBuilt), {{"Cache-Control", "no-store"}}};
    const PageFile* file = find_page(page_, target.path);
    if (file == nullptr) return problem(404);
    const bool zipped = accepts_gzip(request.accept_encoding);
    const Bytes bytes = zipped ? file->gzipped : file->plain;
    Reply reply{200,
                std::string(content_type_of(file->path)),
                std::string(bytes.begin(), bytes.end()),
                {{"Vary", "Accept-Encoding"},
                 {"Cache-Control", is_immutable(file->path) ? "public, max-age=31536000, immutable" : "no-cache"}}};
    if (zipped) reply.headers.emplace_back("Content-Encoding", "gzip");
    return reply;
}

// Says what to do, to a person as a page.
Reply Router::wrong_host(const Request& request) const {
    std::string advice =
        "This page answers to addresses, to localhost and to the names in its certificate. To use another name, put a "
        "certificate for it into secrets/status.pem, then run vpnctl apply.";
    if (request.accept.find("text/html") == std::string::npos) return problem(421, std::move(advice));
    return {421,
            "text/html; charset=utf-8",
            "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Warren</title><h1>Not under this "
            "name</h1><p>" +
                advice + "</p></html>\n",
            {{"Cache-Control", "no-store"}}};
}

// --- login and logout ---

Outcome Router::post(Now now, const Request& request, const Target& target) {
    const bool is_login = target.path == "/api/v1/login";
    const bool is_logout = target.path == "/api/v1/logout";
    const bool is_change = is_change_path(target);
    if (!is_login && !is_logout && !is_change) return wrong_method("GET, HEAD");
    if (request.origin != "https://" + request.host)
        return problem(403, "The request does not come from this page (Origin).");
    if (is_change) return change(now, request, target);
    if (is_login) return login(now, request);
    const auto credential = Gate::credential_of(request);
    const auto viewer = credential ? gate_.admit(now, *credential, true) : std::nullopt;
    if (!viewer) return unauthorized("No session or token.");
    gate_.log_out(*credential);
    audits_.push_back({"logout", viewer->name, to_string(request.remote)});
    return Reply{204, {}, {}, {{"Set-Cookie", cookie(kCookie, {}, 0)}, {"Cache-Control", "no-store"}}};
}

Outcome Router::login(Now now, const Request& request) {
    if (!request.content_type.starts_with("application/json")) return problem(415, "Send application/json.");
    const auto body = nlohmann::json::parse(request.body, nullptr, false);
    const auto text_of = [&body](const char* key, std::size_t most) -> std::optional<std::string> {
        if (!body.is_object() || !body.contains(key) || !body[key].is_string()) return std::nullopt;
        auto text = body[key].get<std::string>();
        if (text.empty() || text.size() > most) return std::nullopt;
        return text;
    };
    auto user = text_of("user", access::kMaxUserName);
    auto password = text_of("password", kMaxPassword);
    if (!user || !password || body.size() != 2) return problem(400, "Send {\"user\": ..., \"password\": ...}.");
    const std::string device = cookie_value(request.cookie, kDeviceCookie).value_or("");
    auto attempt = gate_.begin_login(now, *user, std::move(*password), request.remote, device);
    if (attempt.check) return std::move(*attempt.check);
    audits_.push_back({"login_delayed", *user, to_string(request.remote)});
    return too_many(attempt.wait, "Too many attempts. Wait, then try again.");
}

Reply Router::finish_login(Now now, const PasswordCheck& check, bool matched) {
    const auto login = gate_.finish_login(now, check, matched);
    audits_.push_back({login ? "login" : "login_failed", check.client.user, to_string(check.client.address)});
    if (!login) return unauthorized("The user or the password is wrong.");
    Reply reply = json(session_json(*gate_.admit(now, {login->session, false}, true), facts_));
    reply.headers.emplace_back("Set-Cookie", cookie(kCookie, login->session));
    reply.headers.emplace_back("Set-Cookie", cookie(kDeviceCookie, login->device, Devices::kLifetime.count()));
    return reply;
}

Reply Router::abandon_login(const PasswordCheck& check) {
    gate_.abandon_login(check);
    Reply reply = problem(503, "Too many logins at once. Try again.");
    reply.headers.emplace_back("Retry-After", "2");
    return reply;
}

std::optional<Viewer> Router::viewer_of(Now now, const Request& request) {
    const auto credential = Gate::credential_of(request);
    return credential ? gate_.admit(now, *credential, false) : std::nullopt;
}

Outcome Router::handle_local(Now now, const std::string& text) {
    const auto target = parse_target(text);
    if (!target) return problem(400, "The request target is malformed.");
    const Request request;
    Viewer root;
    root.name = "root";
    root.grant.role = access::Role::kOperator;
    const Gate::Credential credential{};
    return get({now, request, *target, root, credential});
}

// --- views ---

Outcome Router::get(const Call& call) {
    const std::string& path = call.target.path;
    const bool sees_all = call.viewer.sees_all();
    if (path == "/metrics")
        return Reply{200,
                     "text/plain; version=0.0.4; charset=utf-8",
                     metrics_text(census_, facts_, call.viewer, call.now),
                     {{"Cache-Control", "no-store"}}};
    if (path == "/readyz") return ready(call.viewer, call.now);
    if (!path.starts_with(kApi)) return problem(404);
    const std::string_view rest = std::string_view(path).substr(kApi.size());
    if (rest == "login" || rest == "logout" || is_change_path(call.target)) return wrong_method("POST");
    if (rest == "session") return json(session_json(call.viewer, facts_));
    if (rest == "overview") return json(overview_json(census_, facts_, call.viewer, call.now));
    if (rest == "timeseries" && sees_all) return timeseries(call, census_.series(), {});
    if (rest == "outages") return outages(call, {});
    if (rest == "find") return find(call);
    if (rest == "top") return top(call);
    if (rest == "soon") return soon(call);
    if (rest == "system" && sees_all) return json(system_json(census_, facts_, call.viewer, call.now));
    if (rest == "events") return events(call);
    if (rest == "revisions") return revisions(call, {});
    if (rest.starts_with("revisions/") && sees_all) return revision(call);
    if (rest == "customers") return customers(call);
    if (call.target.segments.size() >= 4 && call.target.segments[2] == "customers") return get_customer(call);
    return problem(404);
}

// /api/v1/customers/ID/...: segments 3 and on.
Outcome Router::get_customer(const Call& call) {
    const std::vector<std::string>& segments = call.target.segments;
    // Before the lookup, so that neither bytes nor time reveal whether another's customer exists.
    if (!call.viewer.may_see(segments[3])) return problem(404);
    const CustomerEntry* customer = census_.find(segments[3]);
    if (customer == nullptr) return census_.has_snapshot() ? problem(404) : starting();
    if (segments.size() == 4) return json(customer_json(census_, *customer, facts_, call.viewer));
    if (segments.size() == 5 && segments[4] == "timeseries") return timeseries(call, customer->series, segments[3]);
    if (segments.size() == 5 && segments[4] == "outages") return outages(call, segments[3]);
    if (segments.size() == 5 && segments[4] == "stack") return look(call, *customer);
    if (segments.size() == 5 && segments[4] == "revisions") return revisions(call, segments[3]);
    if (segments[4] == "connections") return get_connection(call, *customer);
    if (segments[4] != "peers") return problem(404);
    if (segments.size() == 5) return peers(call, *customer);
    const auto peer = customer->peers.find(segments[5]);
    if (peer == customer->peers.end()) return problem(404);
    if (segments.size() == 6) return json(peer_json(customer->shown.settings.id, peer->second, call.now));
    if (segments.size() != 7 || segments[6] != "timeseries") return problem(404);
    return recent(call, peer->second.series != nullptr ? *peer->second.series : kSilent);
}

// /api/v1/customers/ID/connections/...: segments 5 and on.
Outcome Router::get_connection(const Call& call, const CustomerEntry& customer) {
    const std::vector<std::string>& segments = call.target.segments;
    if (segments.size() == 5) return connections(call, customer);
    const auto found = customer.connections.find(segments[5]);
    if (found == customer.connections.end()) return problem(404);
    const ConnectionEntry& connection = found->second;
    if (segments.size() == 6) return json(connection_json(customer.shown.settings.id, connection));
    if (segments.size() != 7 || segments[6] != "timeseries") return problem(404);
    return recent(call, connection.series != nullptr ? *connection.series : kSilent);
}

Outcome Router::timeseries(const Call& call, const Series& series, const std::string& customer) {
    return call.target.find("range") == nullptr ? recent(call, series) : traffic(call, customer);
}

// What is in memory.
Reply Router::recent(const Call& call, const Series& series) {
    const std::string* step = call.target.find("step");
    if (step == nullptr || *step == "2") return json(timeseries_json(series.fine(), Series::kFineSeconds));
    if (*step == "60") return json(timeseries_json(series.coarse(), Series::kCoarseSeconds));
    if (*step == "1800") return json(timeseries_json(series.week(), Series::kLongSeconds));
    return problem(400, "step: must be one of 2, 60, 1800");
}

Reply Router::ready(const Viewer& viewer, Now now) const {
    std::vector<std::string> reasons;
    for (const health::Finding& finding : findings_of(census_, facts_, viewer, now)) {
        if (health::is_unready(finding.kind)) reasons.push_back(finding.sentence);
    }
    Reply reply = json(ready_json(reasons));
    if (!reasons.empty()) reply.status = 503;
    return reply;
}

}  // namespace warren::web
