#include "config/customer_checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "config/schema.h"

namespace warren::config {

namespace {

bool readable(const Prefix& prefix) {
    return prefix.length != kUnreadablePrefix.length;
}
bool is_host(const Prefix& prefix) {
    return prefix.length == prefix.address.bits();
}

class CustomerCheck {
  public:
    CustomerCheck(const Parsed<Customer>& parsed, const Secrets& secrets, std::vector<Diagnostic>& out)
        : customer_(parsed.value), source_(parsed.source), secrets_(secrets), out_(out) {}

    void check(const Parsed<Appliance>& appliance, const std::optional<crypto::PublicKey>& shared_key) {
        check_addresses();
        check_mtu();
        check_queues();
        check_peers();
        check_prefixes();
        check_handoff();
        check_routes();
        check_listener(appliance, shared_key);
        check_secrets();
    }

  private:
    void error(const std::string& path, std::string message) {
        out_.push_back(source_.error(path, std::move(message)));
    }
    void warning(const std::string& path, std::string message) {
        out_.push_back(source_.warning(path, std::move(message)));
    }

    [[nodiscard]] bool has_v6() const {
        const auto is_v6 = [](const Prefix& prefix) { return !prefix.address.is_v4() && readable(prefix); };
        return std::any_of(customer_.stack.addresses.begin(), customer_.stack.addresses.end(), is_v6) ||
               std::any_of(customer_.peers.begin(), customer_.peers.end(), [&is_v6](const Peer& peer) {
                   return peer.enabled && std::any_of(peer.allowed_ips.begin(), peer.allowed_ips.end(), is_v6);
               });
    }

    // The stack may have an address only once, on vpn0 or on lan0.
    void check_addresses() {
        std::map<IpAddress, std::string> seen;
        const auto check = [&](const std::vector<Prefix>& addresses, std::string_view key) {
            for (std::size_t i = 0; i < addresses.size(); ++i) {
                if (!readable(addresses[i])) continue;
                const std::string path = fmt::format("{}[{}]", key, i);
                const auto [found, is_new] = seen.try_emplace(addresses[i].address, path);
                if (!is_new)
                    error(path, fmt::format("{}: {} is also at {}; the stack may have an address only once", key,
                                            to_string(addresses[i].address), source_.cite(found->second)));
            }
        };
        check(customer_.stack.addresses, "stack.addresses");
        if (customer_.handoff) check(customer_.handoff->addresses, "handoff.address");
    }

    // Each data worker meters its own traffic; workers do not share a bucket.
    void check_queues() {
        if (customer_.stack.queues == 1 || !(customer_.traffic.rate_up || customer_.traffic.rate_down)) return;
        error("stack.queues", fmt::format("stack.queues: {} cannot be combined with traffic.rate_up and "
                                          "traffic.rate_down; accepted: 1, or no rate",
                                          customer_.stack.queues));
    }

    void check_mtu() {
        if (has_v6() && customer_.stack.mtu < kMinMtuV6 && customer_.stack.mtu >= kMinMtuV4) {
            error("stack.mtu", fmt::format("stack.mtu: {} is too small: this customer has IPv6, which needs at "
                                           "least {} bytes (RFC 8200 §5)",
                                           customer_.stack.mtu, kMinMtuV6));
        }
        if (!customer_.handoff || !customer_.handoff->mtu || *customer_.handoff->mtu >= kMinMtuV6) return;
        const auto& lan = customer_.handoff->addresses;
        if (std::any_of(lan.begin(), lan.end(),
                        [](const Prefix& prefix) { return !prefix.address.is_v4() && readable(prefix); })) {
            error("handoff.mtu",
                  fmt::format("handoff.mtu: {} is too small: handoff.address has IPv6, which needs at least {} bytes "
                              "(RFC 8200 §5)",
                              *customer_.handoff->mtu, kMinMtuV6));
        }
    }

    void check_peers() {
        std::map<std::string, std::size_t> seen;
        for (std::size_t i = 0; i < customer_.peers.size(); ++i) {
            const Peer& peer = customer_.peers[i];
            const std::string path = fmt::format("wireguard.peer[{}]", i);
            if (!peer.name.empty()) {
                const auto [found, is_new] = seen.try_emplace(peer.name, i);
                if (!is_new) {
                    error(path + ".name",
                          fmt::format("wireguard.peer.name: \"{}\" is also at {}; a name occurs once per customer",
                                      peer.name, source_.cite(fmt::format("wireguard.peer[{}].name", found->second))));
                }
            }
            if (peer.enabled && peer.allowed_ips.empty() && source_.root.at(path + ".allowed_ips") != nullptr) {
                warning(path + ".allowed_ips",
                        "wireguard.peer.allowed_ips is empty: nothing is routed to this peer or accepted from it");
            }
        }
    }

    void check_prefixes() {
        struct Where {
            std::size_t peer;
            std::size_t index;
        };
        const auto path = [](Where at) { return fmt::format("wireguard.peer[{}].allowed_ips[{}]", at.peer, at.index); };
        std::map<Prefix, Where> seen;
        for (std::size_t p = 0; p < customer_.peers.size(); ++p) {
            const Peer& peer = customer_.peers[p];
            if (!peer.enabled) continue;
            for (std::size_t i = 0; i < peer.allowed_ips.size(); ++i) {
                const Prefix& prefix = peer.allowed_ips[i];
                if (!readable(prefix)) continue;
                check_own_address(prefix, path({p, i}));
                const auto [found, is_new] = seen.try_emplace(prefix.network(), Where{p, i});
                if (is_new) continue;
                if (found->second.peer == p) {
                    warning(path({p, i}),
                            fmt::format("wireguard.peer.allowed_ips: {} is listed twice", to_string(prefix)));
                    continue;
                }
                error(path({p, i}), fmt::format("wireguard.peer.allowed_ips: {} also belongs to peer \"{}\" at {}; a "
                                                "prefix belongs to one peer of a customer",
                                                to_string(prefix), customer_.peers[found->second.peer].name,
                                                source_.cite(path(found->second))));
            }
        }
        allowed_.clear();
        for (const auto& [prefix, where] : seen) allowed_.emplace(prefix, path(where));
    }

    void check_own_address(const Prefix& prefix, const std::string& path) {
        const auto is_it = [&prefix](const Prefix& own) { return is_host(prefix) && own.address == prefix.address; };
        const auto& vpn = customer_.stack.addresses;
        const bool on_vpn = std::any_of(vpn.begin(), vpn.end(), is_it);
        const bool on_lan = customer_.handoff && std::any_of(customer_.handoff->addresses.begin(),
                                                             customer_.handoff->addresses.end(), is_it);
        if (!on_vpn && !on_lan) return;
        error(path, fmt::format("wireguard.peer.allowed_ips: {} is the stack's own address ({}); a peer cannot have it",
                                to_string(prefix), on_vpn ? "stack.addresses" : "handoff.address"));
    }

    void check_handoff() {
        if (!customer_.handoff || source_.root.at("handoff.type") == nullptr) return;
        const Handoff& handoff = *customer_.handoff;
        if (handoff.parent.empty() && source_.root.at("handoff.parent") == nullptr &&
            handoff.type != HandoffType::kVeth) {
            error("handoff.type",
                  "handoff.parent is missing: this type needs the device in the uplink namespace that it is made of");
        }
        const bool is_vlan = handoff.type == HandoffType::kVlan;
        const bool has_vlan_id = source_.root.at("handoff.vlan_id") != nullptr;
        if (is_vlan && !has_vlan_id)
            error("handoff.type", "handoff.vlan_id is missing: type \"vlan\" needs it; accepted: 1 to 4094");
        if (!is_vlan && has_vlan_id) error("handoff.vlan_id", "handoff.vlan_id is for type \"vlan\" only");
        for (std::size_t i = 0; i < handoff.addresses.size(); ++i) {
            if (!readable(handoff.addresses[i])) continue;
            const auto found = allowed_.find(handoff.addresses[i].network());
            if (found == allowed_.end()) continue;
            error(fmt::format("handoff.address[{}]", i),
                  fmt::format("handoff.address: the network {} is also a peer's allowed_ips at {}; it is either on the "
                              "LAN or behind the peer",
                              to_string(found->first), source_.cite(found->second)));
        }
    }

    void check_routes() {
        std::map<Prefix, std::size_t> seen;
        for (std::size_t i = 0; i < customer_.stack.routes.size(); ++i) {
            const StaticRoute& route = customer_.stack.routes[i];
            const std::string path = fmt::format("stack.route[{}]", i);
            const bool has_to = source_.root.at(path + ".to") != nullptr && readable(route.to);
            if (has_to) {
                const auto [found, is_new] = seen.try_emplace(route.to.network(), i);
                if (!is_new) {
                    error(path + ".to", fmt::format("stack.route.to: {} also has a route at {}", to_string(route.to),
                                                    source_.cite(fmt::format("stack.route[{}].to", found->second))));
                }
                if (const auto allowed = allowed_.find(route.to.network()); allowed != allowed_.end()) {
                    error(path + ".to",
                          fmt::format(
                              "stack.route.to: {} is a peer's allowed_ips at {} and is routed to vpn0 automatically",
                              to_string(route.to), source_.cite(allowed->second)));
                }
            }
            if (has_to && !route.via.is_unspecified()) check_gateway(route, path + ".via");
        }
    }

    void check_gateway(const StaticRoute& route, const std::string& path) {
        const std::string via = to_string(route.via);
        if (route.via.family != route.to.address.family) {
            return error(path,
                         fmt::format("stack.route.via: {} and {} are of different families", via, to_string(route.to)));
        }
        if (route.via.is_link_local() && !route.via.is_v4()) {
            return error(
                path, fmt::format(
                          "stack.route.via: {} is link-local and names no device; accepted: an address of a network in "
                          "stack.addresses or handoff.address",
                          via));
        }
        const auto holds = [&route](const Prefix& own) { return readable(own) && own.contains(route.via); };
        const auto equals = [&route](const Prefix& own) { return own.address == route.via; };
        const auto& vpn = customer_.stack.addresses;
        const std::vector<Prefix> lan = customer_.handoff ? customer_.handoff->addresses : std::vector<Prefix>();
        if (std::any_of(vpn.begin(), vpn.end(), equals) || std::any_of(lan.begin(), lan.end(), equals)) {
            return error(
                path,
                fmt::format("stack.route.via: {} is the stack's own address; accepted: another host in that network",
                            via));
        }
        if (std::any_of(lan.begin(), lan.end(), holds)) return;
        if (std::none_of(vpn.begin(), vpn.end(), holds)) {
            return error(path, fmt::format("stack.route.via: {} is in no network of stack.addresses or "
                                           "handoff.address, so it cannot be reached",
                                           via));
        }
        // vpn0 has no neighbours: the destination alone decides which peer gets a packet.
        const bool somebody_takes_it = std::any_of(allowed_.begin(), allowed_.end(), [&route](const auto& entry) {
            return entry.first.contains(route.to.address) || route.to.contains(entry.first.address);
        });
        if (!somebody_takes_it) {
            warning(path, fmt::format("stack.route.via: {} leads into vpn0, where the destination chooses the peer, "
                                      "and no peer has {} in "
                                      "allowed_ips: such packets are dropped",
                                      via, to_string(route.to)));
        }
    }

    void check_listener(const Parsed<Appliance>& appliance, const std::optional<crypto::PublicKey>& shared_key) {
        const std::string first_peer = "wireguard.peer[0]";
        const bool appliance_was_read = !appliance.source.root.entries.empty();
        if (!customer_.listener && appliance_was_read && !appliance.value.wireguard && !customer_.peers.empty()) {
            error(first_peer,
                  "no listener for this customer: warren.toml has no [wireguard], and wireguard.listen_port and "
                  "wireguard.private_key are not set here");
        }
        const auto own_key = customer_.listener ? secrets_.public_key(customer_.listener->private_key) : shared_key;
        if (!own_key) return;
        for (std::size_t i = 0; i < customer_.peers.size(); ++i) {
            if (!customer_.peers[i].enabled || customer_.peers[i].public_key != *own_key) continue;
            error(fmt::format("wireguard.peer[{}].public_key", i),
                  fmt::format(
                      "wireguard.peer.public_key: this is the key of {} itself; accepted: the peer's own public key",
                      customer_.listener ? "the customer's listener" : "the shared listener"));
        }
    }

    void check_secret(const SecretRef& ref, const std::string& path) {
        const std::string* problem = secrets_.problem(ref);
        if (problem != nullptr) error(path + ".secret", *problem);
    }

    void check_secrets() {
        if (customer_.listener) check_secret(customer_.listener->private_key, "wireguard.private_key");
        for (std::size_t i = 0; i < customer_.peers.size(); ++i) {
            const auto& ref = customer_.peers[i].preshared_key;
            if (ref) check_secret(*ref, fmt::format("wireguard.peer[{}].preshared_key", i));
        }
    }

    const Customer& customer_;
    const Source& source_;
    const Secrets& secrets_;
    std::vector<Diagnostic>& out_;
    std::map<Prefix, std::string> allowed_;  // prefixes of enabled peers, with their paths
};

}  // namespace

void check_customer(const Parsed<Customer>& customer, const Parsed<Appliance>& appliance,
                    const std::optional<crypto::PublicKey>& shared_key, const Secrets& secrets,
                    std::vector<Diagnostic>& out) {
    if (customer.source.root.entries.empty()) return;  // not TOML, or empty: already reported
    CustomerCheck(customer, secrets, out).check(appliance, shared_key);
}

}  // namespace warren::config
