#include "config/ipsec_checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

#include "config/connection_check.h"
#include "config/identity.h"
#include "config/ipsec.h"
#include "config/schema.h"
#include "config/tunnel_networks.h"

namespace warren::config {

namespace {

const IkeListener* listener_of(const Appliance& appliance) {
    const Listener* const listener = find(appliance.listeners, ListenerKind::kIke);
    return listener == nullptr ? nullptr : std::get_if<IkeListener>(&listener->settings);
}

bool overlap(const Prefix& one, const Prefix& other) {
    return one.contains(other.address) || other.contains(one.address);
}

class IpsecCheck {
  public:
    IpsecCheck(const Parsed<Appliance>& appliance, const Parsed<Customer>& parsed, std::vector<Diagnostic>& out)
        : appliance_(appliance),
          customer_(parsed.value),
          ipsec_(*parsed.value.ipsec),
          source_(parsed.source),
          out_(out),
          networks_(customer_) {}

    void check() {
        const IkeListener* const listener = listener_of(appliance_.value);
        const bool appliance_was_read = !appliance_.source.root.entries.empty();
        if (appliance_was_read && listener == nullptr)
            error("ipsec", "no listener for this customer: warren.toml has no [ipsec]");
        check_pair("ipsec.certificate", "ipsec.private_key");
        check_mtu();
        check_names();
        check_matches();
        check_pools();
        check_count();
        const bool has_gateway = listener != nullptr && listener->gateway.has_value();
        const bool takes_legacy = listener == nullptr || !listener->legacy.empty();
        for (std::size_t i = 0; i < ipsec_.connections.size(); ++i) {
            if (!ipsec_.connections[i].enabled) continue;
            check_connection({ipsec_, ipsec_.connections[i], i, source_, has_gateway, takes_legacy}, out_);
        }
    }

  private:
    void error(std::string_view path, std::string message) { out_.push_back(source_.error(path, std::move(message))); }

    // One needs the other.
    void check_pair(std::string_view one, std::string_view other) {
        const bool has_one = source_.root.at(one) != nullptr;
        if (has_one == (source_.root.at(other) != nullptr)) return;
        const std::string_view here = has_one ? one : other;
        error(here, fmt::format("{} without {}: our certificate needs both", here, has_one ? other : one));
    }

    void check_mtu() {
        const std::size_t mtu = customer_.stack.mtu;
        if (mtu <= kIpsecMtu || mtu > kMaxMtu) return;
        error("stack.mtu", fmt::format("stack.mtu: {} does not fit: ESP in UDP over IPv6 adds {} bytes, and an uplink "
                                       "has room for 1500; accepted with [ipsec]: up to {}",
                                       mtu, sealed_size(mtu) - mtu, kIpsecMtu));
    }

    void check_names() {
        std::map<std::string, std::string> seen;  // and where
        std::map<std::size_t, std::size_t> numbers;
        for (const Peer& peer : customer_.peers)
            seen.try_emplace(peer.name, peer_path(peer, numbers[peer.tunnel.index()]++) + ".name");
        for (std::size_t i = 0; i < ipsec_.connections.size(); ++i) {
            const std::string path = connection_path(i) + ".name";
            const std::string& name = ipsec_.connections[i].name;
            const auto [found, is_new] = seen.try_emplace(name, path);
            if (name.empty() || is_new) continue;
            error(path, fmt::format("ipsec.connection.name: \"{}\" is also at {}; a name occurs once per customer, of "
                                    "connections and WireGuard peers",
                                    name, source_.cite(found->second)));
        }
    }

    // A peer must find one connection that fits best (docs: identity, then pattern, then any).
    void check_matches() {
        enum class Proof { kPsk, kCertificate, kEap };
        std::map<std::tuple<Proof, IkeIdentity, std::optional<IpAddress>>, std::size_t> seen;
        for (std::size_t i = 0; i < ipsec_.connections.size(); ++i) {
            const Connection& connection = ipsec_.connections[i];
            if (!connection.enabled || source_.root.at(connection_path(i) + ".auth") == nullptr) continue;
            const Proof proof = connection.auth == IpsecAuth::kPsk           ? Proof::kPsk
                                : connection.auth == IpsecAuth::kCertificate ? Proof::kCertificate
                                                                             : Proof::kEap;
            const IkeIdentity who = canonical(connection.remote_identity.value_or(IkeIdentity()));
            // One that is missing, or cannot be read, is reported elsewhere.
            if (proof != Proof::kEap && who.type == IkeIdentityType::kAny && !is_any(i)) continue;
            const auto [found, is_new] = seen.try_emplace({proof, who, connection.remote_address}, i);
            if (is_new) continue;
            const std::string key = connection_path(i) + ".remote_identity";
            error(source_.root.at(key) != nullptr ? key : connection_path(i) + ".auth",
                  fmt::format("ipsec.connection.remote_identity: {} fits \"{}\" at {} equally well; accepted: "
                              "another remote_identity, or remote_address",
                              who.type == IkeIdentityType::kAny ? "any peer" : to_string(who),
                              ipsec_.connections[found->second].name,
                              source_.cite(connection_path(found->second) + ".name")));
        }
    }

    [[nodiscard]] bool is_any(std::size_t connection) const {
        const Node* const written = source_.root.at(connection_path(connection) + ".remote_identity");
        return written != nullptr && written->text == "any";
    }

    // A leased address must be nobody else's.
    void check_pools() {
        struct Pool {
            const Prefix* network;
            std::string path;
        };
        std::vector<Pool> pools;
        for (std::size_t i = 0; i < ipsec_.connections.size(); ++i) {
            const Connection& connection = ipsec_.connections[i];
            for (std::size_t k = 0; connection.enabled && k < connection.pool.size(); ++k) {
                if (readable(connection.pool[k]))
                    pools.push_back({&connection.pool[k], fmt::format("{}.pool[{}]", connection_path(i), k)});
            }
        }
        // Sorted, a network stands before those inside it.
        std::sort(pools.begin(), pools.end(), [](const Pool& a, const Pool& b) { return *a.network < *b.network; });
        const Pool* wide = nullptr;
        for (const Pool& pool : pools) {
            check_pool(*pool.network, pool.path);
            if (wide == nullptr || !overlap(*wide->network, *pool.network)) {
                wide = &pool;
            } else if (*wide->network != *pool.network) {  // equal ones are reported with all other networks
                complain_pool(*pool.network, pool.path, "the pool", *wide->network, wide->path);
            }
        }
    }

    void complain_pool(const Prefix& pool, const std::string& path, std::string_view what, const Prefix& other,
                       const std::string& other_path) {
        error(path,
              fmt::format("ipsec.connection.pool: {} overlaps {} {} at {}; a leased address is its client's alone",
                          to_string(pool), what, to_string(other), source_.cite(other_path)));
    }

    void check_pool(const Prefix& pool, const std::string& path) {
        const auto check_addresses = [&](const std::vector<Prefix>& addresses, std::string_view key, bool is_lan) {
            for (std::size_t i = 0; i < addresses.size(); ++i) {
                if (!readable(addresses[i])) continue;
                // Hosts of the LAN ask each other for addresses of their network, and no client hears them.
                if (pool.contains(addresses[i].address) || (is_lan && overlap(pool, addresses[i].network())))
                    complain_pool(pool, path, is_lan ? "the LAN of" : "the address", addresses[i],
                                  fmt::format("{}[{}]", key, i));
            }
        };
        check_addresses(customer_.stack.addresses, "stack.addresses", false);
        if (customer_.handoff) check_addresses(customer_.handoff->addresses, "handoff.address", true);
        // A wider network takes nothing away from the pool.
        for (std::size_t i = 0; i < customer_.stack.routes.size(); ++i) {
            const Prefix& to = customer_.stack.routes[i].to;
            const bool is_equal = readable(to) && to == pool;  // reported with the routes
            if (readable(to) && !is_equal && pool.contains(to.address) && to.length > pool.length)
                complain_pool(pool, path, "the route to", to, fmt::format("stack.route[{}].to", i));
        }
        auto inside = networks_.all().lower_bound(pool);
        for (; inside != networks_.all().end() && pool.contains(inside->first.address); ++inside) {
            const NetworkList& list = networks_.lists()[inside->second.list];
            if (inside->first.length <= pool.length || list.path.ends_with(".pool")) continue;
            complain_pool(pool, path, networks_.describe(inside->second), inside->first,
                          networks_.path_of(inside->second));
            return;  // one says enough: there may be thousands
        }
    }

    void check_count() {
        auto count = static_cast<std::size_t>(std::count_if(customer_.peers.begin(), customer_.peers.end(),
                                                            [](const Peer& peer) { return peer.enabled; }));
        for (std::size_t i = 0; i < ipsec_.connections.size(); ++i) {
            const Connection& connection = ipsec_.connections[i];
            if (!connection.enabled) continue;
            const std::size_t before = count;
            count += sessions_of(connection) * std::max<std::size_t>(1, connection.children.size());
            if (before > kMaxPeersPerCustomer || count <= kMaxPeersPerCustomer) continue;
            error(
                connection_path(i) + ".name",
                fmt::format("ipsec.connection: with \"{}\" the customer may have {} peers; accepted: up to {} for all "
                            "enabled peers and connections together (of a connection max_sessions, for each child)",
                            connection.name, count, kMaxPeersPerCustomer));
        }
    }

    const Parsed<Appliance>& appliance_;
    const Customer& customer_;
    const Ipsec& ipsec_;
    const Source& source_;
    std::vector<Diagnostic>& out_;
    TunnelNetworks networks_;
};

}  // namespace

void check_ipsec(const Parsed<Appliance>& appliance, const Parsed<Customer>& customer, std::vector<Diagnostic>& out) {
    if (customer.value.ipsec) IpsecCheck(appliance, customer, out).check();
}

void check_ipsec(const Parsed<Appliance>& appliance, std::vector<Diagnostic>& out) {
    if (listener_of(appliance.value) == nullptr) return;
    const Listener* const wireguard = find(appliance.value.listeners, ListenerKind::kWireguard);
    if (wireguard == nullptr || (wireguard->port != kIkePort && wireguard->port != kNatTraversalPort)) return;
    out.push_back(appliance.source.error(
        "wireguard.listen_port",
        fmt::format("wireguard.listen_port: UDP port {} is IKE's, because of [ipsec] at {}; each listener needs a port "
                    "of its own",
                    wireguard->port, appliance.source.cite("ipsec"))));
}

}  // namespace warren::config
