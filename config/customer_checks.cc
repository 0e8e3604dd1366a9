#include "config/customer_checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <map>
#include <optional>
#include <string_view>

#include "config/emulation_text.h"
#include "config/named_secrets.h"
#include "config/schema.h"
#include "config/tunnel_networks.h"

namespace warren::config {

namespace {

// In every stack: stacks/plan/desired.h.
constexpr std::array<std::string_view, 4> kOwnDevices{"lo", "vpn0", "lan0", "lan0.new"};

class CustomerCheck {
  public:
    CustomerCheck(const Parsed<Customer>& parsed, const Secrets& secrets, std::vector<Diagnostic>& out)
        : customer_(parsed.value), source_(parsed.source), secrets_(secrets), out_(out), networks_(customer_) {}

    void check() {
        check_addresses();
        check_mtu();
        check_queues();
        check_emulation();
        check_quotas();
        check_devices();
        check_park();
        check_peers();
        networks_.check(source_, out_);
        check_handoff();
        check_routes();
        check_secrets();
        check_group();
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
               std::any_of(networks_.lists().begin(), networks_.lists().end(), [&is_v6](const NetworkList& list) {
                   return std::any_of(list.networks.begin(), list.networks.end(), is_v6);
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
        const Limits& limits = customer_.traffic.limits;
        if (customer_.stack.queues == 1 || !(limits.rate_up || limits.rate_down || limits.after_quota)) return;
        error("stack.queues", fmt::format("stack.queues: {} cannot be combined with traffic.rate_up, "
                                          "traffic.rate_down and a rate in traffic.after_quota; accepted: 1, or no "
                                          "rate",
                                          customer_.stack.queues));
    }

    void check_emulation() {
        if (!customer_.traffic.emulate) return;
        if (customer_.stack.queues != 1)
            error("stack.queues", fmt::format("stack.queues: {} cannot be combined with traffic.emulate; accepted: 1, "
                                              "or no test link",
                                              customer_.stack.queues));
        check_emulation("traffic.emulate.up", customer_.traffic.emulate->up);
        check_emulation("traffic.emulate.down", customer_.traffic.emulate->down);
    }
    void check_emulation(const std::string& table, const LinkEmulation& emulation) {
        if (emulation.jitter > emulation.delay)
            error(table + ".jitter", fmt::format("{}.jitter: {} is more than the delay, {}; accepted: up to it", table,
                                                 delay_text(emulation.jitter), delay_text(emulation.delay)));
        if (emulation.reorder != 0 && emulation.delay.count() == 0)
            error(table + ".reorder",
                  fmt::format("{}.reorder without {}.delay: a packet overtakes others by not being delayed; accepted: "
                              "with a delay",
                              table, table));
    }

    void check_quota(const std::string& table, std::string_view shown) {
        const std::string after = table + ".after_quota";
        if (source_.root.at(after) == nullptr || source_.root.at(table + ".quota") != nullptr) return;
        error(after, fmt::format("{}.after_quota without {}.quota: there is nothing to spend; accepted: both, or none",
                                 shown, shown));
    }
    void check_quotas() {
        check_quota("traffic", "traffic");
        for (std::size_t i = 0; i < customer_.peers.size(); ++i) check_quota(path_of(i), "wireguard.peer");
        for (std::size_t i = 0; customer_.ipsec && i < customer_.ipsec->connections.size(); ++i)
            check_quota(fmt::format("ipsec.connection[{}]", i), "ipsec.connection");
    }

    void check_devices() {
        std::map<std::string, std::string> seen;
        for (std::size_t i = 0; i < customer_.stack.devices.size(); ++i) {
            const std::string& device = customer_.stack.devices[i];
            const std::string path = fmt::format("stack.devices[{}]", i);
            if (std::find(kOwnDevices.begin(), kOwnDevices.end(), device) != kOwnDevices.end())
                error(path,
                      fmt::format("stack.devices: \"{}\" is a device of Warren's own, which has its rules already; "
                                  "accepted: devices that you add yourself",
                                  device));
            const auto [found, is_new] = seen.try_emplace(device, path);
            if (!is_new)
                error(path, fmt::format("stack.devices: \"{}\" is also at {}; a device is listed once", device,
                                        source_.cite(found->second)));
        }
    }

    // What is outside the tunnels needs the stack at any time.
    void check_park() {
        if (customer_.stack.park == Park::kNever) return;
        const auto refuse = [this](bool is_there, const char* what) {
            if (is_there)
                error("stack.park",
                      fmt::format("stack.park: \"idle\" cannot be combined with {}, which needs the stack "
                                  "at any time; accepted: \"never\", or no {}",
                                  what, what));
        };
        refuse(customer_.handoff.has_value(), "[handoff]");
        refuse(customer_.dns.has_value(), "[dns]");
        refuse(customer_.bgp.has_value(), "[bgp]");
        refuse(!customer_.stack.devices.empty(), "stack.devices");
        if (customer_.stack.queues != 1)
            error("stack.park", fmt::format("stack.park: \"idle\" cannot be combined with stack.queues = {}; accepted: "
                                            "\"never\", or 1 queue",
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
            const auto [found, is_new] = seen.try_emplace(peer.name, i);
            if (!peer.name.empty() && !is_new) {
                error(path_of(i) + ".name",
                      fmt::format("{}.name: \"{}\" is also at {}; a name occurs once per customer", table_of_peer(i),
                                  peer.name, source_.cite(path_of(found->second) + ".name")));
            }
            if (!peer.enabled || !peer.allowed_ips.empty()) continue;
            if (const std::string path = path_of(i) + ".allowed_ips"; source_.root.at(path) != nullptr) {
                warning(path, fmt::format("{}.allowed_ips is empty: nothing is routed to this peer or accepted from it",
                                          table_of_peer(i)));
            }
        }
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
            const auto found = networks_.all().find(handoff.addresses[i].network());
            if (found == networks_.all().end()) continue;
            error(fmt::format("handoff.address[{}]", i),
                  fmt::format("handoff.address: the network {} is also {} at {}; it is either on the LAN or behind the "
                              "{}",
                              to_string(found->first), networks_.describe(found->second), cite(found->second),
                              networks_.lists()[found->second.list].what()));
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
                if (const auto taken = networks_.all().find(route.to.network()); taken != networks_.all().end()) {
                    error(path + ".to",
                          fmt::format("stack.route.to: {} is {} at {} and is routed to vpn0 automatically",
                                      to_string(route.to), networks_.describe(taken->second), cite(taken->second)));
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
        const auto& all = networks_.all();
        const bool somebody_takes_it = std::any_of(all.begin(), all.end(), [&route](const auto& entry) {
            return entry.first.contains(route.to.address) || route.to.contains(entry.first.address);
        });
        if (!somebody_takes_it) {
            warning(path, fmt::format("stack.route.via: {} leads into vpn0, where the destination chooses the peer, "
                                      "and no peer has {} in "
                                      "allowed_ips: such packets are dropped",
                                      via, to_string(route.to)));
        }
    }

    void check_group() {
        if (customer_.group && customer_.ipsec)
            error("group", "group: a customer with [ipsec] belongs to this node alone; accepted: WireGuard only");
    }

    void check_secrets() {
        for (const NamedSecret& secret : secrets_of(customer_)) {
            const std::string* problem = secrets_.problem(secret);
            if (problem != nullptr) error(secret.path, *problem);
        }
    }

    [[nodiscard]] std::string cite(TunnelNetworks::Where at) const { return source_.cite(networks_.path_of(at)); }

    // Of the peer's table in the file, and of the tables of its kind.
    [[nodiscard]] std::string path_of(std::size_t peer) const {
        const auto is_same_kind = [&](const Peer& other) {
            return kind_of(other.tunnel) == kind_of(customer_.peers[peer].tunnel);
        };
        const auto end = customer_.peers.begin() + static_cast<std::ptrdiff_t>(peer);
        return peer_path(customer_.peers[peer],
                         static_cast<std::size_t>(std::count_if(customer_.peers.begin(), end, is_same_kind)));
    }
    [[nodiscard]] std::string_view table_of_peer(std::size_t peer) const {
        return table_of(kind_of(customer_.peers[peer].tunnel));
    }

    const Customer& customer_;
    const Source& source_;
    const Secrets& secrets_;
    std::vector<Diagnostic>& out_;
    TunnelNetworks networks_;
};

}  // namespace

void check_customer(const Parsed<Customer>& customer, const Secrets& secrets, std::vector<Diagnostic>& out) {
    if (customer.source.root.entries.empty()) return;  // not TOML, or empty: already reported
    CustomerCheck(customer, secrets, out).check();
}

}  // namespace warren::config
