#include "clients/profile.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "config/nat_map.h"

namespace warren::clients {

namespace {

// Of all that a text of a profile holds, so that no copy of a key is left behind where the text grew.
constexpr std::size_t kBeforeRoutes = 4096;
constexpr std::size_t kLongestPrefix = 48;

bool is_host(const Prefix& network) {
    return network.length == network.address.bits();
}

// A device's addresses are those of its networks that are single addresses of ours; the rest lies behind it.
std::vector<Prefix> addresses_of(const config::Customer& customer, const config::Peer& peer) {
    const auto ours = networks_of_devices(customer);
    std::vector<Prefix> out;
    std::copy_if(peer.allowed_ips.begin(), peer.allowed_ips.end(), std::back_inserter(out), [&](const Prefix& one) {
        return is_host(one) && std::any_of(ours.begin(), ours.end(),
                                           [&one](const Prefix& network) { return network.contains(one.address); });
    });
    return out;
}

// Without those that lie in another one, sorted.
std::vector<Prefix> without_covered(std::vector<Prefix> networks) {
    std::sort(networks.begin(), networks.end(), [](const Prefix& a, const Prefix& b) {
        return std::pair(a.length, a.address) < std::pair(b.length, b.address);
    });
    std::vector<Prefix> out;
    for (const Prefix& network : networks) {
        const bool is_covered = std::any_of(out.begin(), out.end(), [&network](const Prefix& wide) {
            return wide.contains(network.address);  // it is not longer
        });
        if (!is_covered) out.push_back(network);
    }
    std::sort(out.begin(), out.end());
    return out;
}

std::vector<Prefix> routes_of(const config::Customer& customer, const config::Peer& peer) {
    if (customer.clients && customer.clients->routes) return *customer.clients->routes;
    std::vector<Prefix> out;
    for (const Prefix& address : customer.stack.addresses) out.push_back(address.network());
    if (customer.handoff)
        for (const Prefix& address : customer.handoff->addresses) out.push_back(address.network());
    for (const config::StaticRoute& route : customer.stack.routes) out.push_back(route.to);
    for (const config::Peer& other : customer.peers) {
        if (other.name == peer.name || !other.enabled) continue;
        const std::vector<Prefix> networks = config::stack_networks(customer, other);
        out.insert(out.end(), networks.begin(), networks.end());
    }
    return without_covered(std::move(out));
}

// "vpn.example.net:51820" with another port.
std::string with_port(const std::string& host_port, std::uint16_t port) {
    return fmt::format("{}:{}", host_port.substr(0, host_port.rfind(':')), port);
}

std::string endpoint_of(const config::Appliance& appliance, const config::Customer& customer) {
    if (customer.clients && !customer.clients->endpoint.empty()) return customer.clients->endpoint;
    if (!appliance.public_endpoint) return {};
    const config::Listener* const own = config::find(customer.listeners, ListenerKind::kWireguard);
    return own == nullptr ? *appliance.public_endpoint : with_port(*appliance.public_endpoint, own->port);
}

std::string joined(const std::vector<Prefix>& networks) {
    std::vector<std::string> texts;
    for (const Prefix& network : networks) texts.push_back(to_string(network));
    return fmt::format("{}", fmt::join(texts, ", "));
}

}  // namespace

std::vector<Prefix> networks_of_devices(const config::Customer& customer) {
    std::vector<Prefix> out = customer.clients ? customer.clients->pool : std::vector<Prefix>();
    for (const Prefix& address : customer.stack.addresses) out.push_back(address.network());
    return out;
}

Result<Profile> profile_of(const config::Appliance& appliance, const config::Customer& customer,
                           const config::Peer& peer) {
    const config::Clients clients = customer.clients.value_or(config::Clients{});
    Profile out;
    out.title = fmt::format("{}: {}", customer.id, peer.name);
    out.addresses = addresses_of(customer, peer);
    out.dns = clients.dns;
    out.search = clients.search;
    out.mtu = clients.mtu;
    out.routes = routes_of(customer, peer);
    out.endpoint = endpoint_of(appliance, customer);
    out.persistent_keepalive_seconds = clients.persistent_keepalive_seconds;
    if (out.endpoint.empty())
        return fail(ErrorCode::kNotFound,
                    "nothing says where clients reach the listener: set wireguard.endpoint in warren.toml, or "
                    "clients.endpoint in the customer's file");
    return out;
}

std::string wg_quick_text(const Profile& profile, const crypto::PublicKey& server, std::string_view private_key,
                          std::string_view preshared_key) {
    std::string out;
    out.reserve(kBeforeRoutes + kLongestPrefix * (profile.routes.size() + profile.addresses.size()));
    out += fmt::format("# {}\n[Interface]\nPrivateKey = ", profile.title);
    out += private_key;
    out += '\n';
    if (!profile.addresses.empty()) out += fmt::format("Address = {}\n", joined(profile.addresses));
    std::vector<std::string> names;
    for (const IpAddress& server_address : profile.dns) names.push_back(to_string(server_address));
    names.insert(names.end(), profile.search.begin(), profile.search.end());
    if (!names.empty()) out += fmt::format("DNS = {}\n", fmt::join(names, ", "));
    if (profile.mtu) out += fmt::format("MTU = {}\n", *profile.mtu);
    out += fmt::format("\n[Peer]\nPublicKey = {}\n", crypto::to_base64(server));
    if (!preshared_key.empty()) {
        out += "PresharedKey = ";
        out += preshared_key;
        out += '\n';
    }
    out += fmt::format("AllowedIPs = {}\nEndpoint = {}\n", joined(profile.routes), profile.endpoint);
    if (profile.persistent_keepalive_seconds != 0)
        out += fmt::format("PersistentKeepalive = {}\n", profile.persistent_keepalive_seconds);
    return out;
}

}  // namespace warren::clients
