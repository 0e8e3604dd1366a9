#include "ctl/show/ipsec_views.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "base/printable.h"
#include "base/utc_text.h"
#include "config/identity.h"
#include "ctl/show/json.h"
#include "ctl/show/table.h"
#include "ctl/show/text_views.h"
#include "ctl/show/units.h"

namespace warren::ctl {

namespace {

constexpr std::size_t kShownSelectors = 3;
// Of what a stranger may have written, in characters.
constexpr std::size_t kShownText = 400;
constexpr std::size_t kShownSentence = 800;

std::string shown(const std::string& text, std::size_t most = kShownText) {
    return text.size() <= most ? printable(text) : printable(text.substr(0, most)) + "...";
}

std::string or_dash(const std::string& text) {
    return text.empty() ? "-" : shown(text);
}

std::string or_unknown(const std::string& reason) {
    return reason.empty() ? "see connections_not_served in the log" : reason;
}

std::string ike_spi(std::uint64_t spi) {
    return fmt::format("{:016x}", spi);
}
std::string esp_spi(std::uint32_t spi) {
    return fmt::format("{:08x}", spi);
}

std::string_view nat_of(const ipc::IkeSaSnapshot& sa) {
    if (sa.peer_is_behind_nat) return sa.we_are_behind_nat ? "both" : "peer";
    return sa.we_are_behind_nat ? "us" : "none";
}

std::string join(const std::vector<std::string>& texts) {
    const auto shown = std::min(texts.size(), kShownSelectors);
    std::string out =
        fmt::to_string(fmt::join(texts.begin(), texts.begin() + static_cast<std::ptrdiff_t>(shown), ", "));
    return texts.size() == shown ? out : out + fmt::format(", +{}", texts.size() - shown);
}

// "in 54 min"; "never".
std::string in_text(const std::optional<std::uint32_t>& seconds) {
    return seconds ? "in " + short_age(seconds) : "never";
}

std::string children_table(const std::vector<ipc::ChildSnapshot>& children) {
    Table table({{"CHILD"},
                 {"LOCAL"},
                 {"REMOTE"},
                 {"SPI IN"},
                 {"SPI OUT"},
                 {"SUITE"},
                 {"RECEIVED", Align::kRight},
                 {"SENT", Align::kRight},
                 {"AGE", Align::kRight},
                 {"REKEY", Align::kRight}});
    for (const ipc::ChildSnapshot& child : children) {
        table.add({child.name, join(child.local), join(child.remote), esp_spi(child.spi_in), esp_spi(child.spi_out),
                   child.suite, bytes_text(child.rx_bytes), bytes_text(child.tx_bytes), short_age(child.age_seconds),
                   child.is_replaced ? "replaced" : short_age(child.rekey_seconds)});
    }
    return table.text();
}

std::string ike_sa_text(const IkeSaStatus& status, const ZoneNames& zones) {
    const ipc::IkeSaSnapshot& sa = status.ike_sa;
    std::string out = fmt::format("\nIKE SA      {}_i {}_r, {} as {}, {} ago\n", ike_spi(sa.initiator_spi),
                                  ike_spi(sa.responder_spi), sa.is_established ? "established" : "not established",
                                  sa.is_initiator ? "initiator" : "responder", short_age(sa.age_seconds));
    out += fmt::format("identities  {} (ours), {}\n", or_dash(sa.local_identity), or_dash(sa.remote_identity));
    out += fmt::format("endpoint    {}, behind NAT: {}{}\n", endpoint_text(sa.endpoint, zones), nat_of(sa),
                       sa.heard_seconds ? fmt::format(", heard {} ago", short_age(sa.heard_seconds)) : "");
    if (!sa.suite.empty()) out += fmt::format("suite       {}, rekey {}\n", shown(sa.suite), in_text(sa.rekey_seconds));
    if (status.children.empty()) return out;
    const bool is_shared = std::any_of(status.children.begin(), status.children.end(),
                                       [](const ipc::ChildSnapshot& child) { return child.shares_counters; });
    out += children_table(status.children);
    return is_shared ? out + "received and sent: of all children whose networks overlap, together\n" : out;
}

std::string connection_text(const std::string& customer, const ConnectionStatus& status, const ZoneNames& zones) {
    const ipc::ConnectionSnapshot& connection = status.connection;
    const ipc::ConnectionSettings& settings = connection.settings;
    std::string out = fmt::format("connection  {}/{}\nstate       {}\n", customer, printable(settings.name),
                                  name_of(connection.state));
    if (!connection.reason.empty()) out += fmt::format("reason      {}\n", shown(connection.reason, kShownSentence));
    if (connection.next_attempt_seconds)
        out += fmt::format("again       {}\n", in_text(connection.next_attempt_seconds));
    out += fmt::format("expects     {}, {}{}\n", shown(config::to_string(settings.remote_identity)),
                       kIpsecAuthNames[static_cast<std::size_t>(settings.auth)],
                       settings.remote_address ? ", at " + to_string(*settings.remote_address) : "");
    if (settings.max_sessions > 1)
        out += fmt::format("sessions    {} of {}\n", connection.sessions, settings.max_sessions);
    out += fmt::format("received    {}\nsent        {}\n", bytes_text(connection.activity.rx_bytes),
                       bytes_text(connection.activity.tx_bytes));
    for (const IkeSaStatus& sa : status.ike_sas) out += ike_sa_text(sa, zones);
    return out;
}

// Received and sent; what several children have counted together, once.
std::pair<std::uint64_t, std::uint64_t> bytes_of(const std::vector<ipc::ChildSnapshot>& children) {
    std::pair<std::uint64_t, std::uint64_t> out;
    std::set<std::pair<std::uint64_t, std::uint64_t>> shared;
    for (const ipc::ChildSnapshot& child : children) {
        if (child.is_replaced) continue;
        if (child.shares_counters && !shared.emplace(child.rx_bytes, child.tx_bytes).second) continue;
        out.first += child.rx_bytes;
        out.second += child.tx_bytes;
    }
    return out;
}

Json child_of(const ipc::ChildSnapshot& child) {
    Json out;
    out["name"] = child.name;
    out["local"] = child.local;
    out["remote"] = child.remote;
    out["spi_in"] = esp_spi(child.spi_in);
    out["spi_out"] = esp_spi(child.spi_out);
    out["suite"] = child.suite;
    out["rx_bytes"] = child.rx_bytes;
    out["tx_bytes"] = child.tx_bytes;
    out["shares_counters"] = child.shares_counters;
    out["age_seconds"] = child.age_seconds;
    out["rekey_seconds"] = number_or_null(child.rekey_seconds);
    out["expiry_seconds"] = number_or_null(child.expiry_seconds);
    out["replaced"] = child.is_replaced;
    return out;
}

Json ike_sa_of(const IkeSaStatus& status, const ZoneNames& zones) {
    const ipc::IkeSaSnapshot& sa = status.ike_sa;
    Json out;
    out["initiator_spi"] = ike_spi(sa.initiator_spi);
    out["responder_spi"] = ike_spi(sa.responder_spi);
    out["initiator"] = sa.is_initiator;
    out["established"] = sa.is_established;
    out["local_identity"] = text_or_null(sa.local_identity);
    out["remote_identity"] = text_or_null(sa.remote_identity);
    out["endpoint"] = endpoint_text(sa.endpoint, zones);
    out["local_endpoint"] = endpoint_text(sa.local, zones);
    out["nat"] = nat_of(sa);
    out["suite"] = text_or_null(sa.suite);
    out["age_seconds"] = sa.age_seconds;
    out["heard_seconds"] = number_or_null(sa.heard_seconds);
    out["rekey_seconds"] = number_or_null(sa.rekey_seconds);
    out["expiry_seconds"] = number_or_null(sa.expiry_seconds);
    out["children"] = Json::array();
    for (const ipc::ChildSnapshot& child : status.children) out["children"].push_back(child_of(child));
    return out;
}

}  // namespace

std::string ipsec_text(const Snapshot& snapshot) {
    Table table({{"CUSTOMER"},
                 {"CONNECTION"},
                 {"STATE"},
                 {"IDENTITY"},
                 {"ENDPOINT"},
                 {"NAT"},
                 {"SUITE"},
                 {"CHILDREN", Align::kRight},
                 {"RECEIVED", Align::kRight},
                 {"SENT", Align::kRight},
                 {"REKEY", Align::kRight}});
    std::string reasons;
    for (const CustomerStatus& status : snapshot.customers) {
        const std::string& customer = status.customer.settings.id;
        for (const auto& [connection, ike_sas] : status.connections) {
            const std::string& name = connection.settings.name;
            const std::string state(name_of(connection.state));
            if (!connection.reason.empty())
                reasons +=
                    fmt::format("{}/{}: {}\n", customer, printable(name), shown(connection.reason, kShownSentence));
            if (ike_sas.empty()) {
                const auto& endpoint = connection.activity.endpoint;
                table.add({customer, name, state, config::to_string(connection.settings.remote_identity),
                           endpoint ? endpoint_text(*endpoint, status.zones) : "-", "-", "-", "0",
                           bytes_text(connection.activity.rx_bytes), bytes_text(connection.activity.tx_bytes), "-"});
            }
            for (const auto& [sa, children] : ike_sas) {
                const auto [received, sent] = bytes_of(children);
                table.add({customer, name, sa.is_established ? state : "connecting", or_dash(sa.remote_identity),
                           endpoint_text(sa.endpoint, status.zones), std::string(nat_of(sa)), or_dash(sa.suite),
                           fmt::format("{}", children.size()), bytes_text(received), bytes_text(sent),
                           short_age(sa.rekey_seconds)});
            }
        }
    }
    if (table.empty()) return "no customer has a connection of IPsec\n";
    if (reasons.empty()) return table.text();
    return table.text() + '\n' + reasons + "More: vpnctl ipsec CUSTOMER CONNECTION --why\n";
}

std::string connections_text(const CustomerStatus& status) {
    std::string out;
    for (const ConnectionStatus& one : status.connections)
        out += (out.empty() ? "" : "\n\n") + connection_text(status.customer.settings.id, one, status.zones);
    return out.empty() ? fmt::format("{} has no connection of IPsec\n", status.customer.settings.id) : out;
}

std::string certificates_text(const std::vector<ipc::CertificateFact>& certificates, WallTime now) {
    constexpr std::int64_t kDay = std::int64_t{86'400} * 1'000'000'000;
    std::string out;
    for (const ipc::CertificateFact& one : certificates) {
        const std::int64_t left = one.not_after.nanoseconds - now.nanoseconds;
        out += fmt::format("{} ({}): {}\n", one.field, printable(one.file),
                           left < 0 ? "ended " + utc_text(one.not_after)
                                    : fmt::format("ends {}, in {} days", utc_text(one.not_after), left / kDay));
    }
    return out;
}

std::string ipsec_json(const Snapshot& snapshot, const std::vector<ipc::CertificateFact>& certificates) {
    Json out;
    out["connections"] = Json::array();
    for (const CustomerStatus& status : snapshot.customers) {
        for (const auto& [connection, ike_sas] : status.connections) {
            Json entry;
            entry["customer"] = status.customer.settings.id;
            entry["name"] = connection.settings.name;
            entry["state"] = name_of(connection.state);
            entry["reason"] = text_or_null(connection.reason);
            entry["next_attempt_seconds"] = number_or_null(connection.next_attempt_seconds);
            entry["latest_handshake_seconds"] = number_or_null(connection.latest_handshake_seconds);
            entry["sessions"] = connection.sessions;
            entry["rx_bytes"] = connection.activity.rx_bytes;
            entry["tx_bytes"] = connection.activity.tx_bytes;
            entry["ike_sas"] = Json::array();
            for (const IkeSaStatus& sa : ike_sas) entry["ike_sas"].push_back(ike_sa_of(sa, status.zones));
            out["connections"].push_back(std::move(entry));
        }
    }
    out["certificates"] = Json::array();
    for (const ipc::CertificateFact& one : certificates)
        out["certificates"].push_back(
            {{"field", one.field}, {"file", one.file}, {"not_after", utc_text(one.not_after)}});
    return dump(out);
}

std::string attempts_text(const Attempts& attempts) {
    std::string out;
    for (const Attempts::Unserved& one : attempts.unserved)
        out += fmt::format("{}/{} is not served: {}\n", attempts.customer, printable(one.connection),
                           or_unknown(shown(one.reason, kShownSentence)));
    const bool has_unserved = !out.empty();
    for (const ipc::AttemptSnapshot& one : attempts.attempts) {
        out += fmt::format("{}  {}{} {}  {}\n", time_text(one.at),
                           one.connection.empty() ? "" : printable(one.connection) + "  ",
                           one.is_initiator ? "to" : "from", endpoint_text(one.endpoint, attempts.zones),
                           one.failure.empty() ? "up" : printable(one.failure));
        out += fmt::format("    {}\n", shown(one.sentence, kShownSentence));
        const auto add = [&out](std::string_view label, const std::string& text) {
            if (!text.empty()) out += fmt::format("    {:<9} {}\n", label, shown(text));
        };
        add("wanted", one.asked_identity);
        add("offered", one.offered);
        add("accepted", one.accepted);
    }
    const bool of_strangers = attempts.customer.empty();
    if (has_unserved && attempts.attempts.empty()) return out;
    if (out.empty()) out = of_strangers ? "no attempt without a connection is known\n" : "no attempt is known\n";
    return of_strangers ? out : out + "Attempts that found no connection: vpnctl ipsec --why\n";
}

std::string attempts_json(const Attempts& attempts) {
    Json out;
    out["attempts"] = Json::array();
    for (const ipc::AttemptSnapshot& one : attempts.attempts) {
        out["attempts"].push_back({{"customer", text_or_null(attempts.customer)},
                                   {"connection", text_or_null(one.connection)},
                                   {"at", iso_time(one.at)},
                                   {"endpoint", endpoint_text(one.endpoint, attempts.zones)},
                                   {"initiator", one.is_initiator},
                                   {"failure", text_or_null(one.failure)},
                                   {"remote_identity", text_or_null(one.remote_identity)},
                                   {"asked_identity", text_or_null(one.asked_identity)},
                                   {"offered", text_or_null(one.offered)},
                                   {"accepted", text_or_null(one.accepted)},
                                   {"sentence", one.sentence}});
    }
    out["unserved"] = Json::array();
    for (const Attempts::Unserved& one : attempts.unserved)
        out["unserved"].push_back({{"connection", one.connection}, {"reason", text_or_null(one.reason)}});
    return dump(out);
}

}  // namespace warren::ctl
