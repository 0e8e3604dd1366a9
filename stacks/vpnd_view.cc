#include "stacks/vpnd_view.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/check.h"
#include "config/nat_map.h"
#include "config/resellers.h"
#include "config/schema.h"
#include "stacks/connections.h"
#include "stacks/limits.h"
#include "stacks/tunnel_keys.h"

namespace warren::stacks {

namespace {

// The listener that a peer of a customer uses.
ipc::ListenerId listener_of(const config::Customer& customer, const config::Peer& peer) {
    const ListenerKind kind = config::kind_of(peer.tunnel);
    return {config::find(customer.listeners, kind) != nullptr ? customer.id : "", kind};
}

// Nothing while the uplink does not have the device that the endpoint names.
std::optional<Endpoint> endpoint_of(const config::Peer& peer, const ObservedUplink& uplink) {
    if (!peer.endpoint) return std::nullopt;
    Endpoint endpoint = peer.endpoint->endpoint;
    if (peer.endpoint->zone.empty()) return endpoint;
    const auto index = uplink.zone(peer.endpoint->zone);
    if (!index) return std::nullopt;
    endpoint.scope_id = *index;
    return endpoint;
}

std::vector<ipc::PrefixMap> prefix_maps_of(const config::Customer& customer, const config::Peer& peer) {
    std::vector<ipc::PrefixMap> out;
    for (const config::NatMap& map : config::maps_of(customer, peer)) out.push_back({map.real, map.mapped});
    return out;
}

// Those of the file, as the stack sees them, and those that were learned.
std::vector<Prefix> networks_of(const config::Customer& customer, const config::Peer& peer,
                                const LearnedByPeer& learned) {
    std::vector<Prefix> out = config::stack_networks(customer, peer);
    if (const auto found = learned.find(peer.name); found != learned.end())
        out.insert(out.end(), found->second.begin(), found->second.end());
    return out;
}

ipc::PutPeer put_peer(const config::Customer& customer, const config::Peer& peer, const LearnedByPeer& learned,
                      const config::Secrets& secrets, std::size_t queues, const ObservedUplink& uplink,
                      const SeenPeers& seen) {
    const PeerIdentity identity = config::identity_of(peer.tunnel);
    ipc::PutPeer put{
        {peer.name, listener_of(customer, peer), networks_of(customer, peer, learned), endpoint_of(peer, uplink),
         peer.expires.value_or(WallTime{}), limits_of(peer.limits), prefix_maps_of(customer, peer)},
        with_secrets(peer.tunnel, secrets),
        queue_of(identity, queues)};
    const auto found = seen.find(identity);
    if (found != seen.end() && customer.group) put.seen_elsewhere = found->second;
    return put;
}

ipc::PutListener put_listener(const ipc::ListenerId& id, Port port, const config::Generation& generation,
                              const SecretNumbers& numbers) {
    const config::AcceptedCustomer* owner = id.owner.empty() ? nullptr : generation.find(id.owner);
    const std::vector<config::Listener>& listeners =
        owner != nullptr ? owner->customer.listeners : generation.appliance.listeners;
    const config::Secrets& secrets = owner != nullptr ? owner->secrets : generation.secrets;
    const config::Listener* const listener = config::find(listeners, id.kind);
    WARREN_CHECK(listener != nullptr);
    return {id, port.protocol, port.number, with_secrets(listener->settings, secrets, numbers), {}};
}

ipc::LinkEmulation emulation_of(const config::LinkEmulation& emulation) {
    return {static_cast<std::uint64_t>(emulation.delay.count()),
            static_cast<std::uint64_t>(emulation.jitter.count()),
            emulation.loss,
            emulation.reorder,
            emulation.duplicate,
            emulation.rate};
}

ipc::CustomerSettings settings_of(const config::Customer& customer) {
    ipc::CustomerSettings settings;
    settings.id = customer.id;
    settings.name = customer.name;
    settings.suspended = customer.state != config::CustomerState::kActive || config::is_suspended(customer);
    for (const config::ResellerAbove& above : customer.above) settings.groups.push_back({above.id, above.share});
    settings.mtu = customer.stack.mtu;
    settings.addresses = customer.stack.addresses;
    const ipc::Limits limits = limits_of(customer.traffic.limits);
    settings.rate_up = limits.rate_up;
    settings.rate_down = limits.rate_down;
    settings.quota = limits.quota;
    settings.after_quota = limits.after_quota;
    settings.max_handshake_rate = customer.max_handshake_rate.value_or(0);
    settings.share = customer.traffic.share;
    if (config::is_parkable(customer))
        settings.park_after_seconds = static_cast<std::uint32_t>(customer.stack.park_after.count());
    if (customer.traffic.emulate) {
        settings.emulate_up = emulation_of(customer.traffic.emulate->up);
        settings.emulate_down = emulation_of(customer.traffic.emulate->down);
    }
    return settings;
}

static_assert(config::kMaxAllowedIpsPerPeer <= ipc::kMaxPrefixesPerPeer &&
              config::kMaxAllowedIpsPerCustomer <= ipc::kMaxPrefixesPerCustomer);

// A customer as vpnd is to have it, or has it.
struct Whole {
    const config::AcceptedCustomer& accepted;
    const LearnedByPeer& learned;
};

// The peers of a customer whose prefixes take more than one message.
std::map<std::string_view, std::vector<Prefix>> long_lists(const Whole& whole) {
    std::map<std::string_view, std::vector<Prefix>> out;
    for (const config::Peer& peer : whole.accepted.customer.peers) {
        const auto learned = whole.learned.find(peer.name);
        const std::size_t more = learned == whole.learned.end() ? 0 : learned->second.size();
        if (peer.enabled && peer.allowed_ips.size() + more > ipc::kPrefixesPerMessage)
            out[peer.name] = networks_of(whole.accepted.customer, peer, whole.learned);
    }
    return out;
}

// `held`: the prefixes that vpnd has of it; null when that is not known.
Status send_peer(VpndLink& link, ipc::PutPeer put, const std::vector<Prefix>* held) {
    std::vector<Prefix>& prefixes = put.settings.allowed_ips;
    if (prefixes.size() <= ipc::kPrefixesPerMessage) return link.send(std::move(put));
    if (held != nullptr && *held == prefixes) {
        prefixes.clear();
        put.same_prefixes = true;
        return link.send(std::move(put));
    }
    const std::vector<Prefix> all = std::exchange(prefixes, {});
    const auto part = [&all](std::size_t from) {
        const std::size_t end = std::min(from + ipc::kPrefixesPerMessage, all.size());
        return std::vector<Prefix>(all.begin() + static_cast<std::ptrdiff_t>(from),
                                   all.begin() + static_cast<std::ptrdiff_t>(end));
    };
    put.settings.allowed_ips = part(0);
    put.prefixes_follow = static_cast<std::uint32_t>(all.size() - ipc::kPrefixesPerMessage);
    WARREN_TRY(link.send(std::move(put)));
    for (std::size_t from = ipc::kPrefixesPerMessage; from < all.size(); from += ipc::kPrefixesPerMessage)
        WARREN_TRY(link.send(ipc::PutPrefixes{part(from)}));
    return {};
}

std::uint32_t enabled_of(const auto& tunnels) {
    return static_cast<std::uint32_t>(
        std::count_if(tunnels.begin(), tunnels.end(), [](const auto& tunnel) { return tunnel.enabled; }));
}

// `held`: the customer as vpnd has it; nothing when that is not known.
Status send_customer(VpndLink& link, const Whole& whole, const std::optional<Whole>& held,
                     const std::vector<int>& tunnel, bool has_tun, const ObservedUplink& uplink,
                     const SecretNumbers& numbers, const SeenPeers& seen) {
    const config::AcceptedCustomer& accepted = whole.accepted;
    const config::Customer& customer = accepted.customer;
    const std::size_t queues = std::max<std::size_t>(tunnel.size(), 1);  // a parked one has one later
    ipc::PutCustomer put;
    put.settings = settings_of(customer);
    put.peer_count = enabled_of(customer.peers);
    if (customer.ipsec) {
        put.ipsec = ipsec_customer(*customer.ipsec, accepted.secrets, numbers);
        put.connection_count = enabled_of(customer.ipsec->connections);
    }
    put.sources = customer.sources;
    put.has_tun = has_tun;
    put.queues = static_cast<std::uint16_t>(queues);
    WARREN_TRY(link.send(std::move(put), has_tun ? tunnel : std::vector<int>{}));
    const auto known = held ? long_lists(*held) : std::map<std::string_view, std::vector<Prefix>>{};
    for (const config::Peer& peer : customer.peers) {
        if (!peer.enabled) continue;
        const auto found = known.find(peer.name);
        WARREN_TRY(send_peer(link, put_peer(customer, peer, whole.learned, accepted.secrets, queues, uplink, seen),
                             found == known.end() ? nullptr : &found->second));
    }
    for (std::size_t i = 0; customer.ipsec && i < customer.ipsec->connections.size(); ++i) {
        const config::Connection& connection = customer.ipsec->connections[i];
        if (!connection.enabled) continue;
        WARREN_TRY(link.send(put_connection(*customer.ipsec, connection, accepted.secrets, numbers, queues)));
    }
    return {};
}

}  // namespace

Status VpndView::ask(VpndLink& link, std::uint64_t number, ipc::ConfigMessage wish) const {
    if (!renames_.empty())
        return fail(ErrorCode::kUnavailable, "vpnd does not know the new ids of customers yet; apply the files first");
    WARREN_TRY(link.send(ipc::Begin{number, false}));
    WARREN_TRY(link.send(wish));
    WARREN_TRY(link.send(ipc::Commit{number}));
    return link.await_applied(number);
}

void VpndView::rename(const std::vector<Rename>& renames) {
    std::vector<Rename> held;  // of customers that vpnd has, be it their listener alone
    for (const Rename& rename : renames) {
        const bool has_listener = std::any_of(listeners_.begin(), listeners_.end(),
                                              [&](const auto& entry) { return entry.first.owner == rename.from; });
        if (has_listener || tunnels_.contains(rename.from)) held.push_back(rename);
    }
    std::map<std::string, std::string> its;  // its ids by ours, where they differ
    for (const Rename& rename : renames_) its[rename.to] = rename.from;
    for (const Rename& rename : held) its.try_emplace(rename.from, rename.from);
    rename_keys(its, held);
    renames_.clear();
    for (const auto& [ours, of_vpnd] : its) {
        if (ours != of_vpnd) renames_.push_back({of_vpnd, ours});
    }

    rename_keys(tunnels_, held);
    rename_keys(parked_, held);
    rename_keys(stale_tunnels_, held);
    rename_keys(current_, held);
    ListenerPorts listeners;
    for (const auto& [id, port] : listeners_) {
        const auto renamed =
            std::find_if(held.begin(), held.end(), [&](const Rename& rename) { return rename.from == id.owner; });
        ipc::ListenerId now = id;
        if (renamed != held.end()) {
            now.owner = renamed->to;
            stale_sockets_.insert(now);
        }
        listeners[now] = port;
    }
    listeners_ = std::move(listeners);
    rename_keys(zoned_, held);
    rename_keys(held_, held);
}

VpndView::Endpoints VpndView::zoned_endpoints(const config::Customer& customer, const ObservedUplink& uplink) {
    Endpoints out;
    for (const config::Peer& peer : customer.peers) {
        if (peer.enabled && peer.endpoint && !peer.endpoint->zone.empty()) out.push_back(endpoint_of(peer, uplink));
    }
    return out;
}

bool VpndView::has_moved(const config::Customer& customer, const ObservedUplink& uplink) const {
    const auto found = zoned_.find(customer.id);
    return zoned_endpoints(customer, uplink) != (found == zoned_.end() ? Endpoints() : found->second);
}

Status VpndView::deliver(VpndLink& link, const Delivery& delivery) {
    const config::Generation& generation = delivery.generation;
    WARREN_TRY(link.send(ipc::Begin{delivery.number, delivery.full}));
    for (const Rename& rename : renames_) WARREN_TRY(link.send(ipc::RenameCustomer{rename.from, rename.to}));

    ListenerPorts listeners = delivery.listeners;
    for (const auto& [id, port] : delivery.listeners) {
        const auto held = listeners_.find(id);
        const bool needs_sockets = held == listeners_.end() || held->second != port || stale_sockets_.contains(id);
        if (!needs_sockets && !delivery.full && current_listeners_.contains(id)) continue;
        ipc::PutListener put = put_listener(id, port, generation, delivery.numbers);
        ListenerDescriptors sockets;
        if (needs_sockets) sockets = delivery.sockets.descriptors(id, port);
        put.roles = std::move(sockets.roles);
        WARREN_TRY(link.send(std::move(put), sockets.numbers));
    }

    std::set<std::string> served;
    std::set<std::string> parked;
    std::map<std::string, Endpoints> zoned;
    const ObservedUplink& uplink = delivery.stacks.uplink();
    auto held = held_;
    for (const auto& accepted : generation.customers) {
        const std::string& id = accepted->customer.id;
        const std::vector<int> tunnel = delivery.stacks.tunnel(id);
        const bool is_parked = tunnel.empty() && delivery.is_parked(accepted->customer);
        if (tunnel.empty() && !is_parked) continue;
        served.insert(id);
        if (is_parked) parked.insert(id);
        if (Endpoints now = zoned_endpoints(accepted->customer, uplink); !now.empty())
            zoned.emplace(id, std::move(now));
        const bool is_current = current_.contains(id) && !has_moved(accepted->customer, uplink);
        const bool has_its = is_parked ? parked_.contains(id) : has_tunnel(id);
        if (!delivery.full && is_current && has_its) continue;
        const auto before = held_.find(id);
        std::optional<Whole> known;
        if (!delivery.full && before != held_.end()) known.emplace(*before->second.accepted, before->second.learned);
        Held now{accepted, delivery.learned(accepted->customer)};
        WARREN_TRY(send_customer(link, {*accepted, now.learned}, known, tunnel, !is_parked && !has_tunnel(id), uplink,
                                 delivery.numbers, delivery.seen));
        held[id] = std::move(now);
    }

    // A customer whose file has errors and that is not in the generation keeps what vpnd has.
    const auto stays = [&](const std::string& id) {
        return !delivery.full && delivery.present.contains(id) && generation.find(id) == nullptr;
    };
    std::set<std::string> kept;
    for (const std::string& id : tunnels_) {
        if (served.contains(id)) continue;
        if (stays(id)) {
            kept.insert(id);
            if (parked_.contains(id)) parked.insert(id);
        } else if (!delivery.full) {
            WARREN_TRY(link.send(ipc::RemoveCustomer{id}));
        }
    }
    for (const auto& [id, port] : listeners_) {
        if (delivery.listeners.contains(id)) continue;
        if (id.owner.empty() ? !kept.empty() && !delivery.full : stays(id.owner)) {
            listeners[id] = port;
        } else if (!delivery.full) {
            WARREN_TRY(link.send(ipc::RemoveListener{id}));
        }
    }
    if (delivery.before_commit) WARREN_TRY(delivery.before_commit());
    WARREN_TRY(link.send(ipc::Commit{delivery.number}));
    WARREN_TRY(link.await_applied(delivery.number));

    renames_.clear();
    listeners_ = std::move(listeners);
    // Those of customers that stay as they are still have the old socket.
    std::erase_if(stale_sockets_, [&](const ipc::ListenerId& id) {
        return delivery.listeners.contains(id) || !listeners_.contains(id);
    });
    current_listeners_.clear();
    for (const auto& [id, port] : delivery.listeners) current_listeners_.insert(id);
    current_ = served;
    std::erase_if(stale_tunnels_, [&kept](const std::string& id) { return !kept.contains(id); });
    zoned_ = std::move(zoned);
    parked_ = std::move(parked);
    tunnels_ = std::move(served);
    tunnels_.merge(kept);
    std::erase_if(held, [this](const auto& each) { return !tunnels_.contains(each.first); });
    held_ = std::move(held);
    return {};
}

}  // namespace warren::stacks
