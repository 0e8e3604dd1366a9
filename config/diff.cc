#include "config/diff.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <variant>

#include "config/alert_keys.h"
#include "config/emulation_text.h"
#include "config/ipsec.h"
#include "config/moment.h"
#include "config/named_secrets.h"
#include "config/policy.h"
#include "config/quantity.h"
#include "config/rate.h"
#include "config/service_tables.h"
#include "config/wireguard.h"

namespace warren::config {

namespace {

constexpr std::string_view kChangedSecret = "(changed)";
constexpr std::string_view kChangedFile = "(changed file)";  // of certificates or users
// A list of networks is shown whole if its text is not longer; else this many of what is new and of what is gone.
constexpr std::size_t kWholeText = 400;
constexpr std::size_t kShownPrefixes = 16;

// A configuration as lines "field" -> "text", so that one loop compares all fields.
using Flat = std::map<std::string, std::string>;

std::string join(const std::vector<Prefix>& prefixes, bool ordered) {
    std::vector<std::string> texts;
    for (const Prefix& prefix : prefixes) texts.push_back(to_string(prefix));
    if (!ordered) std::sort(texts.begin(), texts.end());
    return fmt::format("{}", fmt::join(texts, ", "));
}

std::string_view name_of(HandoffType type) {
    switch (type) {
        case HandoffType::kVeth: return "veth";
        case HandoffType::kMacvlan: return "macvlan";
        case HandoffType::kVlan: return "vlan";
        case HandoffType::kPhysical: return "physical";
    }
    return "veth";
}

void flatten(const std::vector<Listener>& listeners, Flat& out) {
    for (const Listener& listener : listeners)
        std::visit([&](const auto& settings) { flatten(settings, listener.port, out); }, listener.settings);
}

Flat flatten(const Appliance& appliance) {
    Flat out;
    out["appliance.name"] = appliance.name;
    if (appliance.workers) out["workers"] = fmt::format("{}", *appliance.workers);
    flatten(appliance.listeners, out);
    if (appliance.public_endpoint) out["wireguard.endpoint"] = *appliance.public_endpoint;
    if (appliance.status_listen) out["status.listen"] = to_string(*appliance.status_listen);
    if (appliance.status_changes) out["status.changes"] = "true";
    if (appliance.alerts) flatten(*appliance.alerts, out);
    for (const NamedSecret& secret : secrets_of(appliance)) out[secret.field] = secret.ref.name;
    return out;
}

std::string prefixes_field(const Peer& peer) {
    return fmt::format("peer {} allowed_ips", peer.name);
}

void flatten(const Peer& peer, Flat& out) {
    const std::string at = fmt::format("peer {}", peer.name);
    if (!peer.description.empty()) out[at + " description"] = peer.description;
    out[prefixes_field(peer)] = join(peer.allowed_ips, false);
    out[at + " enabled"] = peer.enabled ? "true" : "false";
    if (peer.expires) out[at + " expires"] = moment_text(*peer.expires);
    if (peer.endpoint) out[at + " endpoint"] = to_string(*peer.endpoint);
    if (!peer.groups.empty()) out[at + " groups"] = fmt::format("{}", fmt::join(peer.groups, ", "));
    flatten(peer.limits, at + " ", out);
    std::visit([&](const auto& tunnel) { flatten(tunnel, at, out); }, peer.tunnel);
}

void flatten(const Clients& clients, Flat& out) {
    if (!clients.pool.empty()) out["clients.pool"] = join(clients.pool, true);
    if (clients.routes) out["clients.routes"] = join(*clients.routes, true);
    std::vector<std::string> servers;
    for (const IpAddress& server : clients.dns) servers.push_back(to_string(server));
    if (!servers.empty()) out["clients.dns"] = fmt::format("{}", fmt::join(servers, ", "));
    if (!clients.search.empty()) out["clients.search"] = fmt::format("{}", fmt::join(clients.search, ", "));
    if (clients.mtu) out["clients.mtu"] = fmt::to_string(*clients.mtu);
    out["clients.persistent_keepalive"] = fmt::to_string(clients.persistent_keepalive_seconds);
    if (!clients.endpoint.empty()) out["clients.endpoint"] = clients.endpoint;
}

void flatten(const Reseller& reseller, Flat& out) {
    out["reseller.share"] = fmt::to_string(reseller.share);
    if (reseller.max_customers) out["reseller.max_customers"] = fmt::to_string(*reseller.max_customers);
    if (reseller.max_peers) out["reseller.max_peers"] = fmt::to_string(*reseller.max_peers);
    if (reseller.rate_up) out["reseller.rate_up"] = rate_text(*reseller.rate_up);
    if (reseller.rate_down) out["reseller.rate_down"] = rate_text(*reseller.rate_down);
}

Flat flatten(const Customer& customer) {
    Flat out;
    out["name"] = customer.name;
    if (!customer.description.empty()) out["description"] = customer.description;
    out["state"] = customer.state == CustomerState::kSuspended ? "suspended" : "active";
    if (customer.group) out["group"] = fmt::to_string(*customer.group);
    out["stack.addresses"] = join(customer.stack.addresses, true);
    out["stack.mtu"] = fmt::format("{}", customer.stack.mtu);
    out["stack.queues"] = fmt::format("{}", customer.stack.queues);
    out["stack.clamp_mss"] = fmt::format("{}", customer.stack.clamp_mss);
    if (!customer.stack.devices.empty())
        out["stack.devices"] = fmt::format("{}", fmt::join(customer.stack.devices, ", "));
    out["stack.park"] = customer.stack.park == Park::kIdle ? "idle" : "never";
    out["stack.park_after"] = duration_text(customer.stack.park_after);
    for (const StaticRoute& route : customer.stack.routes)
        out[fmt::format("stack.route {} via", to_string(route.to))] = to_string(route.via);
    flatten(customer.traffic.limits, "traffic.", out);
    out["traffic.share"] = fmt::format("{}", customer.traffic.share);
    if (customer.traffic.emulate) flatten(*customer.traffic.emulate, out);
    if (customer.handoff) {
        const Handoff& handoff = *customer.handoff;
        out["handoff.type"] = name_of(handoff.type);
        if (!handoff.parent.empty()) out["handoff.parent"] = handoff.parent;
        if (handoff.vlan_id) out["handoff.vlan_id"] = fmt::format("{}", *handoff.vlan_id);
        if (!handoff.addresses.empty()) out["handoff.address"] = join(handoff.addresses, true);
        if (handoff.mtu) out["handoff.mtu"] = fmt::format("{}", *handoff.mtu);
    }
    if (customer.reseller) flatten(*customer.reseller, out);
    for (const ResellerAbove& above : customer.above) {
        if (above.suspended && above.id != customer.id) out[fmt::format("reseller {} state", above.id)] = "suspended";
    }
    flatten_policy(customer, out);
    flatten_services(customer, out);
    flatten(customer.listeners, out);
    if (customer.max_handshake_rate) out["wireguard.max_handshake_rate"] = fmt::to_string(*customer.max_handshake_rate);
    if (customer.max_peers) out["wireguard.max_peers"] = fmt::to_string(*customer.max_peers);
    for (const Peer& peer : customer.peers) flatten(peer, out);
    if (customer.clients) flatten(*customer.clients, out);
    if (customer.ipsec) flatten(*customer.ipsec, out);
    for (const NamedSecret& secret : secrets_of(customer)) out[secret.field] = secret.ref.name;
    return out;
}

std::vector<FieldChange> compare(const Flat& before, const Flat& after) {
    std::vector<FieldChange> out;
    for (const auto& [field, text] : before) {
        const auto found = after.find(field);
        if (found == after.end()) {
            out.push_back({field, text, ""});
        } else if (found->second != text) {
            out.push_back({field, text, found->second});
        }
    }
    for (const auto& [field, text] : after) {
        if (!before.contains(field)) out.push_back({field, "", text});
    }
    std::stable_sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.field < b.field; });
    return out;
}

// The same name, but the file has another key in it.
template <typename Owner>
void add_changed_keys(const Owner& before, const Secrets& before_secrets, const Owner& after,
                      const Secrets& after_secrets, std::vector<FieldChange>& out) {
    std::map<std::string, SecretRef> old;
    for (const NamedSecret& secret : secrets_of(before)) old[secret.field] = secret.ref;
    for (const NamedSecret& secret : secrets_of(after)) {
        const auto found = old.find(secret.field);
        if (found == old.end() || found->second != secret.ref) continue;
        if (before_secrets.same(secret, after_secrets)) continue;
        const bool is_file = secret.form == FileForm::kCertificate || secret.form == FileForm::kUsers;
        const std::string what(is_file ? kChangedFile : kChangedSecret);
        out.push_back({secret.field, what, what});
    }
}

// An added or removed peer or connection is one line, not six.
void summarise(const std::map<std::string, std::string>& before, const std::map<std::string, std::string>& after,
               std::vector<FieldChange>& changes) {
    const auto replace = [&changes](const std::string& at, const std::string& text, bool added) {
        std::erase_if(changes, [&at](const FieldChange& change) { return change.field.starts_with(at + " "); });
        changes.push_back({at, added ? "" : text, added ? text : ""});
    };
    for (const auto& [at, text] : before) {
        if (!after.contains(at)) replace(at, text, false);
    }
    for (const auto& [at, text] : after) {
        if (!before.contains(at)) replace(at, text, true);
    }
}

// How the fields of each begin -> a few words about it.
std::map<std::string, std::string> tunnels_of(const Customer& customer) {
    std::map<std::string, std::string> out;
    for (const Peer& peer : customer.peers)
        out["peer " + peer.name] = std::visit([](const auto& tunnel) { return summary_of(tunnel); }, peer.tunnel);
    if (!customer.ipsec) return out;
    for (const Connection& connection : customer.ipsec->connections) out[field_of(connection)] = summary_of(connection);
    return out;
}

// Of a long list only what is new and what is gone, and of that the first.
void shorten_prefixes(const Customer& before, const Customer& after, std::vector<FieldChange>& changes) {
    const auto sorted = [](const Customer& customer, const std::string& field) {
        for (const Peer& peer : customer.peers) {
            if (field != prefixes_field(peer)) continue;
            std::vector<Prefix> out = peer.allowed_ips;
            std::sort(out.begin(), out.end());
            return out;
        }
        return std::vector<Prefix>();
    };
    const auto without = [](const std::vector<Prefix>& all, const std::vector<Prefix>& others) {
        std::vector<Prefix> rest;
        std::set_difference(all.begin(), all.end(), others.begin(), others.end(), std::back_inserter(rest));
        const std::size_t left_out = rest.size() - std::min(rest.size(), kShownPrefixes);
        rest.resize(rest.size() - left_out);
        const std::string text = join(rest, true);
        return left_out == 0 ? text : fmt::format("{} and {} more", text, left_out);
    };
    for (FieldChange& change : changes) {
        if (std::max(change.before.size(), change.after.size()) <= kWholeText) continue;
        const std::vector<Prefix> old = sorted(before, change.field);
        const std::vector<Prefix> now = sorted(after, change.field);
        if (old.empty() && now.empty()) continue;  // another field
        change.before = without(old, now);
        change.after = without(now, old);
    }
}

}  // namespace

std::vector<FieldChange> diff(const Appliance& before, const Secrets& before_secrets, const Appliance& after,
                              const Secrets& after_secrets) {
    auto out = compare(flatten(before), flatten(after));
    add_changed_keys(before, before_secrets, after, after_secrets, out);
    return out;
}

std::vector<FieldChange> diff(const Customer& before, const Secrets& before_secrets, const Customer& after,
                              const Secrets& after_secrets) {
    auto out = compare(flatten(before), flatten(after));
    summarise(tunnels_of(before), tunnels_of(after), out);
    shorten_prefixes(before, after, out);
    add_changed_keys(before, before_secrets, after, after_secrets, out);
    return out;
}

std::string format(const FieldChange& change) {
    if (change.before == kChangedSecret) return change.field + ": the key in the file changed";
    if (change.before == kChangedFile) return change.field + ": the file changed";
    if (change.before.empty()) return fmt::format("{}: + {}", change.field, change.after);
    if (change.after.empty()) return fmt::format("{}: - {}", change.field, change.before);
    return fmt::format("{}: {} -> {}", change.field, change.before, change.after);
}

}  // namespace warren::config
