#include "config/wireguard.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "config/read.h"

namespace warren::config {

namespace {

constexpr std::uint16_t kDefaultPort = 51820;

const WireguardListener* settings_of(const std::vector<Listener>& listeners) {
    const Listener* const listener = find(listeners, ListenerKind::kWireguard);
    return listener == nullptr ? nullptr : std::get_if<WireguardListener>(&listener->settings);
}

// The public keys that peers know the listener by, as far as the files of its private keys can be read.
std::vector<crypto::PublicKey> public_keys_of(const WireguardListener& listener, const Secrets& secrets) {
    std::vector<crypto::PublicKey> out;
    if (const auto key = secrets.public_key(listener.private_key)) out.push_back(*key);
    if (!listener.previous_private_key) return out;
    if (const auto key = secrets.public_key(*listener.previous_private_key)) out.push_back(*key);
    return out;
}

// A peer's keys, and the names of their fields; each once, none that could not be read.
std::vector<std::pair<crypto::PublicKey, std::string_view>> keys_of(const WireguardTunnel& tunnel) {
    std::vector<std::pair<crypto::PublicKey, std::string_view>> out;
    if (tunnel.public_key != crypto::PublicKey{}) out.emplace_back(tunnel.public_key, "public_key");
    const auto& next = tunnel.next_public_key;
    if (next && *next != crypto::PublicKey{} && next != tunnel.public_key) out.emplace_back(*next, "next_public_key");
    return out;
}

void check_own_keys(const Source& source, const WireguardListener& listener, const Secrets& secrets,
                    std::vector<Diagnostic>& out) {
    const auto keys = public_keys_of(listener, secrets);
    if (keys.size() < 2 || keys[0] != keys[1]) return;
    out.push_back(source.error("wireguard.previous_private_key",
                               "wireguard.previous_private_key: this is the key of wireguard.private_key; accepted: "
                               "the key that the listener had before"));
}

void check_cap(const Parsed<Customer>& customer, std::vector<Diagnostic>& out) {
    if (!customer.value.max_peers) return;
    const auto& peers = customer.value.peers;
    const auto count = std::count_if(peers.begin(), peers.end(), [](const Peer& peer) { return peer.enabled; });
    if (count <= static_cast<std::ptrdiff_t>(*customer.value.max_peers)) return;
    out.push_back(customer.source.error(
        "wireguard.max_peers",
        fmt::format("wireguard.max_peers: {} peers are enabled; accepted: up to {}. Remove or disable {}, or raise "
                    "max_peers",
                    count, *customer.value.max_peers, count - *customer.value.max_peers)));
}

std::string path_of(std::size_t peer) {
    return fmt::format("wireguard.peer[{}]", peer);
}

// The customer's WireGuard peers, with their numbers in its file.
std::vector<std::pair<const Peer*, const WireguardTunnel*>> peers_of(const Customer& customer) {
    std::vector<std::pair<const Peer*, const WireguardTunnel*>> out;
    for (const Peer& peer : customer.peers) {
        if (const auto* tunnel = std::get_if<WireguardTunnel>(&peer.tunnel)) out.emplace_back(&peer, tunnel);
    }
    return out;
}

}  // namespace

// --- reading -------------------------------------------------------------------------------------

// Found by argument-dependent lookup from the templates of config/read.h, hence not in an anonymous namespace.
static void read(const Node* node, WireguardListener& to) {
    read(node->find("private_key"), to.private_key);
    read(node->find("previous_private_key"), to.previous_private_key);
}

static void read(const Node* node, Listener& to) {
    to.port = kDefaultPort;
    read(node->find("listen_port"), to.port);
    read(node, to.settings.emplace<WireguardListener>());
}

static void read(const Node* node, WireguardTunnel& to) {
    read(node->find("public_key"), to.public_key);
    read(node->find("next_public_key"), to.next_public_key);
    read(node->find("preshared_key"), to.preshared_key);
    read(node->find("persistent_keepalive"), to.persistent_keepalive_seconds);
}

static void read(const Node* node, Peer& to) {
    read(node->find("name"), to.name);
    read(node->find("description"), to.description);
    read(node->find("allowed_ips"), to.allowed_ips);
    read(node->find("endpoint"), to.endpoint);
    read(node->find("enabled"), to.enabled);
    read(node->find("expires"), to.expires);
    read(node->find("groups"), to.groups);
    read(node, to.limits);
    read(node, to.tunnel.emplace<WireguardTunnel>());
}

void read_wireguard(const Node& root, Appliance& to) {
    if (root.find("wireguard") == nullptr) return;
    read(root.find("wireguard"), to.listeners.emplace_back());
    read(root.at("wireguard.endpoint"), to.public_endpoint);
}

void read_wireguard(const Node& root, Customer& to) {
    if (root.at("wireguard.listen_port") != nullptr || root.at("wireguard.private_key") != nullptr)
        read(root.find("wireguard"), to.listeners.emplace_back());
    read(root.at("wireguard.peer"), to.peers);
    read(root.at("wireguard.max_peers"), to.max_peers);
    read(root.at("wireguard.max_handshake_rate"), to.max_handshake_rate);
}

void check_wireguard_shape(const Source& source, std::vector<Diagnostic>& out) {
    const bool has_port = source.root.at("wireguard.listen_port") != nullptr;
    const bool has_key = source.root.at("wireguard.private_key") != nullptr;
    if (!has_key && source.root.at("wireguard.previous_private_key") != nullptr) {
        out.push_back(source.error("wireguard.previous_private_key",
                                   "wireguard.previous_private_key without wireguard.private_key: a listener of the "
                                   "customer's own needs that"));
    }
    if (has_port == has_key) return;
    const std::string_view here = has_port ? "listen_port" : "private_key";
    const std::string_view lacking = has_port ? "private_key" : "listen_port";
    out.push_back(source.error(
        fmt::format("wireguard.{}", here),
        fmt::format("wireguard.{} without wireguard.{}: a listener of the customer's own needs both; without both the "
                    "shared listener serves it",
                    here, lacking)));
}

// --- secrets -------------------------------------------------------------------------------------

void add_secrets(const WireguardListener& listener, std::vector<NamedSecret>& out) {
    out.push_back({listener.private_key, "wireguard.private_key.secret", "wireguard.private_key", "wg genkey"});
    if (!listener.previous_private_key) return;
    out.push_back({*listener.previous_private_key, "wireguard.previous_private_key.secret",
                   "wireguard.previous_private_key", "wg genkey"});
}

void add_secrets(const WireguardTunnel& tunnel, const std::string& path, const std::string& peer,
                 std::vector<NamedSecret>& out) {
    if (!tunnel.preshared_key) return;
    out.push_back({*tunnel.preshared_key, path + ".preshared_key.secret", peer + " preshared_key", "wg genpsk"});
}

// --- checks --------------------------------------------------------------------------------------

WireguardCheck::WireguardCheck(const Parsed<Appliance>& appliance, const Secrets& secrets)
    : appliance_(appliance), secrets_(secrets) {
    if (const WireguardListener* shared = settings_of(appliance.value.listeners))
        shared_keys_ = public_keys_of(*shared, secrets);
}

void WireguardCheck::check(const Parsed<Customer>& customer, std::vector<Diagnostic>& out) const {
    const WireguardListener* const own = settings_of(customer.value.listeners);
    const auto peers = peers_of(customer.value);
    const bool appliance_was_read = !appliance_.source.root.entries.empty();
    if (own == nullptr && appliance_was_read && settings_of(appliance_.value.listeners) == nullptr && !peers.empty()) {
        out.push_back(customer.source.error(
            path_of(0),
            "no listener for this customer: warren.toml has no [wireguard], and wireguard.listen_port and "
            "wireguard.private_key are not set here"));
    }
    check_cap(customer, out);
    if (own != nullptr) check_own_keys(customer.source, *own, secrets_, out);
    const auto our_keys = own != nullptr ? public_keys_of(*own, secrets_) : shared_keys_;
    for (std::size_t i = 0; i < peers.size(); ++i) {
        const auto [peer, tunnel] = peers[i];
        if (!peer->enabled) continue;
        for (const auto& [key, field] : keys_of(*tunnel)) {
            if (std::find(our_keys.begin(), our_keys.end(), key) == our_keys.end()) continue;
            out.push_back(customer.source.error(
                fmt::format("{}.{}", path_of(i), field),
                fmt::format("wireguard.peer.{}: this is the key of {} itself; accepted: the peer's own public key",
                            field, own != nullptr ? "the customer's listener" : "the shared listener")));
        }
        if (tunnel->next_public_key == tunnel->public_key) {
            out.push_back(customer.source.error(
                path_of(i) + ".next_public_key",
                "wireguard.peer.next_public_key: this is the peer's public_key; accepted: another key"));
        }
    }
}

void WireguardCheck::check_appliance(std::vector<Diagnostic>& out) const {
    const WireguardListener* const shared = settings_of(appliance_.value.listeners);
    if (shared != nullptr) check_own_keys(appliance_.source, *shared, secrets_, out);
}

void clash_over_keys(std::span<const Customer* const> customers, std::vector<Clash>& out) {
    struct Owner {
        std::size_t customer;
        std::size_t number;
        std::string_view name;
        std::string_view field;
    };
    const auto side = [&customers](const Owner& at) {
        return Clash::Side{at.customer, fmt::format("{}.{}", path_of(at.number), at.field),
                           fmt::format("peer \"{}\" of customer {}", at.name, customers[at.customer]->id)};
    };
    std::unordered_map<crypto::PublicKey, Owner> shared;
    for (std::size_t i = 0; i < customers.size(); ++i) {
        std::unordered_map<crypto::PublicKey, Owner> own;
        auto& seen = settings_of(customers[i]->listeners) != nullptr ? own : shared;
        const auto peers = peers_of(*customers[i]);
        for (std::size_t number = 0; number < peers.size(); ++number) {
            const auto [peer, tunnel] = peers[number];
            if (!peer->enabled) continue;
            for (const auto& [key, field] : keys_of(*tunnel)) {
                const Owner here{i, number, peer->name, field};
                const auto [found, is_new] = seen.try_emplace(key, here);
                if (is_new) continue;
                out.push_back({side(found->second), side(here), fmt::format("{} {}", field, crypto::to_base64(key)),
                               "a peer's key names the customer, so it occurs once on a listener"});
            }
        }
    }
}

// --- differences ---------------------------------------------------------------------------------

void flatten(const WireguardListener& /*settings*/, std::uint16_t port, std::map<std::string, std::string>& out) {
    out["wireguard.listen_port"] = fmt::format("{}", port);
}

void flatten(const WireguardTunnel& tunnel, const std::string& peer, std::map<std::string, std::string>& out) {
    out[peer + " public_key"] = crypto::to_base64(tunnel.public_key);
    if (tunnel.next_public_key) out[peer + " next_public_key"] = crypto::to_base64(*tunnel.next_public_key);
    out[peer + " persistent_keepalive"] = fmt::format("{}", tunnel.persistent_keepalive_seconds);
}

std::string summary_of(const WireguardTunnel& tunnel) {
    return crypto::to_base64(tunnel.public_key);
}

}  // namespace warren::config
