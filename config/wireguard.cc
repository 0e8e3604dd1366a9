#include "config/wireguard.h"

#include <fmt/format.h>

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
}

static void read(const Node* node, Listener& to) {
    to.port = kDefaultPort;
    read(node->find("listen_port"), to.port);
    read(node, to.settings.emplace<WireguardListener>());
}

static void read(const Node* node, WireguardTunnel& to) {
    read(node->find("public_key"), to.public_key);
    read(node->find("preshared_key"), to.preshared_key);
    read(node->find("persistent_keepalive"), to.persistent_keepalive_seconds);
}

static void read(const Node* node, Peer& to) {
    read(node->find("name"), to.name);
    read(node->find("description"), to.description);
    read(node->find("allowed_ips"), to.allowed_ips);
    read(node->find("endpoint"), to.endpoint);
    read(node->find("enabled"), to.enabled);
    read(node->find("groups"), to.groups);
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
}

void check_wireguard_shape(const Source& source, std::vector<Diagnostic>& out) {
    const bool has_port = source.root.at("wireguard.listen_port") != nullptr;
    const bool has_key = source.root.at("wireguard.private_key") != nullptr;
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
        shared_key_ = secrets.public_key(shared->private_key);
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
    const auto our_key = own != nullptr ? secrets_.public_key(own->private_key) : shared_key_;
    if (!our_key) return;
    for (std::size_t i = 0; i < peers.size(); ++i) {
        const auto [peer, tunnel] = peers[i];
        if (!peer->enabled || tunnel->public_key != *our_key) continue;
        out.push_back(customer.source.error(
            path_of(i) + ".public_key",
            fmt::format("wireguard.peer.public_key: this is the key of {} itself; accepted: the peer's own public key",
                        own != nullptr ? "the customer's listener" : "the shared listener")));
    }
}

void clash_over_keys(std::span<const Customer* const> customers, std::vector<Clash>& out) {
    struct Owner {
        std::size_t customer;
        std::size_t number;
        std::string_view name;
    };
    const auto side = [&customers](const Owner& at) {
        return Clash::Side{at.customer, path_of(at.number) + ".public_key",
                           fmt::format("peer \"{}\" of customer {}", at.name, customers[at.customer]->id)};
    };
    std::unordered_map<crypto::PublicKey, Owner> shared;
    for (std::size_t i = 0; i < customers.size(); ++i) {
        std::unordered_map<crypto::PublicKey, Owner> own;
        auto& seen = settings_of(customers[i]->listeners) != nullptr ? own : shared;
        const auto peers = peers_of(*customers[i]);
        for (std::size_t number = 0; number < peers.size(); ++number) {
            const auto [peer, tunnel] = peers[number];
            if (!peer->enabled || tunnel->public_key == crypto::PublicKey{}) continue;
            const Owner here{i, number, peer->name};
            const auto [found, is_new] = seen.try_emplace(tunnel->public_key, here);
            if (is_new) continue;
            out.push_back({side(found->second), side(here), "public_key " + crypto::to_base64(tunnel->public_key),
                           "a peer's key names the customer, so it occurs once on a listener"});
        }
    }
}

// --- differences ---------------------------------------------------------------------------------

void flatten(const WireguardListener& /*settings*/, std::uint16_t port, std::map<std::string, std::string>& out) {
    out["wireguard.listen_port"] = fmt::format("{}", port);
}

void flatten(const WireguardTunnel& tunnel, const std::string& peer, std::map<std::string, std::string>& out) {
    out[peer + " public_key"] = crypto::to_base64(tunnel.public_key);
    out[peer + " persistent_keepalive"] = fmt::format("{}", tunnel.persistent_keepalive_seconds);
}

std::string summary_of(const WireguardTunnel& tunnel) {
    return crypto::to_base64(tunnel.public_key);
}

}  // namespace warren::config
