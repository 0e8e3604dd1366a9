// What [dns] and [bgp] name must be of the stack, or be reached from it.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <string_view>

#include "config/service_tables.h"
#include "config/tunnel_networks.h"

namespace warren::config {

namespace {

class ServiceCheck {
  public:
    ServiceCheck(const Parsed<Customer>& parsed, std::vector<Diagnostic>& out)
        : customer_(parsed.value), source_(parsed.source), out_(out), tunnels_(parsed.value) {
        for (const Prefix& own : customer_.stack.addresses) add_own(own);
        if (customer_.handoff) {
            for (const Prefix& own : customer_.handoff->addresses) {
                add_own(own);
                if (own.length != kUnreadablePrefix.length) lan_.push_back(own.network());
            }
        }
        for (const auto& [network, where] : tunnels_.all()) networks_.push_back(network);
    }

    void check() {
        if (customer_.dns) check_dns(*customer_.dns);
        if (customer_.bgp) check_bgp(*customer_.bgp);
    }

  private:
    void error(const std::string& path, std::string message) {
        out_.push_back(source_.error(path, std::move(message)));
    }

    void add_own(const Prefix& own) {
        if (own.length == kUnreadablePrefix.length) return;
        own_.push_back(own.address);
        networks_.push_back(own.network());
    }

    [[nodiscard]] bool is_own(const IpAddress& address) const {
        return std::find(own_.begin(), own_.end(), address) != own_.end();
    }

    [[nodiscard]] static bool holds(const std::vector<Prefix>& networks, const IpAddress& address) {
        return std::any_of(networks.begin(), networks.end(),
                           [&](const Prefix& network) { return network.contains(address); });
    }

    void check_listen(const Dns& dns) {
        std::set<IpAddress> seen;
        for (std::size_t i = 0; i < dns.listen.size(); ++i) {
            const IpAddress& address = dns.listen[i];
            const std::string path = fmt::format("dns.listen[{}]", i);
            if (address.is_unspecified()) continue;  // reported with the shape
            if (!is_own(address)) {
                std::vector<std::string> texts;
                for (const IpAddress& own : own_) texts.push_back(to_string(own));
                error(path, fmt::format("dns.listen: {} is no address of the stack; accepted: {}", to_string(address),
                                        fmt::join(texts, ", ")));
            }
            if (!seen.insert(address).second)
                error(path, fmt::format("dns.listen: {} is there twice", to_string(address)));
        }
    }

    // A device that the operator adds may lead anywhere.
    void check_reached(const std::string& path, std::string_view key, const std::vector<IpAddress>& servers) {
        for (std::size_t i = 0; i < servers.size(); ++i) {
            const IpAddress& server = servers[i];
            if (server.is_unspecified()) continue;
            const std::string at = fmt::format("{}[{}]", path, i);
            if (is_own(server)) {
                error(at, fmt::format("{}: {} is the stack itself, which would ask itself", key, to_string(server)));
            } else if (customer_.stack.devices.empty() && !holds(networks_, server) && !has_route(server)) {
                error(at, fmt::format("{}: no network of the stack leads to {}; accepted: an address in a network of "
                                      "stack.addresses or handoff.address, behind a tunnel, or with a [[stack.route]]",
                                      key, to_string(server)));
            }
        }
    }

    [[nodiscard]] bool has_route(const IpAddress& address) const {
        const auto& routes = customer_.stack.routes;
        return std::any_of(routes.begin(), routes.end(),
                           [&](const StaticRoute& route) { return route.to.contains(address); });
    }

    void check_once(std::map<std::string, std::size_t>& seen, const std::string& table, std::size_t number,
                    const std::string& name, const std::string& field = "name") {
        if (name.empty()) return;
        const auto [found, is_new] = seen.try_emplace(name, number);
        if (is_new) return;
        error(fmt::format("{}[{}].{}", table, number, field),
              fmt::format("{}.{}: \"{}\" is also at {}", table, field, name,
                          source_.cite(fmt::format("{}[{}].{}", table, found->second, field))));
    }

    void check_dns(const Dns& dns) {
        check_listen(dns);
        check_reached("dns.upstream", "dns.upstream", dns.upstream);
        std::map<std::string, std::size_t> zones;
        for (std::size_t i = 0; i < dns.zones.size(); ++i) {
            check_once(zones, "dns.zone", i, lower(dns.zones[i].name));
            check_reached(fmt::format("dns.zone[{}].servers", i), "dns.zone.servers", dns.zones[i].servers);
            if (lower(dns.zones[i].name) == lower(dns.domain.empty() ? customer_.id + ".internal" : dns.domain))
                error(fmt::format("dns.zone[{}].name", i),
                      fmt::format("dns.zone.name: \"{}\" is the domain of the peers' names; accepted: another domain, "
                                  "or another one in dns.domain",
                                  dns.zones[i].name));
        }
        std::map<std::string, std::size_t> hosts;
        for (std::size_t i = 0; i < dns.hosts.size(); ++i) check_once(hosts, "dns.host", i, lower(dns.hosts[i].name));
    }

    void check_bgp(const Bgp& bgp) {
        // All that is ever accepted is true, so nobody reads it but this.
        const Node* const allows = source_.root.at("bgp.allow_network_admin");
        if (allows == nullptr || !allows->boolean)
            error("bgp.allow_network_admin",
                  "bgp.allow_network_admin is not true; BIRD needs CAP_NET_ADMIN, which reaches beyond the stack if a "
                  "neighbour takes BIRD over; accepted: allow_network_admin = true, where the neighbours are trusted "
                  "that far");
        // A neighbour on one of them would be taken for one behind a peer, whose network is none of the file's.
        if (!bgp.allow_learned.empty() && !customer_.stack.devices.empty())
            error(
                "bgp.allow_learned",
                "bgp.allow_learned is not possible with stack.devices: which networks are behind these devices is not "
                "in the file, so a peer could take them; accepted: one of the two");
        const bool has_id = source_.root.at("bgp.router_id") != nullptr;
        if (has_id && !bgp.router_id.is_v4())
            error("bgp.router_id", fmt::format("bgp.router_id: {} is no IPv4 address", to_string(bgp.router_id)));
        const auto& own = customer_.stack.addresses;
        if (!has_id && std::none_of(own.begin(), own.end(), [](const Prefix& each) { return each.address.is_v4(); }))
            error("bgp", "bgp.router_id is missing, and stack.addresses has no IPv4 address to take instead");
        std::map<std::string, std::size_t> names;
        std::map<std::string, std::size_t> addresses;
        for (std::size_t i = 0; i < bgp.neighbours.size(); ++i) {
            const BgpNeighbour& each = bgp.neighbours[i];
            check_once(names, "bgp.neighbour", i, each.name);
            if (each.address.is_unspecified()) continue;
            check_once(addresses, "bgp.neighbour", i, to_string(each.address), "address");
            const std::string path = fmt::format("bgp.neighbour[{}].address", i);
            if (is_own(each.address)) {
                error(path, fmt::format("bgp.neighbour.address: {} is the stack itself", to_string(each.address)));
            } else if (customer_.stack.devices.empty() && !holds(lan_, each.address) &&
                       !is_behind_peer(bgp, each.address)) {
                error(path, fmt::format("bgp.neighbour.address: {} is in no network of the handoff; accepted: an "
                                        "address in a network of handoff.address{}",
                                        to_string(each.address),
                                        bgp.allow_learned.empty() ? "" : ", or among a peer's allowed_ips"));
            }
        }
    }

    [[nodiscard]] bool is_behind_peer(const Bgp& bgp, const IpAddress& address) const {
        return !bgp.allow_learned.empty() && tunnels_.peer_towards(address) != nullptr;
    }

    static std::string lower(std::string text) {
        std::transform(text.begin(), text.end(), text.begin(),
                       [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
        return text;
    }

    const Customer& customer_;
    const Source& source_;
    std::vector<Diagnostic>& out_;
    TunnelNetworks tunnels_;
    std::vector<IpAddress> own_;
    std::vector<Prefix> lan_;
    std::vector<Prefix> networks_;  // that the stack reaches without a static route
};

}  // namespace

void check_services(const Parsed<Customer>& customer, std::vector<Diagnostic>& out) {
    ServiceCheck(customer, out).check();
}

}  // namespace warren::config
