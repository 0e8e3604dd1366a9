#include "vpnd/customers/customer_set.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <variant>

#include "vpnd/customers/make_view.h"

namespace warren::vpnd {

namespace {

constexpr std::size_t kMostGroupsAbove = 8;  // more than config/ has levels
constexpr std::uint16_t kMinMtu = 576;       // RFC 791: every host takes 576 octets

Status invalid(std::string what) {
    return fail(ErrorCode::kInvalid, std::move(what));
}

std::set<ipc::ListenerId> put_listeners(const Generation& generation) {
    std::set<ipc::ListenerId> out;
    for (const NewListener& listener : generation.listeners) out.insert(listener.put.id);
    return out;
}
std::set<std::string> put_customers(const Generation& generation) {
    std::set<std::string> out;
    for (const NewCustomer& customer : generation.customers) out.insert(customer.put.settings.id);
    return out;
}

// Those a generation takes away: the named ones, and in a full one everything that is not put.
template <typename Id, typename Held>
std::set<Id> taken_away(const Generation& generation, const std::vector<Id>& named, const Held& held,
                        const std::set<Id>& put) {
    std::set<Id> out;
    for (const Id& id : named) {
        if (held.contains(id)) out.insert(id);
    }
    if (!generation.full) return out;
    for (const auto& [id, value] : held) {
        if (!put.contains(id)) out.insert(id);
    }
    return out;
}

// No listener of this owner is before it.
ipc::ListenerId first_of(const std::string& owner) {
    return {owner, ipc::ListenerKind{}};
}

// One, or two while its key is changed.
std::vector<PeerIdentity> identities_of(const ipc::PutPeer& peer) {
    std::vector<PeerIdentity> out{ipc::identity_of(peer.tunnel)};
    if (const auto next = ipc::next_identity_of(peer.tunnel); next && *next != out.front()) out.push_back(*next);
    return out;
}

std::vector<int> numbers_of(const std::vector<UniqueFd>& descriptors) {
    std::vector<int> out;
    for (const UniqueFd& fd : descriptors) out.push_back(fd.get());
    return out;
}

}  // namespace

bool Changes::empty() const {
    return open_listeners.empty() && change_listeners.empty() && remove_peers.empty() && swap_views.empty() &&
           put_peers.empty() && remove_connections.empty() && put_connections.empty() && operate_connections.empty() &&
           drop_customers.empty() && close_listeners.empty();
}

Result<Changes> CustomerSet::apply(Generation&& generation) {
    WARREN_TRY(check_renames(generation.renames));
    rename(generation.renames);
    Status sound = fill_in_prefixes(generation);
    if (sound) sound = check_listeners(generation);
    if (sound) sound = check_customers(generation);
    if (!sound) {
        rename(reversed(generation.renames));
        return tl::unexpected<Error>(std::move(sound).error());
    }

    Changes changes;
    if (!generation.renames.empty()) ++renames_;
    // The data plane has the old name in its view.
    for (const Rename& renamed : generation.renames) {
        const HeldCustomer* const held = customer(renamed.to);
        for (std::size_t i = 0; held != nullptr && i < held->workers.size(); ++i)
            changes.swap_views.push_back({held->workers[i], make_view(*held, i), {}});
    }
    const auto gone_customers =
        taken_away(generation, generation.removed_customers, customers_, put_customers(generation));
    const auto gone_listeners =
        taken_away(generation, generation.removed_listeners, listeners_, put_listeners(generation));
    for (NewListener& listener : generation.listeners) put_listener(std::move(listener), changes);
    for (const std::string& id : gone_customers) remove_customer(id, changes);
    for (NewCustomer& customer : generation.customers) put_customer(std::move(customer), changes);
    // Engines speak of a customer by its id.
    for (const Rename& renamed : generation.renames) {
        const HeldCustomer* const held = customer(renamed.to);
        for (std::size_t i = 0; held != nullptr && !held->settings.suspended && i < held->connections.size(); ++i)
            changes.put_connections.push_back({held->connections[i].listener, held->connections[i].index});
    }
    for (const ipc::ListenerId& id : gone_listeners) remove_listener(id, changes);
    keep_owned(changes);
    for (const ipc::ResetPeer& reset : generation.reset_peers) reset_peer(reset, changes);
    for (const ipc::OperateConnection& operation : generation.operations) operate_connection(operation, changes);
    generation_ = generation.number;
    return changes;
}

bool CustomerSet::is_other(const Spent& spent) const {
    const HeldCustomer* const held = find(spent.index);
    return held != nullptr && (held->is_spent != spent.customer || held->spent_tunnels != spent.tunnels);
}

Changes CustomerSet::note_spent(std::vector<Spent>&& spent) {
    Changes changes;
    for (Spent& each : spent) {
        const auto found = customers_by_index_.find(each.index);
        if (found == customers_by_index_.end()) continue;
        HeldCustomer& held = *found->second;
        held.is_spent = each.customer;
        held.spent_tunnels = std::move(each.tunnels);
        for (std::size_t i = 0; i < held.workers.size(); ++i)
            changes.swap_views.push_back({held.workers[i], make_view(held, i), {}});
    }
    return changes;
}

std::optional<std::uint32_t> CustomerSet::leave_tunnel(CustomerIndex index) {
    const auto found = customers_by_index_.find(index);
    if (found == customers_by_index_.end()) return std::nullopt;
    HeldCustomer& held = *found->second;
    if (held.settings.park_after_seconds == 0 || held.tuns.size() != 1) return std::nullopt;
    held.tuns.clear();
    return held.workers.front();
}

std::optional<Changes::SwapView> CustomerSet::give_tunnel(const std::string& id, UniqueFd tun) {
    const auto found = customers_.find(id);
    if (found == customers_.end() || !found->second.tuns.empty() || !tun.valid()) return std::nullopt;
    HeldCustomer& held = found->second;
    held.tuns.push_back(tun.get());
    return Changes::SwapView{held.workers.front(), make_view(held, 0), std::move(tun)};
}

const HeldCustomer* CustomerSet::find(CustomerIndex index) const {
    const auto found = customers_by_index_.find(index);
    return found == customers_by_index_.end() ? nullptr : found->second;
}

void CustomerSet::settle() {
    listener_indexes_.settle();
    customer_indexes_.settle();
    peer_indexes_.settle();
    connection_indexes_.settle();
}

const HeldCustomer* CustomerSet::customer(const std::string& id) const {
    const auto found = customers_.find(id);
    return found == customers_.end() ? nullptr : &found->second;
}

const HeldListener* CustomerSet::listener(ListenerIndex index) const {
    const auto found = listeners_by_index_.find(index);
    return found == listeners_by_index_.end() ? nullptr : found->second;
}

std::vector<const HeldListener*> CustomerSet::listeners_of(const std::string& customer) const {
    std::vector<const HeldListener*> out;
    const HeldCustomer* const held = this->customer(customer);
    for (std::size_t number = 0; number < std::variant_size_v<ipc::ListenerSettings>; ++number) {
        const auto kind = static_cast<ipc::ListenerKind>(number);
        if (kind == ipc::ListenerKind::kIke && (held == nullptr || !held->ipsec)) continue;
        auto found = listeners_.find({customer, kind});
        if (found == listeners_.end()) found = listeners_.find({"", kind});
        if (found != listeners_.end()) out.push_back(&found->second);
    }
    return out;
}

CustomerSet::PeerRef CustomerSet::find(PeerIndex index) const {
    if (index.value >= places_.size()) return {};
    const Place place = places_[index.value];
    const auto found = customers_by_index_.find(place.customer);
    if (found == customers_by_index_.end()) return {};
    const HeldCustomer& customer = *found->second;
    if (place.of_connection) return {&customer, nullptr};
    if (place.position >= customer.peers.size() || customer.peers[place.position].index != index) return {};
    return {&customer, &customer.peers[place.position]};
}

// --- checks: nothing down to the next line changes anything --------------------------------------

Status CustomerSet::check_renames(const std::vector<Rename>& renames) const {
    // A customer whose stack could not be made may have a listener alone.
    const auto is_held = [this](const std::string& id) {
        const auto listener = listeners_.lower_bound(first_of(id));
        return customers_.contains(id) || (listener != listeners_.end() && listener->first.owner == id);
    };
    std::set<std::string> given_up;
    std::set<std::string> taken;
    for (const Rename& rename : renames) {
        if (rename.from.empty() || !is_held(rename.from))
            return invalid(fmt::format("there is no customer {}", rename.from));
        if (rename.to.empty()) return invalid(fmt::format("customer {}: a new id that is empty", rename.from));
        if (!given_up.insert(rename.from).second || !taken.insert(rename.to).second)
            return invalid(fmt::format("customer {}: two renames", rename.from));
    }
    for (const std::string& id : taken) {
        if (!given_up.contains(id) && is_held(id)) return invalid(fmt::format("there is a customer {} already", id));
    }
    return {};
}

Status CustomerSet::check_listeners(const Generation& generation) const {
    std::set<ipc::ListenerId> put;
    for (const NewListener& listener : generation.listeners) {
        const std::string name = to_string(listener.put.id);
        if (!put.insert(listener.put.id).second) return invalid(name + " is put twice");
        if (listener.put.port == 0) return invalid(name + " has no port");
        if (listener.put.protocol != ipc::protocol_of(listener.put.id.kind))
            return invalid(name + " has a wrong protocol");
        if (listener.put.settings.index() != static_cast<std::size_t>(listener.put.id.kind))
            return invalid(name + " has the settings of another kind");
        if (const Status usable = ipc::check(listener.put.settings); !usable)
            return invalid(name + " " + usable.error().what);
        const auto held = listeners_.find(listener.put.id);
        const bool keeps_sockets = held != listeners_.end() && held->second.port == listener.put.port;
        if (listener.sockets.empty() && !keeps_sockets) return invalid(name + " comes without sockets");
    }
    for (const ipc::ListenerId& id : generation.removed_listeners) {
        if (put.contains(id)) return invalid(to_string(id) + " is put and removed");
    }
    return {};
}

Status CustomerSet::check_customer(const NewCustomer& customer) const {
    const ipc::CustomerSettings& settings = customer.put.settings;
    if (settings.id.empty()) return invalid("a customer has no id");
    if (settings.share == 0) return invalid(fmt::format("customer {}: a share of 0", settings.id));
    if (settings.groups.size() > kMostGroupsAbove)
        return invalid(fmt::format("customer {}: {} groups of shares", settings.id, settings.groups.size()));
    if (std::any_of(settings.groups.begin(), settings.groups.end(),
                    [](const ipc::ShareGroup& group) { return group.share == 0; }))
        return invalid(fmt::format("customer {}: a group with a share of 0", settings.id));
    if (settings.mtu < kMinMtu)
        return invalid(fmt::format("customer {}: mtu {} is below {}", settings.id, settings.mtu, kMinMtu));
    const auto held = customers_.find(settings.id);
    if (!customer.put.has_tun && held == customers_.end() && settings.park_after_seconds == 0)
        return invalid(fmt::format("customer {} comes without its tun", settings.id));
    const bool is_parked = held == customers_.end() || held->second.tuns.empty();
    const std::size_t present = is_parked ? 1 : held->second.tuns.size();
    if (!customer.put.has_tun && present != customer.put.queues) {
        return invalid(fmt::format("customer {}: {} queues come without their tun", settings.id, customer.put.queues));
    }
    return check_tunnels(customer);
}

Status CustomerSet::fill_in_prefixes(Generation& generation) const {
    for (NewCustomer& customer : generation.customers) {
        std::unordered_map<std::string_view, const HeldPeer*> by_name;
        const HeldCustomer* const held = this->customer(customer.put.settings.id);
        for (ipc::PutPeer& peer : customer.peers) {
            if (!peer.same_prefixes) continue;
            if (by_name.empty() && held != nullptr) {
                for (const HeldPeer& known : held->peers) by_name[known.config.settings.name] = &known;
            }
            const auto found = by_name.find(peer.settings.name);
            if (found == by_name.end()) {
                return invalid(fmt::format("customer {}: the prefixes of peer {} are not known",
                                           customer.put.settings.id, peer.settings.name));
            }
            peer.settings.allowed_ips = found->second->config.settings.allowed_ips;
            peer.same_prefixes = false;
        }
    }
    return {};
}

Status CustomerSet::check_customers(const Generation& generation) const {
    const auto put = put_customers(generation);
    const auto gone = taken_away(generation, generation.removed_customers, customers_, put);
    const auto listeners_put = put_listeners(generation);
    const auto listeners_gone = taken_away(generation, generation.removed_listeners, listeners_, listeners_put);
    const auto listener_stays = [&](const ipc::ListenerId& id) {
        return listeners_put.contains(id) || (listeners_.contains(id) && !listeners_gone.contains(id));
    };

    std::set<std::string> seen;
    std::map<ipc::ListenerId, std::unordered_set<PeerIdentity>> identities;
    for (const NewCustomer& customer : generation.customers) {
        const std::string& id = customer.put.settings.id;
        WARREN_TRY(check_customer(customer));
        if (!seen.insert(id).second) return invalid(fmt::format("customer {} is put twice", id));
        if (gone.contains(id)) return invalid(fmt::format("customer {} is put and removed", id));
        if (!customer.connections.empty() && !listener_stays(kIkeListener))
            return invalid(fmt::format("customer {}: no {} for its connections", id, to_string(kIkeListener)));
        for (const ipc::PutPeer& peer : customer.peers) {
            const ipc::ListenerId& listener = peer.settings.listener;
            if (static_cast<std::size_t>(listener.kind) != peer.tunnel.index())
                return invalid(fmt::format("customer {}: peer {} is not of {}'s kind", id, peer.settings.name,
                                           to_string(listener)));
            if (!listener_stays(listener)) {
                return invalid(
                    fmt::format("customer {}: no {} for peer {}", id, to_string(listener), peer.settings.name));
            }
            // The identity names the customer (decision 0001), so on one listener it has one owner.
            for (const PeerIdentity& identity : identities_of(peer)) {
                bool is_taken = !identities[listener].insert(identity).second;
                if (const auto held = listeners_.find(listener); held != listeners_.end()) {
                    const auto owner = held->second.owners.find(identity);
                    if (owner != held->second.owners.end()) {
                        const std::string& owner_id = customers_by_index_.at(owner->second)->settings.id;
                        is_taken = is_taken || (!put.contains(owner_id) && !gone.contains(owner_id));
                    }
                }
                if (is_taken)
                    return invalid(fmt::format("customer {}: peer {} has a key that is taken", id, peer.settings.name));
            }
        }
    }
    for (const ipc::ListenerId& listener : listeners_gone) {
        for (const auto& [identity, owner] : listeners_.at(listener).owners) {
            const std::string& id = customers_by_index_.at(owner)->settings.id;
            if (put.contains(id) || gone.contains(id)) continue;
            return invalid(fmt::format("{} is removed but customer {} uses it", to_string(listener), id));
        }
    }
    for (auto at = customers_.begin(); listeners_gone.contains(kIkeListener) && at != customers_.end(); ++at) {
        const auto& [id, held] = *at;
        if (held.connections.empty() || put.contains(id) || gone.contains(id)) continue;
        return invalid(fmt::format("{} is removed but customer {} uses it", to_string(kIkeListener), id));
    }
    return check_identities(generation, gone);
}

// --- changes: nothing below this line can fail ---------------------------------------------------

// Undone by the reverse. Engines and data workers know customers and listeners by their indexes.
void CustomerSet::rename(const std::vector<Rename>& renames) {
    std::vector<decltype(listeners_)::node_type> listeners;
    for (const Rename& rename : renames) {
        if (const auto held = customers_.find(rename.from); held != customers_.end()) {
            held->second.settings.id = rename.to;
            for (HeldPeer& peer : held->second.peers) {
                ipc::ListenerId& listener = peer.config.settings.listener;
                if (listener.owner == rename.from) listener.owner = rename.to;
            }
        }
        for (auto at = listeners_.lower_bound(first_of(rename.from));
             at != listeners_.end() && at->first.owner == rename.from;) {
            const auto listener = at++;
            listeners.push_back(listeners_.extract(listener));
            listeners.back().key().owner = listeners.back().mapped().id.owner = rename.to;
        }
    }
    for (auto& listener : listeners) listeners_.insert(std::move(listener));
    rename_keys(customers_, renames);
}

void CustomerSet::put_listener(NewListener&& listener, Changes& changes) {
    const auto [at, is_new] = listeners_.try_emplace(listener.put.id);
    HeldListener& held = at->second;
    if (is_new) {
        held.id = listener.put.id;
        held.index = listener_indexes_.allocate();
        listeners_by_index_[held.index] = &held;
    } else if (held.settings != listener.put.settings) {
        changes.change_listeners.push_back(held.index);
    }
    held.protocol = listener.put.protocol;
    held.settings = std::move(listener.put.settings);
    if (listener.sockets.empty()) return;
    held.port = listener.put.port;
    held.roles.clear();
    held.descriptors.clear();
    for (std::size_t i = 0; i < listener.sockets.roles.size(); ++i) {
        if (listener.sockets.roles[i].role == ipc::SocketRole::kSurplus) continue;  // it is closed soon
        held.roles.push_back(listener.sockets.roles[i]);
        held.descriptors.push_back(listener.sockets.descriptors[i].get());
    }
    changes.open_listeners.push_back({held.index, is_new, std::move(listener.sockets)});
}

void CustomerSet::put_customer(NewCustomer&& customer, Changes& changes) {
    const auto [at, is_new] = customers_.try_emplace(customer.put.settings.id);
    HeldCustomer& held = at->second;
    if (is_new) {
        held.index = customer_indexes_.allocate();
        customers_by_index_[held.index] = &held;
    }
    const bool was_served = !is_new && !held.settings.suspended;
    // Engines have it with each peer.
    const bool has_other_pace = held.settings.max_handshake_rate != customer.put.settings.max_handshake_rate;
    bool view_changed = is_new || customer.put.has_tun || held.settings != customer.put.settings;
    held.settings = std::move(customer.put.settings);
    held.put = ++puts_;
    if (is_new) held.life = held.put;
    const bool has_other_sources = held.sources != customer.put.sources;
    held.sources = std::move(customer.put.sources);
    const bool has_other_workers = spread(held, customer.put.queues, changes);
    const WhichPut which{was_served, has_other_pace || has_other_sources};
    if (replace_peers(held, std::move(customer.peers), which, changes)) view_changed = true;
    if (replace_connections(held, customer, {was_served, has_other_workers}, changes)) view_changed = true;
    if (!customer.tuns.empty()) held.tuns = numbers_of(customer.tuns);
    if (!view_changed) return;
    customer.tuns.resize(held.workers.size());
    for (std::size_t i = 0; i < held.workers.size(); ++i) {
        changes.swap_views.push_back({held.workers[i], make_view(held, i), std::move(customer.tuns[i])});
    }
}

// Over as many workers as its TUN has queues. The first stays the same.
bool CustomerSet::spread(HeldCustomer& held, std::size_t queues, Changes& changes) const {
    const std::vector<std::uint32_t> before = held.workers;
    for (std::size_t i = queues; i < held.workers.size(); ++i)
        changes.drop_customers.push_back({held.workers[i], held.index});
    held.workers.resize(queues);
    for (std::uint32_t i = 0; i < queues; ++i) held.workers[i] = (held.index.value + i) % workers_;
    return held.workers != before;
}

// Who continues which peer: who has its key, else who has one of two that either of them has. Null: it is new.
std::vector<const HeldPeer*> CustomerSet::continued_by(const std::vector<ipc::PutPeer>& peers,
                                                       const PeersBefore& before) const {
    std::vector<const HeldPeer*> out(peers.size(), nullptr);
    std::unordered_set<const HeldPeer*> taken;
    const auto find = [&](std::size_t at, const PeerIdentity& identity, bool as_its_key) {
        if (out[at] != nullptr) return;
        const auto listener = before.find(listeners_.at(peers[at].settings.listener).index);
        if (listener == before.end()) return;
        const auto found = listener->second.find(identity);
        if (found == listener->second.end()) return;
        if (as_its_key && ipc::identity_of(found->second->config.tunnel) != identity) return;
        if (taken.insert(found->second).second) out[at] = found->second;
    };
    for (std::size_t i = 0; i < peers.size(); ++i) find(i, ipc::identity_of(peers[i].tunnel), true);
    for (std::size_t i = 0; i < peers.size(); ++i) {
        for (const PeerIdentity& identity : identities_of(peers[i])) find(i, identity, false);
    }
    return out;
}

bool CustomerSet::replace_peers(HeldCustomer& held, std::vector<ipc::PutPeer>&& peers, WhichPut which,
                                Changes& changes) {
    const std::vector<HeldPeer> old = std::move(held.peers);
    held.peers.clear();
    held.peers.reserve(peers.size());  // what grows by doubling keeps half a customer's peers in reserve
    PeersBefore before;
    for (const HeldPeer& peer : old) {
        for (const PeerIdentity& identity : identities_of(peer.config)) before[peer.listener][identity] = &peer;
    }
    const std::vector<const HeldPeer*> continued = continued_by(peers, before);

    bool view_changed = false;
    const bool is_served = !held.settings.suspended;
    std::unordered_set<const HeldPeer*> stays;
    for (std::size_t i = 0; i < peers.size(); ++i) {
        ipc::PutPeer& config = peers[i];
        HeldListener& listener = listeners_.at(config.settings.listener);
        const HeldPeer* const known = continued[i];
        if (known != nullptr) stays.insert(known);
        const PeerIndex index = known != nullptr ? known->index : peer_indexes_.allocate();
        const bool put = is_served && (known == nullptr || which.all || !which.was_served || known->config != config);
        view_changed = view_changed || known == nullptr ||
                       known->config.settings.allowed_ips != config.settings.allowed_ips ||
                       known->config.settings.limits != config.settings.limits ||
                       known->config.settings.maps != config.settings.maps || known->config.queue != config.queue;
        if (!is_served && which.was_served && known != nullptr)
            changes.remove_peers.push_back({listener.index, index, held.index});
        for (const PeerIdentity& identity : identities_of(config)) {
            listener.owners[identity] = held.index;
            before[listener.index].erase(identity);
        }
        put_place(index, {held.index, static_cast<std::uint32_t>(held.peers.size())});
        held.peers.push_back({index, listener.index, std::move(config)});
        if (put) changes.put_peers.push_back({listener.index, index});
    }
    for (const HeldPeer& peer : old) {
        if (stays.contains(&peer)) continue;
        drop_peer(held, peer, changes);
        view_changed = true;
    }
    // Keys that nobody here has any more.
    for (const auto& [listener, identities] : before) {
        for (const auto& [identity, peer] : identities) forget_identity(held, listener, identity, changes);
    }
    return view_changed;
}

void CustomerSet::remove_customer(const std::string& id, Changes& changes) {
    HeldCustomer& held = customers_.at(id);
    Changes::Departed& departed = changes.departed.emplace_back(Changes::Departed{id, {}, {}});
    for (const HeldPeer& peer : held.peers) {
        for (const PeerIdentity& identity : identities_of(peer.config)) departed.identities.push_back(identity);
    }
    if (held.ipsec) departed.ipsec = canonical(held.ipsec->identity);
    for (const HeldPeer& peer : held.peers) {
        drop_peer(held, peer, changes);
        for (const PeerIdentity& identity : identities_of(peer.config))
            forget_identity(held, peer.listener, identity, changes);
    }
    for (HeldConnection& connection : held.connections) remove_connection(held, connection, changes);
    if (held.ipsec) identities_.erase(canonical(held.ipsec->identity));
    for (const std::uint32_t worker : held.workers) changes.drop_customers.push_back({worker, held.index});
    customer_indexes_.release(held.index);
    customers_by_index_.erase(held.index);
    customers_.erase(id);
}

// A peer that another customer, or another name, has taken over is the same one.
void CustomerSet::keep_owned(Changes& changes) const {
    std::erase_if(changes.forget_peers, [this](const Changes::ForgetPeer& forget) {
        const auto listener = listeners_by_index_.find(forget.listener);
        return listener != listeners_by_index_.end() && listener->second->owners.contains(forget.identity);
    });
}

void CustomerSet::reset_peer(const ipc::ResetPeer& reset, Changes& changes) {
    const HeldCustomer* held = customer(reset.customer);
    if (held == nullptr) return;
    for (const HeldPeer& peer : held->peers) {
        if (peer.config.settings.name != reset.peer) continue;
        begin_anew(*held, peer, changes);
        if (!held->settings.suspended) changes.put_peers.push_back({peer.listener, peer.index});
    }
    for (const HeldConnection& connection : held->connections) {
        if (connection.config.settings.name != reset.peer || held->settings.suspended) continue;
        changes.remove_connections.push_back({connection.listener, held->index, connection.index, connection.peers});
        changes.put_connections.push_back({connection.listener, connection.index});
    }
}

// For a suspended customer the engine has no such connection and ignores it.
void CustomerSet::operate_connection(const ipc::OperateConnection& operation, Changes& changes) const {
    const HeldCustomer* const held = customer(operation.customer);
    if (held == nullptr) return;
    for (const HeldConnection& connection : held->connections) {
        if (connection.config.settings.name == operation.connection)
            changes.operate_connections.push_back({connection.listener, connection.index, operation.action});
    }
}

// For a suspended customer the engine has no such peer and ignores it.
void CustomerSet::begin_anew(const HeldCustomer& customer, const HeldPeer& peer, Changes& changes) const {
    changes.remove_peers.push_back({peer.listener, peer.index, customer.index});
    const ipc::ListenerKind kind = listeners_by_index_.at(peer.listener)->id.kind;
    for (const PeerIdentity& identity : identities_of(peer.config))
        changes.forget_peers.push_back({peer.listener, kind, identity});
}

void CustomerSet::remove_listener(const ipc::ListenerId& id, Changes& changes) {
    const ListenerIndex index = listeners_.at(id).index;
    changes.close_listeners.push_back({index, id.kind});
    listener_indexes_.release(index);
    listeners_by_index_.erase(index);
    listeners_.erase(id);
}

void CustomerSet::drop_peer(const HeldCustomer& customer, const HeldPeer& peer, Changes& changes) {
    changes.remove_peers.push_back({peer.listener, peer.index, customer.index, true});
    peer_indexes_.release(peer.index);
    places_[peer.index.value] = {};
}

void CustomerSet::forget_identity(const HeldCustomer& customer, ListenerIndex listener, const PeerIdentity& identity,
                                  Changes& changes) {
    HeldListener& held = *listeners_by_index_.at(listener);
    changes.forget_peers.push_back({listener, held.id.kind, identity});
    // The peer may have moved to another customer of this generation already.
    const auto owner = held.owners.find(identity);
    if (owner != held.owners.end() && owner->second == customer.index) held.owners.erase(owner);
}

}  // namespace warren::vpnd
