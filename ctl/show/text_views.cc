#include "ctl/show/text_views.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <set>

#include "base/drop_reason.h"
#include "base/printable.h"
#include "config/identity.h"
#include "config/moment.h"
#include "config/rate.h"
#include "ctl/show/limits.h"
#include "ctl/show/table.h"
#include "ctl/show/test_link.h"
#include "ctl/show/units.h"

namespace warren::ctl {

namespace {

constexpr std::size_t kShownPrefixes = 3;
constexpr std::size_t kShownOffline = 3;
constexpr std::string_view kBeforeCustomer = "(none)";  // drops before the customer was known

// `left_out`: how many more there are.
std::string join(const std::vector<Prefix>& prefixes, std::size_t most, std::size_t left_out = 0) {
    std::string out;
    for (std::size_t i = 0; i < std::min(prefixes.size(), most); ++i)
        out += (i == 0 ? "" : ", ") + to_string(prefixes[i]);
    left_out += prefixes.size() - std::min(prefixes.size(), most);
    if (left_out > 0) out += fmt::format(", +{}", left_out);
    return out.empty() ? "-" : out;
}

// Clocks differ so much, and no client is locked out.
constexpr std::uint32_t kClockToleranceSeconds = 60;

std::string endpoint_of(const std::optional<Endpoint>& endpoint, const ZoneNames& zones) {
    return endpoint ? endpoint_text(*endpoint, zones) : "-";
}

std::string limit_text(std::uint64_t bits_per_second) {
    return bits_per_second == 0 ? "none" : config::rate_text(bits_per_second);
}

ipc::Limits limits_of(const ipc::CustomerSettings& settings) {
    return {settings.rate_up, settings.rate_down, settings.quota, settings.after_quota};
}

bool has_limited_peers(const CustomerStatus& status) {
    const auto is_limited = [](const auto& settings) { return settings.limits != ipc::Limits{}; };
    return std::any_of(status.peers.begin(), status.peers.end(),
                       [&](const ipc::PeerSnapshot& peer) { return is_limited(peer.settings); }) ||
           std::any_of(status.connections.begin(), status.connections.end(),
                       [&](const ConnectionStatus& one) { return is_limited(one.connection.settings); });
}

// "" when there are none.
std::string connections_text(std::uint64_t count, std::uint64_t up, std::uint64_t unserved) {
    if (count == 0) return {};
    return fmt::format("connections {} of {} up{}\n", up, count,
                       unserved == 0 ? "" : fmt::format("; {} not served: vpnctl ipsec says why", unserved));
}

std::string online_text(const ipc::CustomerSnapshot& customer) {
    return fmt::format("{}/{}", peers_online_of(customer), peer_count_of(customer));
}

std::string next_key_of(const ipc::PeerSnapshot& peer) {
    return std::visit([](const auto& tunnel) { return tunnel.next_public_key; }, peer.tunnel);
}

// Then it is shown which of them are used.
bool has_changing_keys(const CustomerStatus& status) {
    const auto has_next = [](const ipc::PeerSnapshot& peer) { return !next_key_of(peer).empty(); };
    return !status.customer.listener(ipc::ListenerKind::kWireguard).previous_identity.empty() ||
           std::any_of(status.peers.begin(), status.peers.end(), has_next);
}

// "next; server's previous": which keys it made its latest handshake with, of those of which there are two.
std::string keys_text(const ipc::CustomerSnapshot& customer, const ipc::PeerSnapshot& peer) {
    if (peer.activity.latest_handshake == WallTime{}) return "-";
    std::string out;
    if (!next_key_of(peer).empty()) out = peer.activity.uses_next_key ? "next" : "present";
    if (!customer.listener(ipc::ListenerKind::kWireguard).previous_identity.empty())
        out += fmt::format("{}server's {}", out.empty() ? "" : "; ",
                           peer.activity.uses_previous_identity ? "previous" : "present");
    return out.empty() ? "-" : out;
}

std::string connections_table(const std::vector<ConnectionStatus>& connections) {
    Table table({{"CONNECTION"}, {"STATE"}, {"AUTH"}, {"REMOTE IDENTITY"}, {"SESSIONS", Align::kRight}, {"REMOTE"}});
    for (const auto& [one, ike_sas] : connections) {
        std::vector<Prefix> remote = one.settings.pool;
        for (const ipc::IpsecChild& child : one.settings.children)
            remote.insert(remote.end(), child.remote.begin(), child.remote.end());
        const std::string reason = one.reason.empty() ? "" : fmt::format(" ({})", printable(one.reason));
        table.add({one.settings.name, std::string(name_of(one.state)) + reason,
                   std::string(kIpsecAuthNames[static_cast<std::size_t>(one.settings.auth)]),
                   printable(config::to_string(one.settings.remote_identity)), fmt::format("{}", one.sessions),
                   join(remote, kShownPrefixes)});
    }
    return table.text();
}

}  // namespace

std::string_view name_of(ipc::PeerState state) {
    switch (state) {
        case ipc::PeerState::kNever: return "never";
        case ipc::PeerState::kIdle: return "idle";
        case ipc::PeerState::kOnline: return "online";
        case ipc::PeerState::kExpired: return "expired";
    }
    return "never";
}

std::string_view name_of(ipc::ConnectionState state) {
    switch (state) {
        case ipc::ConnectionState::kUnserved: return "unserved";
        case ipc::ConnectionState::kListening: return "listening";
        case ipc::ConnectionState::kConnecting: return "connecting";
        case ipc::ConnectionState::kUp: return "up";
        case ipc::ConnectionState::kDown: return "down";
    }
    return "unserved";
}

std::uint64_t sum_of(const std::vector<ipc::DropCount>& drops) {
    return std::accumulate(drops.begin(), drops.end(), std::uint64_t{0},
                           [](std::uint64_t sum, const auto& drop) { return sum + drop.second; });
}

std::string_view state_of(const ipc::CustomerSnapshot& customer) {
    if (customer.settings.suspended) return "suspended";
    return customer.activity.is_parked ? "parked" : "active";
}

ipc::PeerState peer_state_of(const ipc::ConnectionSnapshot& connection) {
    if (connection.state == ipc::ConnectionState::kUp) return ipc::PeerState::kOnline;
    return connection.latest_handshake_seconds ? ipc::PeerState::kIdle : ipc::PeerState::kNever;
}

std::uint32_t peer_count_of(const ipc::CustomerSnapshot& customer) {
    return customer.peer_count + customer.connection_count;
}

std::uint32_t peers_online_of(const ipc::CustomerSnapshot& customer) {
    return customer.peers_online + customer.connections_up;
}

std::vector<Prefix> networks_of(const ipc::ConnectionSettings& settings) {
    std::vector<Prefix> out = settings.pool;
    for (const ipc::IpsecChild& child : settings.children)
        out.insert(out.end(), child.routes.begin(), child.routes.end());
    std::sort(out.begin(), out.end());
    out.erase(std::unique(out.begin(), out.end()), out.end());
    return out;
}

std::string health_text(const StackdStatus& stackd, const std::vector<health::Finding>& findings) {
    std::string out;
    if (stackd.silence.empty())
        out += fmt::format("stackd      {}\n", printable(fmt::to_string(fmt::join(stackd.facts, "; "))));
    if (stackd.unconfirmed)
        out += fmt::format(
            "confirm     revision {} comes back in {} min {} s; `vpnctl confirm` keeps the present one\n",
            stackd.unconfirmed->base, stackd.unconfirmed->seconds_left / 60, stackd.unconfirmed->seconds_left % 60);
    out += fmt::format("health      {}\n", health::verdict_of(findings));
    std::string_view label = "attention";
    for (const health::Finding& finding : findings) {
        out += fmt::format("{:<12}{}\n", label, printable(finding.sentence));
        label = "";
    }
    return out;
}

std::string offline_text(const Snapshot& snapshot) {
    std::string ids;
    std::size_t count = 0;
    for (const CustomerStatus& status : snapshot.customers) {
        const ipc::CustomerSnapshot& customer = status.customer;
        // Whether it is parked says nothing of its peers: those of a parked one are online as those of others.
        if (customer.settings.suspended || peer_count_of(customer) == 0 || peers_online_of(customer) > 0) continue;
        if (++count <= kShownOffline) ids += (count == 1 ? "" : ", ") + customer.settings.id;
    }
    if (count == 0) return {};
    if (count > kShownOffline) ids += fmt::format(", +{}", count - kShownOffline);
    return fmt::format("offline     {}: no peer is online; only the status page knows whether one was before\n",
                       printable(ids));
}

std::string expiry_text(const Snapshot& snapshot, WallTime now) {
    std::string out;
    for (const CustomerStatus& status : snapshot.customers) {
        const ipc::CustomerSnapshot& customer = status.customer;
        if (customer.next_expiry == WallTime{}) continue;
        if (customer.next_expiry.nanoseconds - now.nanoseconds > kExpiryNotice.count()) continue;
        out += fmt::format("{:<12}{}: the tunnel of {} ends at {}\n", out.empty() ? "expiring" : "",
                           customer.settings.id, customer.next_to_expire, config::moment_text(customer.next_expiry));
    }
    return out;
}

std::string status_text(const Snapshot& snapshot) {
    const ipc::SnapshotHeader& header = snapshot.header;
    std::uint64_t peers = 0;
    std::uint64_t online = 0;
    std::uint64_t dropped = sum_of(header.drops);
    std::uint64_t connections = 0;
    std::uint64_t up = 0;
    std::uint64_t unserved = 0;
    for (const CustomerStatus& status : snapshot.customers) {
        connections += status.customer.connection_count;
        up += status.customer.connections_up;
        unserved += status.customer.connections_unserved;
        peers += peer_count_of(status.customer);
        online += peers_online_of(status.customer);
        dropped += sum_of(status.customer.activity.drops);
    }
    std::string out = fmt::format("appliance   {}\nversion     {}\ngeneration  {}\n", printable(header.appliance),
                                  printable(header.version), header.generation);
    out += fmt::format("customers   {}\npeers       {} of {} online\n", snapshot.customers.size(), online, peers);
    out += connections_text(connections, up, unserved);
    out += fmt::format("handshakes  {} begun, {} completed{}\n", header.handshakes_initiated,
                       header.handshakes_completed, header.under_load ? "; under load, cookies are required" : "");
    out += fmt::format("encryption  {}\ndropped     {} packets{}\n", printable(header.aead_backend), dropped,
                       dropped == 0 ? "" : " (vpnctl drops)");
    if (snapshot.customers.empty()) return out;
    return out + '\n' + customers_text(snapshot);
}

std::optional<ipc::DisabledPeers> disabled_peers_of(const StackdStatus& stackd, const std::string& customer) {
    if (!stackd.silence.empty()) return std::nullopt;
    const auto found = stackd.disabled_peers.find(customer);
    return found == stackd.disabled_peers.end() ? ipc::DisabledPeers{} : found->second;
}

std::string customer_text(const CustomerStatus& status, const std::optional<ipc::DisabledPeers>& disabled) {
    const ipc::CustomerSnapshot& customer = status.customer;
    const ipc::ListenerSnapshot listener = customer.listener(ipc::ListenerKind::kWireguard);
    std::string out = fmt::format("customer    {}  {}\nstate       {}\n", customer.settings.id,
                                  printable(customer.settings.name), state_of(customer));
    out += test_link_line(customer.settings);
    out += fmt::format("addresses   {}  (vpn0, mtu {})\n", join(customer.settings.addresses, SIZE_MAX),
                       customer.settings.mtu);
    if (listener.port != 0)
        out += fmt::format("listener    {}, UDP port {}, key {}\n",
                           listener.id.owner.empty() ? "the shared one" : "the customer's own", listener.port,
                           printable(listener.identity));
    out += fmt::format("peers       {} of {} online\n", peers_online_of(customer), peer_count_of(customer));
    out += connections_text(customer.connection_count, customer.connections_up, customer.connections_unserved);
    if (!disabled) out += "disabled    not known\n";
    if (disabled && !disabled->names.empty())
        out += fmt::format("disabled    {}{}\n", printable(fmt::to_string(fmt::join(disabled->names, ", "))),
                           disabled->more == 0 ? "" : fmt::format(" and {} more", disabled->more));
    out += fmt::format("received    {} in {} packets\nsent        {} in {} packets\n",
                       bytes_text(customer.activity.rx_bytes), customer.activity.rx_packets,
                       bytes_text(customer.activity.tx_bytes), customer.activity.tx_packets);
    out += fmt::format("processor   {} receiving, {} sending\n", processor_text(customer.activity.rx_cpu_nanoseconds),
                       processor_text(customer.activity.tx_cpu_nanoseconds));
    out += fmt::format("limits      up {}, down {}, share {}\n", limit_text(customer.settings.rate_up),
                       limit_text(customer.settings.rate_down), customer.settings.share);
    out += month_line(limits_of(customer.settings), customer.activity.month);
    out += fmt::format("dropped     {} packets\n", sum_of(customer.activity.drops));
    for (const auto& [reason, packets] : customer.activity.drops)
        out += fmt::format("            {} {}\n", packets, printable(reason));
    for (const ipc::PeerSnapshot& peer : status.peers) {
        for (const ipc::PrefixMap& map : peer.settings.maps)
            out += fmt::format("mapped      {} of {} is {} here\n", to_string(map.real), peer.settings.name,
                               to_string(map.mapped));
        if (peer.activity.flaps_with) {
            out += fmt::format("attention   {}: it is at {} and at {} in turn: two machines may use its key\n",
                               peer.settings.name, endpoint_of(peer.activity.endpoint, status.zones),
                               endpoint_text(*peer.activity.flaps_with, status.zones));
        }
        if (peer.activity.refused_as_old == 0 || peer.ahead_seconds < kClockToleranceSeconds) continue;
        out += fmt::format(
            "attention   {}: its clock was ahead once, by {:.1f} days, and {} of its handshakes were refused "
            "since; when it is right: vpnctl peer reset {} {}\n",
            peer.settings.name, peer.ahead_seconds / 86'400.0, peer.activity.refused_as_old, customer.settings.id,
            peer.settings.name);
    }
    if (!status.peers.empty() || !status.connections.empty()) out += '\n' + peers_text({{}, {status}}, false);
    if (!status.connections.empty()) out += '\n' + connections_table(status.connections);
    return out;
}

std::string customers_text(const Snapshot& snapshot) {
    Table table({{"CUSTOMER"},
                 {"STATE"},
                 {"ONLINE", Align::kRight},
                 {"RECEIVED", Align::kRight},
                 {"SENT", Align::kRight},
                 {"ADDRESSES"}});
    for (const CustomerStatus& status : snapshot.customers) {
        const ipc::CustomerSnapshot& customer = status.customer;
        const std::string_view note = is_test_link(customer.settings) ? ", test link" : "";
        table.add({customer.settings.id, fmt::format("{}{}", state_of(customer), note), online_text(customer),
                   bytes_text(customer.activity.rx_bytes), bytes_text(customer.activity.tx_bytes),
                   join(customer.settings.addresses, kShownPrefixes)});
    }
    return table.text();
}

std::string peers_text(const Snapshot& snapshot, bool with_customer) {
    std::vector<Column> columns{{"PEER"},
                                {"KIND"},
                                {"STATE"},
                                {"HANDSHAKE", Align::kRight},
                                {"RECEIVED", Align::kRight},
                                {"SENT", Align::kRight},
                                {"ENDPOINT"},
                                {"ALLOWED IPS"}};
    const bool with_keys = std::any_of(snapshot.customers.begin(), snapshot.customers.end(), has_changing_keys);
    if (with_keys) columns.push_back({"KEYS"});
    const bool with_limits = std::any_of(snapshot.customers.begin(), snapshot.customers.end(), has_limited_peers);
    if (with_limits) columns.push_back({"LIMITS"});
    if (with_customer) columns.insert(columns.begin(), Column{"CUSTOMER"});
    Table table(std::move(columns));
    for (const CustomerStatus& status : snapshot.customers) {
        const auto add = [&](std::vector<std::string> row, const std::string& keys, const std::string& limits) {
            if (with_keys) row.push_back(keys);
            if (with_limits) row.push_back(limits);
            if (with_customer) row.insert(row.begin(), status.customer.settings.id);
            table.add(std::move(row));
        };
        for (const ipc::PeerSnapshot& peer : status.peers) {
            add({peer.settings.name, "wireguard", std::string(name_of(peer.state)),
                 short_age(peer.latest_handshake_seconds), bytes_text(peer.activity.rx_bytes),
                 bytes_text(peer.activity.tx_bytes), endpoint_of(peer.activity.endpoint, status.zones),
                 join(peer.settings.allowed_ips, kShownPrefixes, peer.allowed_ips_left_out)},
                keys_text(status.customer, peer), limits_text(peer.settings.limits, peer.activity.month));
        }
        for (const auto& [connection, ike_sas] : status.connections) {
            const ipc::ConnectionActivity& activity = connection.activity;
            add({connection.settings.name, "ipsec", std::string(name_of(peer_state_of(connection))),
                 short_age(connection.latest_handshake_seconds), bytes_text(activity.rx_bytes),
                 bytes_text(activity.tx_bytes), endpoint_of(activity.endpoint, status.zones),
                 join(networks_of(connection.settings), kShownPrefixes)},
                "-", limits_text(connection.settings.limits, activity.month));
        }
    }
    return table.text();
}

std::string counters_text(const Snapshot& snapshot) {
    Table table({{"CUSTOMER"},
                 {"RX BYTES", Align::kRight},
                 {"RX PACKETS", Align::kRight},
                 {"TX BYTES", Align::kRight},
                 {"TX PACKETS", Align::kRight},
                 {"RX CPU", Align::kRight},
                 {"TX CPU", Align::kRight},
                 {"DROPPED", Align::kRight}});
    for (const CustomerStatus& status : snapshot.customers) {
        const ipc::CustomerSnapshot& customer = status.customer;
        table.add(
            {customer.settings.id, fmt::format("{}", customer.activity.rx_bytes),
             fmt::format("{}", customer.activity.rx_packets), fmt::format("{}", customer.activity.tx_bytes),
             fmt::format("{}", customer.activity.tx_packets), processor_text(customer.activity.rx_cpu_nanoseconds),
             processor_text(customer.activity.tx_cpu_nanoseconds), fmt::format("{}", sum_of(customer.activity.drops))});
    }
    const std::vector<ipc::WorkerSnapshot>& workers = snapshot.header.workers;
    if (workers.size() < 2) return table.text();
    Table by_worker({{"WORKER"},
                     {"HANDED OVER", Align::kRight},
                     {"TAKEN OVER", Align::kRight},
                     {"RING FULL", Align::kRight},
                     {"CPU", Align::kRight}});
    for (std::size_t i = 0; i < workers.size(); ++i) {
        by_worker.add({fmt::format("data-{}", i), fmt::format("{}", workers[i].handed_over),
                       fmt::format("{}", workers[i].taken_over), fmt::format("{}", workers[i].ring_full),
                       processor_text(workers[i].cpu_nanoseconds)});
    }
    return table.text() + '\n' + by_worker.text();
}

// Who the latest refused senders are.
std::string refused_text(const std::vector<ipc::RefusedSender>& refused, const ZoneNames& zones) {
    if (refused.empty()) return {};
    Table table(
        {{"LAST"}, {"REASON"}, {"LISTENER"}, {"FROM"}, {"KEY"}, {"AS PEER"}, {"MESSAGES", Align::kRight}, {"SINCE"}});
    for (const ipc::RefusedSender& sender : refused) {
        table.add({time_text(sender.last), sender.reason, sender.listener.empty() ? "shared" : sender.listener,
                   endpoint_text(sender.from, zones), sender.who.empty() ? "-" : printable(sender.who) + "...",
                   sender.customer.empty() ? "-" : fmt::format("{}/{}", sender.customer, sender.peer),
                   fmt::format("{}", sender.messages), time_text(sender.first)});
    }
    return "\nRefused senders, the latest first (addresses may be forged):\n" + table.text();
}

std::string drops_text(const Snapshot& snapshot) {
    Table table({{"CUSTOMER"}, {"PACKETS", Align::kRight}, {"REASON"}});
    std::set<std::string> reasons;
    const auto add = [&](std::string_view customer, const std::vector<ipc::DropCount>& drops) {
        for (const auto& [reason, packets] : drops) {
            table.add({std::string(customer), fmt::format("{}", packets), reason});
            reasons.insert(reason);
        }
    };
    add(kBeforeCustomer, snapshot.header.drops);
    for (const CustomerStatus& status : snapshot.customers)
        add(status.customer.settings.id, status.customer.activity.drops);
    if (table.empty()) return "nothing was dropped\n";

    std::string out = table.text() + '\n';
    for (const std::string& reason : reasons) {
        const DropReasonRow* known = find_drop_reason(reason);
        if (known == nullptr) {
            out += fmt::format("{}: no explanation here; newer than this vpnctl\n", printable(reason));
            continue;
        }
        out += fmt::format("{}: {}{}{}\n", reason, known->meaning, known->advice.empty() ? "" : " ", known->advice);
    }
    return out + refused_text(snapshot.header.refused, snapshot.zones);
}

}  // namespace warren::ctl
