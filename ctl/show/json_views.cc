#include "ctl/show/json_views.h"

#include "base/drop_reason.h"
#include "base/log_level.h"
#include "config/identity.h"
#include "config/manual.h"
#include "config/moment.h"
#include "config/values.h"
#include "ctl/show/json.h"
#include "ctl/show/limits.h"
#include "ctl/show/test_link.h"
#include "ctl/show/text_views.h"
#include "ctl/show/units.h"

namespace warren::ctl {

namespace {

Json drops_of(const std::vector<ipc::DropCount>& drops) {
    Json out = Json::object();
    for (const auto& [reason, packets] : drops) out[reason] = packets;
    return out;
}

// In bits per second; null: no limit.
Json rate_of(std::uint64_t bits_per_second) {
    return bits_per_second == 0 ? Json() : Json(bits_per_second);
}

void add_tunnel(Json& out, const ipc::ShownWireguardPeer& tunnel) {
    out["public_key"] = tunnel.public_key;
    out["next_public_key"] = text_or_null(tunnel.next_public_key);
    out["persistent_keepalive"] = tunnel.persistent_keepalive_seconds;
    out["has_preshared_key"] = tunnel.has_preshared_key;
}

// Networks that the stack sees as others.
Json maps_of(const ipc::PeerSettings& settings) {
    Json out = Json::array();
    for (const ipc::PrefixMap& map : settings.maps) {
        Json& entry = out.emplace_back();
        entry["real"] = to_string(map.real);
        entry["mapped"] = to_string(map.mapped);
    }
    return out;
}

Json peer_of(const ipc::PeerSnapshot& peer, const ZoneNames& zones) {
    const auto text = [&zones](const std::optional<Endpoint>& endpoint) {
        return endpoint ? Json(endpoint_text(*endpoint, zones)) : Json();
    };
    Json out;
    out["name"] = peer.settings.name;
    out["kind"] = "wireguard";
    out["endpoint"] = text(peer.activity.endpoint);
    out["latest_handshake_seconds"] = peer.latest_handshake_seconds ? Json(*peer.latest_handshake_seconds) : Json();
    out["rx_bytes"] = peer.activity.rx_bytes;
    out["tx_bytes"] = peer.activity.tx_bytes;
    out["state"] = name_of(peer.state);
    out["lost_because"] = peer.activity.lost_because.empty() ? Json() : Json(peer.activity.lost_because);
    out["refused_as_old"] = peer.activity.refused_as_old;
    out["refused_as_too_soon"] = peer.activity.refused_as_too_soon;
    out["flaps_with"] = text(peer.activity.flaps_with);
    out["clock_was_ahead_seconds"] = peer.ahead_seconds;
    out["allowed_ips"] = texts_of(peer.settings.allowed_ips);
    out["allowed_ips_left_out"] = peer.allowed_ips_left_out;
    out["maps"] = maps_of(peer.settings);
    const bool has_come = peer.activity.latest_handshake != WallTime{};
    out["key_in_use"] = has_come ? Json(peer.activity.uses_next_key ? "next" : "present") : Json();
    out["server_key_in_use"] = has_come ? Json(peer.activity.uses_previous_identity ? "previous" : "present") : Json();
    out["expires"] = peer.settings.expires == WallTime{} ? Json() : Json(config::moment_text(peer.settings.expires));
    add_limits(out, peer.settings.limits, peer.activity.month);
    std::visit([&out](const auto& tunnel) { add_tunnel(out, tunnel); }, peer.tunnel);
    return out;
}

Json wireguard_peers_of(const CustomerStatus& status) {
    Json out = Json::array();
    for (const ipc::PeerSnapshot& peer : status.peers) out.push_back(peer_of(peer, status.zones));
    return out;
}

// What peers and connections have in common, under the same keys.
void add_activity(Json& out, const ipc::ConnectionSnapshot& connection, const ZoneNames& zones) {
    const ipc::ConnectionActivity& activity = connection.activity;
    out["endpoint"] = activity.endpoint ? Json(endpoint_text(*activity.endpoint, zones)) : Json();
    out["latest_handshake_seconds"] = number_or_null(connection.latest_handshake_seconds);
    out["rx_bytes"] = activity.rx_bytes;
    out["tx_bytes"] = activity.tx_bytes;
}

// A connection among peers.
Json peer_of(const ipc::ConnectionSnapshot& connection, const ZoneNames& zones) {
    Json out;
    out["name"] = connection.settings.name;
    out["kind"] = "ipsec";
    add_activity(out, connection, zones);
    out["state"] = name_of(peer_state_of(connection));
    out["lost_because"] = Json();
    out["reason"] = text_or_null(connection.reason);
    out["allowed_ips"] = texts_of(networks_of(connection.settings));
    add_limits(out, connection.settings.limits, connection.activity.month);
    return out;
}

// Of both kinds.
Json peers_of(const CustomerStatus& status) {
    Json out = wireguard_peers_of(status);
    for (const ConnectionStatus& one : status.connections) out.push_back(peer_of(one.connection, status.zones));
    return out;
}

Json connections_of(const CustomerStatus& status) {
    Json out = Json::array();
    for (const auto& [connection, ike_sas] : status.connections) {
        Json entry;
        entry["name"] = connection.settings.name;
        entry["kind"] = "ipsec";
        entry["state"] = name_of(connection.state);
        entry["reason"] = text_or_null(connection.reason);
        entry["auth"] = kIpsecAuthNames[static_cast<std::size_t>(connection.settings.auth)];
        entry["remote_identity"] = config::to_string(connection.settings.remote_identity);
        entry["remote_address"] =
            connection.settings.remote_address ? Json(to_string(*connection.settings.remote_address)) : Json();
        add_activity(entry, connection, status.zones);
        entry["sessions"] = connection.sessions;
        entry["max_sessions"] = connection.settings.max_sessions;
        entry["pool"] = texts_of(connection.settings.pool);
        entry["children"] = Json::array();
        for (const ipc::IpsecChild& child : connection.settings.children) {
            entry["children"].push_back({{"name", child.name},
                                         {"local", texts_of(child.local)},
                                         {"remote", texts_of(child.remote)},
                                         {"routes", texts_of(child.routes)}});
        }
        out.push_back(std::move(entry));
    }
    return out;
}

Json diagnostic_of(const config::Diagnostic& diagnostic) {
    Json out;
    out["file"] = diagnostic.file;
    out["line"] = diagnostic.place.line;
    out["column"] = diagnostic.place.column;
    out["severity"] = diagnostic.severity == config::Severity::kError ? "error" : "warning";
    out["customer"] = diagnostic.customer.empty() ? Json() : Json(diagnostic.customer);
    out["message"] = diagnostic.message;
    return out;
}

}  // namespace

std::string status_json(const Snapshot& snapshot, const StackdStatus& stackd,
                        const std::vector<health::Finding>& findings, const std::optional<ResellerUse>& use) {
    Json out;
    out["appliance"] = snapshot.header.appliance;
    out["version"] = snapshot.header.version;
    out["generation"] = snapshot.header.generation;
    out["encryption"] = snapshot.header.aead_backend;
    out["under_load"] = snapshot.header.under_load;
    out["handshakes_initiated"] = snapshot.header.handshakes_initiated;
    out["handshakes_completed"] = snapshot.header.handshakes_completed;
    out["drops"] = drops_of(snapshot.header.drops);
    out["stackd"]["answers"] = stackd.silence.empty();
    out["stackd"]["facts"] = stackd.facts;
    out["unconfirmed"] =
        stackd.unconfirmed
            ? Json({{"revision", stackd.unconfirmed->base}, {"seconds_left", stackd.unconfirmed->seconds_left}})
            : Json();
    out["problems"] = Json::array();
    if (!stackd.silence.empty()) out["problems"].push_back({{"customer", nullptr}, {"text", stackd.silence}});
    for (const ipc::ControlText& problem : stackd.problems)
        out["problems"].push_back(
            {{"customer", problem.customer.empty() ? Json() : Json(problem.customer)}, {"text", problem.text}});
    out["verdict"] = health::verdict_of(findings);
    out["findings"] = Json::array();
    for (const health::Finding& finding : findings)
        out["findings"].push_back({{"kind", health::name_of(finding.kind)},
                                   {"severity", finding.critical ? "critical" : "warning"},
                                   {"customer", finding.customer.empty() ? Json() : Json(finding.customer)},
                                   {"sentence", finding.sentence},
                                   {"what_to_do", finding.what_to_do}});
    out["customers"] = Json::array();
    for (const CustomerStatus& status : snapshot.customers) {
        const ipc::CustomerSnapshot& customer = status.customer;
        Json entry;
        entry["id"] = customer.settings.id;
        entry["name"] = customer.settings.name;
        entry["state"] = state_of(customer);
        entry["addresses"] = texts_of(customer.settings.addresses);
        entry["mtu"] = customer.settings.mtu;
        const ipc::ListenerSnapshot listener = customer.listener(ipc::ListenerKind::kWireguard);
        entry["listen_port"] = listener.port;
        entry["own_listener"] = !listener.id.owner.empty();
        entry["listener_public_key"] = listener.identity;
        entry["listener_previous_public_key"] = text_or_null(listener.previous_identity);
        entry["peers_on_previous_public_key"] = customer.peers_on_previous_identity;
        entry["peer_count"] = peer_count_of(customer);
        entry["peers_online"] = peers_online_of(customer);
        entry["next_expiry"] =
            customer.next_expiry == WallTime{} ? Json() : Json(config::moment_text(customer.next_expiry));
        entry["next_to_expire"] = text_or_null(customer.next_to_expire);
        entry["peers"] = peers_of(status);
        entry["connection_count"] = customer.connection_count;
        entry["connections_up"] = customer.connections_up;
        entry["connections_unserved"] = customer.connections_unserved;
        entry["connections"] = connections_of(status);
        const auto disabled = disabled_peers_of(stackd, customer.settings.id);
        entry["disabled_peers"] = disabled ? Json(disabled->names) : Json();
        entry["disabled_peers_more"] = disabled ? Json(disabled->more) : Json();
        entry["rx_bytes"] = customer.activity.rx_bytes;
        entry["tx_bytes"] = customer.activity.tx_bytes;
        entry["rx_packets"] = customer.activity.rx_packets;
        entry["tx_packets"] = customer.activity.tx_packets;
        entry["rx_cpu_ns"] = customer.activity.rx_cpu_nanoseconds;
        entry["tx_cpu_ns"] = customer.activity.tx_cpu_nanoseconds;
        entry["rate_up"] = rate_of(customer.settings.rate_up);
        entry["rate_down"] = rate_of(customer.settings.rate_down);
        entry["share"] = customer.settings.share;
        if (use) {
            entry["reseller"] = {{"customers", use->customers},
                                 {"max_customers", use->caps.max_customers ? Json(*use->caps.max_customers) : Json()},
                                 {"peers", use->peers},
                                 {"max_peers", use->caps.max_peers ? Json(*use->caps.max_peers) : Json()},
                                 {"share", use->caps.share}};
        }
        entry["test_link"] = test_link_of(customer.settings);
        add_quota(entry, {0, 0, customer.settings.quota, customer.settings.after_quota}, customer.activity.month);
        entry["drops"] = drops_of(customer.activity.drops);
        out["customers"].push_back(std::move(entry));
    }
    return dump(out);
}

std::string customers_json(const Snapshot& snapshot) {
    Json out;
    out["customers"] = Json::array();
    for (const CustomerStatus& status : snapshot.customers) {
        const ipc::CustomerSnapshot& customer = status.customer;
        Json entry;
        entry["id"] = customer.settings.id;
        entry["name"] = customer.settings.name;
        entry["state"] = state_of(customer);
        entry["peer_count"] = peer_count_of(customer);
        entry["peers_online"] = peers_online_of(customer);
        entry["addresses"] = texts_of(customer.settings.addresses);
        entry["rx_bytes"] = customer.activity.rx_bytes;
        entry["tx_bytes"] = customer.activity.tx_bytes;
        out["customers"].push_back(std::move(entry));
    }
    return dump(out);
}

std::string peers_json(const Snapshot& snapshot) {
    Json out;
    out["peers"] = Json::array();
    for (const CustomerStatus& status : snapshot.customers) {
        for (Json& entry : peers_of(status)) {
            entry["customer"] = status.customer.settings.id;
            out["peers"].push_back(std::move(entry));
        }
    }
    return dump(out);
}

std::string counters_json(const Snapshot& snapshot) {
    Json out;
    out["counters"] = Json::array();
    for (const CustomerStatus& status : snapshot.customers) {
        const ipc::CustomerSnapshot& customer = status.customer;
        Json entry;
        entry["customer"] = customer.settings.id;
        entry["rx_bytes"] = customer.activity.rx_bytes;
        entry["rx_packets"] = customer.activity.rx_packets;
        entry["tx_bytes"] = customer.activity.tx_bytes;
        entry["tx_packets"] = customer.activity.tx_packets;
        entry["rx_cpu_ns"] = customer.activity.rx_cpu_nanoseconds;
        entry["tx_cpu_ns"] = customer.activity.tx_cpu_nanoseconds;
        entry["dropped"] = sum_of(customer.activity.drops);
        entry["drops"] = drops_of(customer.activity.drops);
        out["counters"].push_back(std::move(entry));
    }
    out["vpnd"]["cpu_ns"] = snapshot.header.cpu_nanoseconds;
    out["vpnd"]["resident_bytes"] = snapshot.header.resident_bytes;
    out["workers"] = Json::array();
    for (const ipc::WorkerSnapshot& worker : snapshot.header.workers) {
        Json entry;
        entry["worker"] = out["workers"].size();
        entry["handed_over"] = worker.handed_over;
        entry["taken_over"] = worker.taken_over;
        entry["ring_full"] = worker.ring_full;
        entry["cpu_ns"] = worker.cpu_nanoseconds;
        out["workers"].push_back(std::move(entry));
    }
    return dump(out);
}

std::string drops_json(const Snapshot& snapshot) {
    Json out;
    out["drops"] = Json::array();
    const auto add = [&out](const Json& customer, const std::vector<ipc::DropCount>& drops) {
        for (const auto& [reason, packets] : drops) {
            Json entry;
            entry["customer"] = customer;
            entry["reason"] = reason;
            entry["packets"] = packets;
            const DropReasonRow* known = find_drop_reason(reason);
            entry["meaning"] = known == nullptr ? "" : known->meaning;
            entry["what_to_do"] = known == nullptr ? "" : known->advice;
            out["drops"].push_back(std::move(entry));
        }
    };
    add(Json(), snapshot.header.drops);
    for (const CustomerStatus& status : snapshot.customers)
        add(status.customer.settings.id, status.customer.activity.drops);
    out["refused"] = Json::array();
    for (const ipc::RefusedSender& sender : snapshot.header.refused) {
        out["refused"].push_back({{"reason", sender.reason},
                                  {"listener", sender.listener.empty() ? Json() : Json(sender.listener)},
                                  {"from", endpoint_text(sender.from, snapshot.zones)},
                                  {"key_begins", sender.who.empty() ? Json() : Json(sender.who)},
                                  {"customer", sender.customer.empty() ? Json() : Json(sender.customer)},
                                  {"peer", sender.peer.empty() ? Json() : Json(sender.peer)},
                                  {"messages", sender.messages},
                                  {"first", iso_time(sender.first)},
                                  {"last", iso_time(sender.last)}});
    }
    return dump(out);
}

std::string wg_json(const CustomerStatus& status) {
    Json out;
    out["interface"] = status.customer.settings.id;
    const ipc::ListenerSnapshot listener = status.customer.listener(ipc::ListenerKind::kWireguard);
    out["public_key"] = listener.identity;
    out["listen_port"] = listener.port;
    out["peers"] = wireguard_peers_of(status);
    return dump(out);
}

std::string routes_json(const std::string& customer, const std::vector<StackRoute>& routes) {
    Json out;
    out["customer"] = customer;
    out["routes"] = Json::array();
    for (const StackRoute& route : routes) {
        Json entry;
        entry["to"] = to_string(route.to);
        entry["type"] = route.type;
        entry["via"] = route.via ? Json(to_string(*route.via)) : Json();
        entry["device"] = route.device.empty() ? Json() : Json(route.device);
        entry["metric"] = route.metric;
        entry["protocol"] = route.protocol;
        if (!route.peer.empty()) entry["peer"] = route.peer;
        if (!route.neighbour.empty()) entry["neighbour"] = route.neighbour;
        if (!route.refused.empty()) entry["refused"] = route.refused;
        out["routes"].push_back(std::move(entry));
    }
    return dump(out);
}

std::string check_json(const config::Loaded& loaded) {
    Json out;
    bool valid = loaded.appliance_valid && !config::has_errors(loaded.diagnostics);
    out["valid"] = valid;
    out["appliance_valid"] = loaded.appliance_valid;
    out["customers"] = Json::array();
    for (const config::LoadedCustomer& customer : loaded.customers) {
        out["customers"].push_back(Json{{"id", customer.customer.id}, {"valid", customer.valid}});
    }
    out["diagnostics"] = Json::array();
    for (const config::Diagnostic& diagnostic : loaded.diagnostics)
        out["diagnostics"].push_back(diagnostic_of(diagnostic));
    return dump(out);
}

std::string listeners_json(const std::vector<Listening>& listeners, const PreviousKeyUsers& users) {
    Json out;
    out["listeners"] = Json::array();
    for (const Listening& each : listeners) {
        out["listeners"].push_back({{"protocol", each.protocol},
                                    {"port", each.port},
                                    {"address", each.address.empty() ? Json() : Json(each.address)},
                                    {"purpose", each.purpose},
                                    {"endpoint", each.endpoint.empty() ? Json() : Json(each.endpoint)}});
        if (!each.has_previous_key) continue;
        Json& on_it = out["listeners"].back()["peers_on_previous_key"] = users ? Json(Json::array()) : Json();
        if (!users) continue;
        const auto found = users->find(each.owner);
        if (found == users->end()) continue;
        for (const OnPreviousKey& one : found->second)
            on_it.push_back({{"customer", one.customer}, {"peer", one.peer}});
    }
    return dump(out);
}

std::string log_levels_json(const std::vector<DaemonLevel>& levels) {
    Json out;
    for (const DaemonLevel& each : levels)
        out["log_levels"][each.daemon] = parse_log_level(each.level) ? Json(each.level) : Json();
    return dump(out);
}

std::string explain_json(const std::vector<const config::Key*>& keys) {
    Json out;
    out["keys"] = Json::array();
    for (const config::Key* key : keys) {
        Json entry;
        entry["key"] = config::display_path(key->path);
        entry["file"] = config::file_of(key->document);
        entry["required"] = key->required;
        entry["accepted"] = config::accepted(*key);
        entry["unit"] = key->unit.empty() ? Json() : Json(key->unit);
        entry["default"] = key->default_text.empty() ? Json() : Json(key->default_text);
        entry["meaning"] = key->doc;
        entry["example"] = key->example.empty() ? Json() : Json(key->example);
        out["keys"].push_back(std::move(entry));
    }
    return dump(out);
}

std::string control_json(const std::vector<ipc::ControlText>& texts, const ipc::ControlDone& done) {
    Json out;
    out["exit_status"] = done.exit_status;
    out["generation"] = done.generation;
    out["summary"] = done.summary;
    for (const char* list : {"changes", "steps", "diagnostics", "notes"}) out[list] = Json::array();
    for (const ipc::ControlText& text : texts) {
        const char* list = text.kind == ipc::ControlText::Kind::kChange       ? "changes"
                           : text.kind == ipc::ControlText::Kind::kStep       ? "steps"
                           : text.kind == ipc::ControlText::Kind::kDiagnostic ? "diagnostics"
                                                                              : "notes";
        out[list].push_back(
            Json{{"customer", text.customer.empty() ? Json() : Json(text.customer)}, {"text", text.text}});
    }
    return dump(out);
}

}  // namespace warren::ctl
