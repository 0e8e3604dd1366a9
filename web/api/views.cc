#include "web/api/views.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <iterator>

#include "base/drop_reason.h"
#include "base/utc_text.h"
#include "base/version.h"
#include "web/api/json_forms.h"
#include "web/model/sentences.h"

namespace warren::web {

namespace {

constexpr std::size_t kMaxRoutes = 1000;
constexpr std::size_t kMaxDeltaRows = 500;
constexpr std::size_t kMaxDeltaEvents = 500;

Json counts_of(const PeerCounts& counts) {
    return {{"total", counts.total()}, {"online", counts.online}, {"idle", counts.idle}, {"never", counts.never}};
}

Json drops_of(std::vector<ipc::DropCount> drops) {
    std::stable_sort(drops.begin(), drops.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
    Json out = Json::array();
    for (const auto& [reason, packets] : drops) {
        const DropReasonRow* known = find_drop_reason(reason);
        out.push_back({{"name", reason},
                       {"packets", packets},
                       {"sentence", known == nullptr ? "" : known->meaning},
                       {"what_to_do", known == nullptr ? "" : known->advice}});
    }
    return out;
}

double seconds_of(Duration span) {
    return std::chrono::duration<double>(span).count();
}

// Rounds to 1/`parts`.
double rounded(double value, double parts) {
    return std::round(value * parts) / parts;
}

Json row_of(const CustomerEntry& customer) {
    const ipc::CustomerSettings& settings = customer.shown.settings;
    Json row{{"id", settings.id},
             {"name", settings.name},
             {"state", name_of(customer.state)},
             {"state_sentence", sentence_of(customer)},
             {"state_since", time_or_null(customer.state_since, customer.has_state_since)},
             {"peers", counts_of(customer.counts)},
             {"connections", counts_of(customer.connection_counts)},
             {"rates", rates_of(customer.rates)},
             {"rx_bytes", customer.shown.activity.rx_bytes},
             {"tx_bytes", customer.shown.activity.tx_bytes},
             {"drops_total", customer.drops_total},
             {"last_handshake", time_or_null(customer.last_handshake)},
             {"is_test_link", is_test_link(settings)},
             {"is_parked", customer.shown.activity.is_parked}};
    add_quota(row, settings.quota, settings.after_quota, customer.shown.activity.month);
    return row;
}

void add_tunnel(Json& row, const ipc::ShownWireguardPeer& tunnel) {
    row["public_key"] = tunnel.public_key;
    row["next_public_key"] = text_or_null(tunnel.next_public_key);
    row["has_preshared_key"] = tunnel.has_preshared_key;
    row["persistent_keepalive_seconds"] = tunnel.persistent_keepalive_seconds;
}

Json row_of(const std::string& customer, const PeerEntry& peer, Instant now) {
    const ipc::PeerSnapshot& shown = peer.shown;
    Json row{{"customer", customer},
             {"name", shown.settings.name},
             {"state", name_of(peer.state)},
             {"state_sentence", sentence_of(peer, now)},
             {"stale", peer.state == ipc::PeerState::kIdle && now - peer.handshake > kStale},
             {"state_since", time_or_null(peer.state_since, peer.has_state_since)},
             {"last_handshake", time_or_null(shown.activity.latest_handshake)},
             {"endpoint", shown.activity.endpoint ? Json(to_string(*shown.activity.endpoint)) : Json()},
             {"rates", rates_of(peer.rates)},
             {"rx_bytes", shown.activity.rx_bytes},
             {"tx_bytes", shown.activity.tx_bytes},
             {"allowed_ips", texts_of(shown.settings.allowed_ips)},
             {"allowed_ips_left_out", shown.allowed_ips_left_out},
             {"expires", time_or_null(shown.settings.expires)}};
    const bool has_come = shown.activity.latest_handshake != WallTime{};
    row["key_in_use"] = has_come ? Json(shown.activity.uses_next_key ? "next" : "present") : Json();
    row["server_key_in_use"] = has_come ? Json(shown.activity.uses_previous_identity ? "previous" : "present") : Json();
    add_limits(row, shown.settings.limits, shown.activity.month);
    row["maps"] = Json::array();
    for (const ipc::PrefixMap& map : shown.settings.maps)
        row["maps"].push_back({{"real", to_string(map.real)}, {"mapped", to_string(map.mapped)}});
    row["flaps_with"] = shown.activity.flaps_with ? Json(to_string(*shown.activity.flaps_with)) : Json();
    std::visit([&row](const auto& tunnel) { add_tunnel(row, tunnel); }, shown.tunnel);
    return row;
}

Json row_of(const Event& event) {
    return {{"id", event.id},
            {"at", iso_time(event.at)},
            {"kind", name_of(event.kind)},
            {"customer", text_or_null(event.customer)},
            {"peer", text_or_null(event.peer)},
            {"connection", text_or_null(event.connection)},
            {"sentence", sentence_of(event)},
            {"reason", text_or_null(event.reason)},
            {"from", text_or_null(event.from)},
            {"to", text_or_null(event.to)}};
}

Json row_of(const health::Finding& finding) {
    return {{"kind", name_of(finding.kind)},    {"severity", finding.critical ? "critical" : "warning"},
            {"since", iso_time(finding.since)}, {"customer", text_or_null(finding.customer)},
            {"sentence", finding.sentence},     {"what_to_do", finding.what_to_do}};
}

std::vector<const CustomerEntry*> visible(const Census& census, const Viewer& viewer) {
    std::vector<const CustomerEntry*> out;
    if (viewer.sees_all()) {
        out.reserve(census.customers().size());
        for (const auto& [id, customer] : census.customers()) out.push_back(&customer);
        return out;
    }
    for (const std::string& id : customers_seen_by(viewer, census)) out.push_back(census.find(id));
    return out;
}

void add(const ConnectionCounts& some, ConnectionCounts& all) {
    all.up += some.up;
    all.connecting += some.connecting;
    all.down += some.down;
    all.listening += some.listening;
    all.unserved += some.unserved;
    all.lost += some.lost;
}

// What comes back unless somebody confirms.
Json pending_of(const ipc::WebChanging& changing) {
    if (changing.pending == 0) return {};
    return {{"revision", changing.pending},
            {"comes_back_at", iso_time(changing.deadline)},
            {"is_returning", changing.is_returning}};
}

Json overview_of(const Census& census, const SystemFacts& facts, const Viewer& viewer, Now now) {
    const auto customers = visible(census, viewer);
    std::array<std::uint64_t, kCustomerStates> states{};
    PeerCounts peers;
    ConnectionCounts connections;
    Rates rates;
    std::uint64_t rx_bytes = 0;
    std::uint64_t tx_bytes = 0;
    for (const CustomerEntry* customer : customers) {
        ++states[static_cast<std::size_t>(customer->state)];
        peers.online += customer->counts.online;
        peers.idle += customer->counts.idle;
        peers.never += customer->counts.never;
        add(customer->connection_counts, connections);
        rates.inbound += customer->rates.inbound;
        rates.outbound += customer->rates.outbound;
        rx_bytes += customer->shown.activity.rx_bytes;
        tx_bytes += customer->shown.activity.tx_bytes;
    }
    Json counts{{"total", customers.size()}};
    for (const CustomerState state : {CustomerState::kUp, CustomerState::kDegraded, CustomerState::kDown,
                                      CustomerState::kNever, CustomerState::kSuspended, CustomerState::kUnserved}) {
        counts[std::string(name_of(state))] = states[static_cast<std::size_t>(state)];
    }
    Json alarms = Json::array();
    const auto findings = findings_of(census, customers, facts, viewer.sees_all(), now);
    for (const health::Finding& finding : findings) alarms.push_back(row_of(finding));
    const ipc::SnapshotHeader& header = census.header();
    const bool all = viewer.sees_all();
    return {{"appliance", header.appliance},
            {"version", kVersion},
            {"slot", text_or_null(facts.slot)},
            {"generation", header.generation},
            {"as_of", iso_time(census.as_of())},
            {"stale", census.is_stale(now.instant)},
            {"customers", counts},
            {"peers", counts_of(peers)},
            {"connections", counts_of(connections)},
            {"rates", rates_of(rates)},
            {"rx_bytes", rx_bytes},
            {"tx_bytes", tx_bytes},
            {"under_load", all && header.under_load},
            {"handshakes_completed", all ? header.handshakes_completed : 0},
            {"handshakes_initiated", all ? header.handshakes_initiated : 0},
            {"drops", all ? drops_of(header.drops) : Json::array()},
            {"pending", all ? pending_of(facts.changing) : Json()},
            {"verdict", health::verdict_of(findings)},
            {"alarms", alarms}};
}

// The appliance's devices are not the customer's concern.
Json lan_of(const ipc::WebStack& stack, const Viewer& viewer) {
    if (stack.lan.empty()) return {};
    return {{"type", stack.lan},
            {"parent", viewer.sees_all() ? text_or_null(stack.lan_parent) : Json()},
            {"addresses", texts_of(stack.lan_addresses)}};
}

// All null while stackd has not told of it.
void add_stack(Json& out, const ipc::WebStack* stack, const Viewer& viewer) {
    for (const char* key : {"stack_complete", "lan", "static_routes", "static_routes_more", "disabled_peers",
                            "disabled_peers_more", "description", "max_peers"})
        out[key] = nullptr;
    out["peer_descriptions"] = Json::array();
    if (stack == nullptr) return;
    out["stack_complete"] = stack->complete;
    out["lan"] = lan_of(*stack, viewer);
    out["static_routes"] = Json::array();
    for (const auto& [to, via] : stack->routes)
        out["static_routes"].push_back({{"to", to_string(to)}, {"via", to_string(via)}});
    out["static_routes_more"] = stack->more_routes;
    out["disabled_peers"] = stack->disabled_peers;
    out["disabled_peers_more"] = stack->more_disabled;
    // The operator's words of a customer are not for the customer.
    out["description"] = viewer.sees_all() ? text_or_null(stack->description) : Json();
    for (const auto& [name, text] : stack->peer_descriptions)
        out["peer_descriptions"].push_back({{"name", name}, {"text", text}});
    out["max_peers"] = stack->max_peers ? Json(*stack->max_peers) : Json();
}

// Of `customer`; null: all.
Json refused_of(const std::vector<ipc::RefusedSender>& refused, const std::string* customer) {
    Json out = Json::array();
    for (const ipc::RefusedSender& sender : refused) {
        if (customer != nullptr && sender.customer != *customer) continue;
        const DropReasonRow* const known = find_drop_reason(sender.reason);
        out.push_back({{"reason", sender.reason},
                       {"sentence", known == nullptr ? "" : known->meaning},
                       {"from", to_string(sender.from)},
                       {"key_begins", text_or_null(sender.who)},
                       {"listener", text_or_null(sender.listener)},
                       {"customer", text_or_null(sender.customer)},
                       {"peer", text_or_null(sender.peer)},
                       {"messages", sender.messages},
                       {"first", iso_time(sender.first)},
                       {"last", iso_time(sender.last)}});
    }
    return out;
}

// Through a peer, or through a connection.
Json route_to(const Prefix& prefix, const std::string& peer, const std::string& connection) {
    return {{"to", to_string(prefix)}, {"peer", text_or_null(peer)}, {"connection", text_or_null(connection)}};
}

Json certificate_of(const std::optional<CertificateFacts>& facts) {
    if (!facts) return {};
    return {{"fingerprint_sha256", facts->fingerprint_sha256},
            {"subject", facts->subject},
            {"not_before", iso_time(facts->not_before)},
            {"not_after", iso_time(facts->not_after)},
            {"self_signed", facts->self_signed}};
}

Json workers_of(const Census& census, bool has_shares) {
    Json out = Json::array();
    const std::vector<ipc::WorkerSnapshot>& workers = census.header().workers;
    for (std::size_t i = 0; i < workers.size(); ++i) {
        out.push_back({{"worker", i},
                       {"cpu_seconds", rounded(static_cast<double>(workers[i].cpu_nanoseconds) / 1e9, 100)},
                       {"cpu_share", has_shares ? Json(rounded(census.cpu_shares()->workers[i], 1000)) : Json()},
                       {"handed_over", workers[i].handed_over},
                       {"taken_over", workers[i].taken_over},
                       {"ring_full", workers[i].ring_full}});
    }
    return out;
}

Json tunnels_of(const Census& census, Instant now) {
    const ipc::SnapshotHeader& header = census.header();
    const bool reachable = census.has_snapshot() && !census.is_stale(now);
    const bool has_shares = reachable && census.cpu_shares().has_value();
    std::size_t peers = 0;
    std::size_t connections = 0;
    for (const auto& [id, customer] : census.customers()) {
        peers += customer.peers.size();
        connections += customer.connections.size();
    }
    return {{"reachable", reachable},
            {"snapshot_age_seconds",
             census.has_snapshot() ? Json(rounded(seconds_of(now - census.last_snapshot()), 10)) : Json()},
            {"encryption", header.aead_backend},
            {"under_load", header.under_load},
            {"handshakes_initiated", header.handshakes_initiated},
            {"handshakes_completed", header.handshakes_completed},
            {"customers", census.customers().size()},
            {"peers", peers},
            {"connections", connections},
            {"ike_sas", header.ike_sas},
            {"child_sas", header.child_sas},
            {"half_open", header.half_open_ike_sas},
            {"cpu_seconds", rounded(static_cast<double>(header.cpu_nanoseconds) / 1e9, 100)},
            {"cpu_share", has_shares ? Json(rounded(census.cpu_shares()->process, 1000)) : Json()},
            {"memory_bytes", header.resident_bytes != 0 ? Json(header.resident_bytes) : Json()},
            {"workers", workers_of(census, has_shares)}};
}

}  // namespace

std::vector<std::string> customers_seen_by(const Viewer& viewer, const Census& census) {
    std::vector<std::string> out;
    if (viewer.grant.role == access::Role::kCustomer) {
        std::copy_if(viewer.grant.customers.begin(), viewer.grant.customers.end(), std::back_inserter(out),
                     [&](const std::string& id) { return census.find(id) != nullptr; });
        return out;
    }
    for (const auto& [id, customer] : census.customers()) {
        if (viewer.may_see(id)) out.push_back(id);
    }
    return out;
}

std::vector<health::Finding> findings_of(const Census& census, const SystemFacts& facts, const Viewer& viewer,
                                         Now now) {
    return findings_of(census, visible(census, viewer), facts, viewer.sees_all(), now);
}

std::string iso_time(WallTime at) {
    return utc_text(at);
}

std::string about_json(const SystemFacts& facts) {
    return dump({{"appliance", facts.appliance}});
}

std::string session_json(const Viewer& viewer, const SystemFacts& facts) {
    const bool may_change = facts.changing.allowed && !viewer.is_token && viewer.grant.role != access::Role::kViewer;
    return dump({{"user", viewer.name},
                 {"may_change", may_change},
                 {"unlocked", may_change && !viewer.ticket.empty()},
                 {"role", name_of(viewer.grant.role)},
                 {"customers", viewer.sees_all() ? Json() : Json(viewer.grant.customers)},
                 {"kind", viewer.is_token ? "token" : "cookie"},
                 {"expires_at", viewer.expires ? Json(iso_time(*viewer.expires)) : Json()},
                 {"idle_expires_at", viewer.idle_expires ? Json(iso_time(*viewer.idle_expires)) : Json()}});
}

std::string overview_json(const Census& census, const SystemFacts& facts, const Viewer& viewer, Now now) {
    return dump(overview_of(census, facts, viewer, now));
}

std::string customers_json(const Census& census, const std::vector<const CustomerEntry*>& rows, PageOf page) {
    Json items = Json::array();
    for (const CustomerEntry* customer : rows) items.push_back(row_of(*customer));
    return dump(page_json(std::move(items), page, census));
}

std::string customer_json(const Census& census, const CustomerEntry& customer, const SystemFacts& facts,
                          const Viewer& viewer) {
    const ipc::CustomerSettings& settings = customer.shown.settings;
    Json out = row_of(customer);
    out["addresses"] = texts_of(settings.addresses);
    out["mtu"] = settings.mtu;
    const ipc::ListenerSnapshot listener = customer.shown.listener(ipc::ListenerKind::kWireguard);
    out["listen_port"] = listener.port;
    out["own_listener"] = !listener.id.owner.empty();
    out["listener_public_key"] = listener.identity;
    out["listener_previous_public_key"] = text_or_null(listener.previous_identity);
    out["rx_packets"] = customer.shown.activity.rx_packets;
    out["tx_packets"] = customer.shown.activity.tx_packets;
    out["cpu_seconds"] =
        static_cast<double>(customer.shown.activity.rx_cpu_nanoseconds + customer.shown.activity.tx_cpu_nanoseconds) /
        1e9;
    add_rates(out, settings.rate_up, settings.rate_down);
    out["share"] = settings.share;
    out["max_handshake_rate"] = limit_or_null(settings.max_handshake_rate);
    out["test_link"] = test_link_of(settings);
    out["next_expiry"] = time_or_null(customer.shown.next_expiry);
    out["next_to_expire"] = text_or_null(customer.shown.next_to_expire);
    Json routes = Json::array();
    for (const auto& [name, peer] : customer.peers) {
        for (const Prefix& prefix : peer.shown.settings.allowed_ips) {
            if (routes.size() < kMaxRoutes) routes.push_back(route_to(prefix, name, {}));
        }
    }
    for (const auto& [name, connection] : customer.connections) {
        for (const ipc::IpsecChild& child : connection.shown.settings.children) {
            for (const Prefix& prefix : child.routes) {
                if (routes.size() < kMaxRoutes) routes.push_back(route_to(prefix, {}, name));
            }
        }
        for (const Prefix& prefix : connection.shown.settings.pool) {
            if (routes.size() < kMaxRoutes) routes.push_back(route_to(prefix, {}, name));
        }
    }
    out["routes"] = std::move(routes);
    out["peers_on_previous_key"] = customer.shown.peers_on_previous_identity;
    out["drops"] = drops_of(customer.shown.activity.drops);
    const std::string& id = settings.id;
    const auto stack = facts.stacks.find(census.id_at_stackd(id));
    add_stack(out, stack == facts.stacks.end() ? nullptr : &stack->second, viewer);
    // Only those that claim to be its peers: of a stranger nobody knows whom it looks for.
    out["refused"] = refused_of(census.header().refused, &id);
    return dump(out);
}

std::string peers_json(const Census& census, const std::string& customer, const std::vector<const PeerEntry*>& rows,
                       PageOf page, Now now) {
    Json items = Json::array();
    for (const PeerEntry* peer : rows) items.push_back(row_of(customer, *peer, now.instant));
    return dump(page_json(std::move(items), page, census));
}

std::string peer_json(const std::string& customer, const PeerEntry& peer, Now now) {
    return dump(row_of(customer, peer, now.instant));
}

std::string timeseries_json(const Ring& ring, std::int64_t step_seconds) {
    const Ring::Column column = ring.column();
    Json times = Json::array();
    Json inbound = Json::array();
    Json outbound = Json::array();
    std::int64_t step = column.first_step;
    for (const Throughput& value : column.values) {
        times.push_back(++step * step_seconds);
        inbound.push_back(value.is_known() ? Json(std::round(value.inbound)) : Json());
        outbound.push_back(value.is_known() ? Json(std::round(value.outbound)) : Json());
    }
    return dump({{"step_seconds", step_seconds},
                 {"times", times},
                 {"rx_bits_per_second", inbound},
                 {"tx_bits_per_second", outbound}});
}

std::string events_json(const std::vector<const Event*>& events, bool has_more) {
    Json items = Json::array();
    for (const Event* event : events) items.push_back(row_of(*event));
    return dump({{"items", items}, {"next_before", has_more && !events.empty() ? Json(events.back()->id) : Json()}});
}

std::string system_json(const Census& census, const SystemFacts& facts, const Viewer& viewer, Now now) {
    const ipc::SnapshotHeader& header = census.header();
    const Json self{{"uptime_seconds", static_cast<std::uint64_t>(seconds_of(now.instant - facts.started))},
                    {"memory_bytes", facts.memory_bytes},
                    {"cpu_seconds", rounded(facts.cpu_seconds, 100)},
                    {"viewers", facts.viewers},
                    {"sessions", facts.sessions},
                    {"connections", facts.connections}};
    const Json users{{"users", facts.users}, {"tokens", facts.tokens}, {"error", text_or_null(facts.users_problem)}};
    return dump({{"appliance", header.appliance},
                 {"version", kVersion},
                 {"generation", header.generation},
                 {"slot", text_or_null(facts.slot)},
                 {"listen", facts.listen},
                 {"certificate", certificate_of(facts.certificate)},
                 {"vpnd", tunnels_of(census, now.instant)},
                 {"statusd", self},
                 {"refused", refused_of(header.refused, nullptr)},
                 {"users_file", viewer.grant.role == access::Role::kOperator ? users : Json()},
                 {"alerts", viewer.grant.role == access::Role::kOperator ? alerts_of(facts.alerts) : Json()}});
}

std::string ready_json(const std::vector<std::string>& reasons) {
    return dump({{"ready", reasons.empty()}, {"reasons", reasons}});
}

namespace {
const std::map<std::string, ConnectionEntry, std::less<>> kNoConnections;
}

std::string delta_json(const Census& census, const SystemFacts& facts, const Scope& scope, std::uint64_t since,
                       std::uint64_t since_event, Now now) {
    bool reload = census.list_tick() > since;
    Json customers = Json::array();
    for (const CustomerEntry* customer : visible(census, scope.viewer)) {
        const std::string& id = customer->shown.settings.id;
        const bool watched =
            id == scope.customer || std::find(scope.watch.begin(), scope.watch.end(), id) != scope.watch.end();
        if ((watched ? customer->tick : customer->state_tick) <= since) continue;
        if (customers.size() < kMaxDeltaRows) {
            customers.push_back(row_of(*customer));
        } else {
            reload = true;
        }
    }
    Json peers = Json::array();
    const CustomerEntry* shown = scope.customer.empty() ? nullptr : census.find(scope.customer);
    if (shown != nullptr) {
        reload = reload || shown->config_tick > since;
        for (const auto& [name, peer] : shown->peers) {
            if (peer.tick <= since) continue;
            if (peers.size() < kMaxDeltaRows) {
                peers.push_back(row_of(scope.customer, peer, now.instant));
            } else {
                reload = true;
            }
        }
    }
    Json connections = Json::array();
    for (const auto& [name, connection] : shown == nullptr ? kNoConnections : shown->connections) {
        if (connection.tick <= since) continue;
        if (connections.size() < kMaxDeltaRows) {
            connections.push_back(row_of(scope.customer, connection));
        } else {
            reload = true;
        }
    }
    const auto wanted = [&](const Event& event) {
        if (event.customer.empty()) return scope.viewer.sees_all() && scope.customer.empty();
        return scope.viewer.may_see(event.customer) && (scope.viewer.sees_all() || !event.is_disowned);
    };
    auto news = census.events().find(scope.customer, since_event, UINT64_MAX, kMaxDeltaEvents, wanted);
    std::reverse(news.begin(), news.end());
    Json events = Json::array();
    for (const Event* event : news) events.push_back(row_of(*event));
    return dump({{"as_of", iso_time(census.as_of())},
                 {"overview", overview_of(census, facts, scope.viewer, now)},
                 {"customers", customers},
                 {"peers", peers},
                 {"connections", connections},
                 {"events", events},
                 {"reload", reload}});
}

}  // namespace warren::web
