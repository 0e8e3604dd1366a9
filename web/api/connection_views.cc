// Connections of IPsec as JSON: rows, and one with its SAs.
#include <fmt/format.h>

#include <algorithm>

#include "web/api/json_forms.h"
#include "web/model/sentences.h"

namespace warren::web {

namespace {

std::string_view nat_of(const ipc::IkeSaSnapshot& sa) {
    if (sa.peer_is_behind_nat) return sa.we_are_behind_nat ? "both" : "peer";
    return sa.we_are_behind_nat ? "us" : "none";
}

WallTime after(WallTime at, std::int64_t seconds) {
    return {at.nanoseconds + seconds * 1'000'000'000};
}
Json later_or_null(WallTime at, const std::optional<std::uint32_t>& seconds) {
    return seconds ? time_or_null(after(at, *seconds)) : Json();
}
Json earlier(WallTime at, std::uint32_t seconds) {
    return time_or_null(after(at, -std::int64_t{seconds}));
}

// What the connection carries to its peer; of remote access the pool.
Json networks_of(const ipc::ConnectionSettings& settings) {
    Json out = texts_of(settings.pool);
    for (const ipc::IpsecChild& child : settings.children) {
        for (const Prefix& prefix : child.remote) out.push_back(to_string(prefix));
    }
    return out;
}

// The one whose figures stand for a connection of one session: the youngest that is established, else the youngest.
const IkeSa* latest_of(const ConnectionEntry& connection) {
    const auto younger = [](const IkeSa& a, const IkeSa& b) {
        if (a.ike_sa.is_established != b.ike_sa.is_established) return b.ike_sa.is_established;
        return a.ike_sa.age_seconds > b.ike_sa.age_seconds;
    };
    const auto found = std::max_element(connection.ike_sas.begin(), connection.ike_sas.end(), younger);
    return found == connection.ike_sas.end() ? nullptr : &*found;
}

Json child_of(const ipc::ChildSnapshot& child, WallTime as_of) {
    return {{"name", child.name},
            {"local", child.local},
            {"remote", child.remote},
            {"spi_in", fmt::format("{:08x}", child.spi_in)},
            {"spi_out", fmt::format("{:08x}", child.spi_out)},
            {"suite", child.suite},
            {"rx_bytes", child.rx_bytes},
            {"tx_bytes", child.tx_bytes},
            {"shares_counters", child.shares_counters},
            {"since", earlier(as_of, child.age_seconds)},
            {"next_rekey", later_or_null(as_of, child.rekey_seconds)},
            {"expires", later_or_null(as_of, child.expiry_seconds)},
            {"replaced", child.is_replaced}};
}

Json ike_sa_of(const IkeSa& one, WallTime as_of) {
    const ipc::IkeSaSnapshot& sa = one.ike_sa;
    Json children = Json::array();
    for (const ipc::ChildSnapshot& child : one.children) children.push_back(child_of(child, as_of));
    return {{"initiator_spi", fmt::format("{:016x}", sa.initiator_spi)},
            {"responder_spi", fmt::format("{:016x}", sa.responder_spi)},
            {"initiator", sa.is_initiator},
            {"established", sa.is_established},
            {"local_identity", text_or_null(sa.local_identity)},
            {"remote_identity", text_or_null(sa.remote_identity)},
            {"endpoint", to_string(sa.endpoint)},
            {"local_endpoint", to_string(sa.local)},
            {"nat", nat_of(sa)},
            {"suite", text_or_null(sa.suite)},
            {"since", earlier(as_of, sa.age_seconds)},
            {"last_heard", sa.heard_seconds ? earlier(as_of, *sa.heard_seconds) : Json()},
            {"next_rekey", later_or_null(as_of, sa.rekey_seconds)},
            {"expires", later_or_null(as_of, sa.expiry_seconds)},
            {"children", std::move(children)}};
}

}  // namespace

Json counts_of(const ConnectionCounts& counts) {
    return {{"total", counts.total()},         {"up", counts.up},
            {"connecting", counts.connecting}, {"down", counts.down},
            {"listening", counts.listening},   {"unserved", counts.unserved}};
}

Json row_of(const std::string& customer, const ConnectionEntry& connection) {
    const ipc::ConnectionSnapshot& shown = connection.shown;
    const IkeSa* const latest = latest_of(connection);
    const bool has_latest = latest != nullptr;
    const auto& endpoint = shown.activity.endpoint;
    return {{"customer", customer},
            {"name", shown.settings.name},
            {"kind", "ipsec"},
            {"state", name_of(shown.state)},
            {"state_sentence", sentence_of(connection)},
            {"reason", text_or_null(shown.reason)},
            {"lost", is_lost(connection)},
            {"state_since", time_or_null(connection.state_since, connection.has_state_since)},
            {"last_handshake", time_or_null(shown.activity.latest_handshake)},
            {"remote_identity", to_string(shown.settings.remote_identity)},
            {"auth", kIpsecAuthNames[static_cast<std::size_t>(shown.settings.auth)]},
            {"endpoint", endpoint ? Json(to_string(*endpoint)) : Json()},
            {"nat", has_latest ? Json(nat_of(latest->ike_sa)) : Json()},
            {"suite", has_latest ? text_or_null(latest->ike_sa.suite) : Json()},
            {"next_rekey", has_latest ? later_or_null(connection.as_of, latest->ike_sa.rekey_seconds) : Json()},
            {"next_attempt", later_or_null(connection.as_of, shown.next_attempt_seconds)},
            {"sessions", shown.sessions},
            {"max_sessions", shown.settings.max_sessions},
            {"networks", networks_of(shown.settings)},
            {"rates", rates_of(connection.rates)},
            {"rx_bytes", shown.activity.rx_bytes},
            {"tx_bytes", shown.activity.tx_bytes}};
}

std::string connections_json(const Census& census, const std::string& customer,
                             const std::vector<const ConnectionEntry*>& rows, PageOf page) {
    Json items = Json::array();
    for (const ConnectionEntry* connection : rows) items.push_back(row_of(customer, *connection));
    return dump(page_json(std::move(items), page, census));
}

std::string connection_json(const std::string& customer, const ConnectionEntry& connection) {
    const ipc::ConnectionSettings& settings = connection.shown.settings;
    Json out = row_of(customer, connection);
    out["local_identity"] = settings.local_identity ? Json(to_string(*settings.local_identity)) : Json();
    out["remote_address"] = settings.remote_address ? Json(to_string(*settings.remote_address)) : Json();
    out["start"] = kIpsecStartNames[static_cast<std::size_t>(settings.start)];
    out["rekeys"] = connection.shown.activity.rekeys;
    out["failures"] = connection.shown.activity.failures;
    add_limits(out, settings.limits, connection.shown.activity.month);
    out["ike_sas"] = Json::array();
    for (const IkeSa& sa : connection.ike_sas) out["ike_sas"].push_back(ike_sa_of(sa, connection.as_of));
    out["ike_sas_left_out"] = connection.ike_sas_left_out;
    return dump(out);
}

}  // namespace warren::web
