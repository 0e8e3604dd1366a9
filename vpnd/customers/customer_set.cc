#include "vpnd/customers/customer_set.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>
#include <utility>

#include "crypto/x25519.h"

namespace warren::vpnd {

namespace {

constexpr std::uint16_t kMinMtu = 576;                 // RFC 791: every host takes 576 octets
constexpr std::size_t kMaxPeersPerCustomer = 1 << 16;  // wireguard-go's limit of a device

Status invalid(std::string what) {
    return fail(ErrorCode::kInvalid, std::move(what));
}

template <typename T>
bool contains(const std::unordered_set<T>& set, const T& value) {
    return set.find(value) != set.end();
}

std::unordered_set<std::string> put_listeners(const Generation& generation) {
    std::unordered_set<std::string> out;
    for (const NewListener& listener : generation.listeners) out.insert(listener.put.id);
    return out;
}
std::unordered_set<std::string> put_customers(const Generation& generation) {
    std::unordered_set<std::string> out;
    for (const NewCustomer& customer : generation.customers) out.insert(customer.put.id);
    return out;
}

// Those a generation takes away: the named ones, and in a full one everything that is not put.
template <typename Held>
std::unordered_set<std::string> taken_away(const Generation& generation, const std::vector<std::string>& named,
                                           const Held& held, const std::unordered_set<std::string>& put) {
    std::unordered_set<std::string> out;
    for (const std::string& id : named) {
        if (held.find(id) != held.end()) out.insert(id);
    }
    if (!generation.full) return out;
    for (const auto& [id, value] : held) {
        if (!contains(put, id)) out.insert(id);
    }
    return out;
}

bool same_settings(const ipc::PutPeer& a, const ipc::PutPeer& b) {
    return a.preshared_key.secret.equals(b.preshared_key.secret) && a.endpoint == b.endpoint &&
           a.persistent_keepalive_seconds == b.persistent_keepalive_seconds && a.queue == b.queue;
}

// Nothing changed that make_view() takes from here, but for the peers.
bool same_view(const ipc::PutCustomer& a, const ipc::PutCustomer& b) {
    return a.suspended == b.suspended && a.mtu == b.mtu && a.addresses == b.addresses && a.rate_up == b.rate_up &&
           a.rate_down == b.rate_down && a.share == b.share;
}

Status check_peers(const NewCustomer& customer) {
    if (customer.peers.size() > kMaxPeersPerCustomer)
        return invalid(fmt::format("customer {}: too many peers", customer.put.id));
    std::vector<Prefix> prefixes;
    for (const ipc::PutPeer& peer : customer.peers) {
        for (const Prefix& prefix : peer.allowed_ips) prefixes.push_back(prefix.network());
    }
    std::sort(prefixes.begin(), prefixes.end());
    const auto twice = std::adjacent_find(prefixes.begin(), prefixes.end());
    if (twice == prefixes.end()) return {};
    return invalid(fmt::format("customer {}: {} is allowed twice", customer.put.id, to_string(*twice)));
}

// As the worker of this queue sees it.
std::unique_ptr<const dataplane::CustomerView> make_view(const HeldCustomer& customer, std::size_t queue) {
    auto view = std::make_unique<dataplane::CustomerView>();
    view->index = customer.index;
    view->life = customer.life;
    view->id = customer.config.id;
    view->suspended = customer.config.suspended;
    view->mtu = customer.config.mtu;
    view->addresses = customer.config.addresses;
    view->rate_up = customer.config.rate_up;
    view->rate_down = customer.config.rate_down;
    view->share = customer.config.share;
    if (customer.config.suspended) return view;

    std::vector<Lpm<PeerIndex>::Entry> entries;
    if (customer.workers.size() == 1) view->peers.reserve(customer.peers.size());
    for (const HeldPeer& peer : customer.peers) {
        if (peer.config.queue == queue) {
            view->peers.push_back(peer.index);
        } else {
            view->elsewhere[peer.index] = customer.workers[peer.config.queue];
        }
        for (const Prefix& prefix : peer.config.allowed_ips) entries.push_back({prefix, peer.index});
    }
    view->allowed_ips = Lpm<PeerIndex>(std::move(entries));
    return view;
}

Changes::PutPeer make_put(const HeldCustomer& customer, const HeldPeer& peer) {
    wireguard::PeerConfig config;
    config.index = peer.index;
    config.customer = customer.index;
    config.worker = customer.workers[peer.config.queue];
    config.public_key = peer.config.public_key;
    config.preshared_key = peer.config.preshared_key.clone();
    config.endpoint = peer.config.endpoint;
    config.persistent_keepalive_seconds = peer.config.persistent_keepalive_seconds;
    return {customer.listener, std::move(config)};
}

std::vector<int> numbers_of(const std::vector<UniqueFd>& descriptors) {
    std::vector<int> out;
    for (const UniqueFd& fd : descriptors) out.push_back(fd.get());
    return out;
}

std::vector<int> numbers_of(const ListenerSockets& sockets) {
    std::vector<int> out{sockets.handshake_v4.get()};
    for (const UniqueFd& fd : sockets.data_v4) out.push_back(fd.get());
    if (sockets.handshake_v6.valid()) out.push_back(sockets.handshake_v6.get());
    for (const UniqueFd& fd : sockets.data_v6) out.push_back(fd.get());
    out.push_back(sockets.uapi.get());
    return out;
}

}  // namespace

bool Changes::empty() const {
    return open_listeners.empty() && change_keys.empty() && remove_peers.empty() && swap_views.empty() &&
           put_peers.empty() && drop_customers.empty() && close_listeners.empty();
}

Result<Changes> CustomerSet::apply(Generation&& generation) {
    WARREN_TRY(check_listeners(generation));
    WARREN_TRY(check_customers(generation));

    Changes changes;
    const auto gone_customers =
        taken_away(generation, generation.removed_customers, customers_, put_customers(generation));
    const auto gone_listeners =
        taken_away(generation, generation.removed_listeners, listeners_, put_listeners(generation));
    for (NewListener& listener : generation.listeners) put_listener(std::move(listener), changes);
    for (const std::string& id : gone_customers) remove_customer(id, changes);
    for (NewCustomer& customer : generation.customers) put_customer(std::move(customer), changes);
    for (const std::string& id : gone_listeners) remove_listener(id, changes);
    generation_ = generation.number;
    return changes;
}

void CustomerSet::settle() {
    listener_indexes_.settle();
    customer_indexes_.settle();
    peer_indexes_.settle();
}

const HeldCustomer* CustomerSet::customer(const std::string& id) const {
    const auto found = customers_.find(id);
    return found == customers_.end() ? nullptr : &found->second;
}

const HeldListener* CustomerSet::listener(ListenerIndex index) const {
    const auto found = listeners_by_index_.find(index);
    return found == listeners_by_index_.end() ? nullptr : found->second;
}

CustomerSet::PeerRef CustomerSet::find(PeerIndex index) const {
    if (index.value >= places_.size()) return {};
    const Place place = places_[index.value];
    const auto found = customers_by_index_.find(place.customer);
    if (found == customers_by_index_.end()) return {};
    const HeldCustomer& customer = *found->second;
    if (place.position >= customer.peers.size() || customer.peers[place.position].index != index) return {};
    return {&customer, &customer.peers[place.position]};
}

// --- checks: nothing down to the next line changes anything --------------------------------------

Status CustomerSet::check_listeners(const Generation& generation) const {
    std::unordered_set<std::string> put;
    for (const NewListener& listener : generation.listeners) {
        const std::string& id = listener.put.id;
        if (!put.insert(id).second) return invalid(fmt::format("listener '{}' is put twice", id));
        if (listener.put.port == 0) return invalid(fmt::format("listener '{}' has no port", id));
        if (listener.put.private_key.secret.is_zero())
            return invalid(fmt::format("listener '{}' has no private key", id));
        const auto held = listeners_.find(id);
        const bool keeps_sockets = held != listeners_.end() && held->second.port == listener.put.port;
        if (!listener.put.has_sockets && !keeps_sockets)
            return invalid(fmt::format("listener '{}' comes without sockets", id));
    }
    for (const std::string& id : generation.removed_listeners) {
        if (contains(put, id)) return invalid(fmt::format("listener '{}' is put and removed", id));
    }
    return {};
}

Status CustomerSet::check_customers(const Generation& generation) const {
    const auto put = put_customers(generation);
    const auto gone = taken_away(generation, generation.removed_customers, customers_, put);
    const auto listeners_put = put_listeners(generation);
    const auto listeners_gone = taken_away(generation, generation.removed_listeners, listeners_, listeners_put);
    const auto listener_stays = [&](const std::string& id) {
        return contains(listeners_put, id) ||
               (listeners_.find(id) != listeners_.end() && !contains(listeners_gone, id));
    };

    std::unordered_set<std::string> seen;
    std::unordered_map<std::string, std::unordered_set<crypto::PublicKey>> keys;  // by listener
    for (const NewCustomer& customer : generation.customers) {
        const ipc::PutCustomer& config = customer.put;
        if (config.id.empty()) return invalid("a customer has no id");
        if (!seen.insert(config.id).second) return invalid(fmt::format("customer {} is put twice", config.id));
        if (contains(gone, config.id)) return invalid(fmt::format("customer {} is put and removed", config.id));
        if (config.share == 0) return invalid(fmt::format("customer {}: a share of 0", config.id));
        if (config.mtu < kMinMtu)
            return invalid(fmt::format("customer {}: mtu {} is below {}", config.id, config.mtu, kMinMtu));
        if (!config.has_tun && customers_.find(config.id) == customers_.end()) {
            return invalid(fmt::format("customer {} comes without its tun", config.id));
        }
        const auto held = customers_.find(config.id);
        if (held != customers_.end() && !config.has_tun && held->second.tuns.size() != config.queues) {
            return invalid(fmt::format("customer {}: {} queues come without their tun", config.id, config.queues));
        }
        if (!listener_stays(config.listener))
            return invalid(fmt::format("customer {}: no listener '{}'", config.id, config.listener));
        WARREN_TRY(check_peers(customer));

        const auto held_listener = listeners_.find(config.listener);
        for (const ipc::PutPeer& peer : customer.peers) {
            // The key names the customer (decision 0001), so on one listener it has one owner.
            bool is_taken = !keys[config.listener].insert(peer.public_key).second;
            if (held_listener != listeners_.end()) {
                const auto owner = held_listener->second.owners.find(peer.public_key);
                if (owner != held_listener->second.owners.end()) {
                    const std::string& owner_id = customers_by_index_.at(owner->second)->config.id;
                    is_taken = is_taken || (!contains(put, owner_id) && !contains(gone, owner_id));
                }
            }
            if (is_taken)
                return invalid(fmt::format("customer {}: peer {} has a key that is taken", config.id, peer.name));
        }
    }
    for (const auto& [id, customer] : customers_) {
        if (contains(put, id) || contains(gone, id) || listener_stays(customer.config.listener)) continue;
        return invalid(fmt::format("listener '{}' is removed but customer {} uses it", customer.config.listener, id));
    }
    return {};
}

// --- changes: nothing below this line can fail ---------------------------------------------------

void CustomerSet::put_listener(NewListener&& listener, Changes& changes) {
    const auto [at, is_new] = listeners_.try_emplace(listener.put.id);
    HeldListener& held = at->second;
    if (is_new) {
        held.id = listener.put.id;
        held.index = held.id.empty() ? ListenerIndex{0} : listener_indexes_.allocate();
        listeners_by_index_[held.index] = &held;
    } else if (!held.private_key.secret.equals(listener.put.private_key.secret)) {
        changes.change_keys.push_back({held.index, listener.put.private_key.clone()});
    }
    held.private_key = std::move(listener.put.private_key);
    held.public_key = crypto::public_key_of(held.private_key);
    if (!listener.put.has_sockets) return;
    held.port = listener.put.port;
    held.has_v6 = listener.put.has_v6;
    held.descriptors = numbers_of(listener.sockets);
    changes.open_listeners.push_back({held.index, is_new, held.private_key.clone(), std::move(listener.sockets)});
}

void CustomerSet::put_customer(NewCustomer&& customer, Changes& changes) {
    const auto [at, is_new] = customers_.try_emplace(customer.put.id);
    HeldCustomer& held = at->second;
    const ListenerIndex listener = listeners_.at(customer.put.listener).index;
    if (is_new) {
        held.index = customer_indexes_.allocate();
        held.listener = listener;
        customers_by_index_[held.index] = &held;
    }
    const bool was_served = !is_new && !held.config.suspended;
    bool view_changed =
        is_new || customer.put.has_tun || held.listener != listener || !same_view(held.config, customer.put);
    if (held.listener != listener) {
        // Another port, another server key: to a peer that is another tunnel.
        for (const HeldPeer& peer : held.peers) forget_peer(held, peer, changes);
        held.peers.clear();
        held.listener = listener;
    }
    held.config = std::move(customer.put);
    held.put = ++puts_;
    if (is_new) held.life = held.put;
    spread(held, changes);
    if (replace_peers(held, std::move(customer.peers), was_served, changes)) view_changed = true;
    if (!customer.tuns.empty()) held.tuns = numbers_of(customer.tuns);
    if (!view_changed) return;
    customer.tuns.resize(held.workers.size());
    for (std::size_t i = 0; i < held.workers.size(); ++i) {
        changes.swap_views.push_back({held.workers[i], make_view(held, i), std::move(customer.tuns[i])});
    }
}

// Over as many workers as its TUN has queues. The first stays the same.
void CustomerSet::spread(HeldCustomer& held, Changes& changes) const {
    for (std::size_t i = held.config.queues; i < held.workers.size(); ++i)
        changes.drop_customers.push_back({held.workers[i], held.index});
    held.workers.resize(held.config.queues);
    for (std::uint32_t i = 0; i < held.config.queues; ++i) held.workers[i] = (held.index.value + i) % workers_;
}

bool CustomerSet::replace_peers(HeldCustomer& held, std::vector<ipc::PutPeer>&& peers, bool was_served,
                                Changes& changes) {
    const std::vector<HeldPeer> old = std::move(held.peers);
    held.peers.clear();
    held.peers.reserve(peers.size());  // what grows by doubling keeps half a customer's peers in reserve
    std::unordered_map<crypto::PublicKey, const HeldPeer*> before;
    for (const HeldPeer& peer : old) before[peer.config.public_key] = &peer;

    bool view_changed = false;
    const bool is_served = !held.config.suspended;
    auto& owners = owners_of(held.listener);
    for (ipc::PutPeer& config : peers) {
        const auto found = before.find(config.public_key);
        const HeldPeer* known = found == before.end() ? nullptr : found->second;
        if (known != nullptr) before.erase(found);
        const PeerIndex index = known != nullptr ? known->index : peer_indexes_.allocate();
        const bool put = is_served && (known == nullptr || !was_served || !same_settings(known->config, config));
        view_changed = view_changed || known == nullptr || known->config.allowed_ips != config.allowed_ips ||
                       known->config.queue != config.queue;
        if (!is_served && was_served && known != nullptr) changes.remove_peers.push_back({held.listener, index});
        owners[config.public_key] = held.index;
        if (places_.size() <= index.value) places_.resize(index.value + 1);
        places_[index.value] = {held.index, static_cast<std::uint32_t>(held.peers.size())};
        held.peers.push_back({index, std::move(config)});
        if (put) changes.put_peers.push_back(make_put(held, held.peers.back()));
    }
    for (const auto& [key, peer] : before) {
        forget_peer(held, *peer, changes);
        view_changed = true;
    }
    return view_changed;
}

void CustomerSet::remove_customer(const std::string& id, Changes& changes) {
    HeldCustomer& held = customers_.at(id);
    for (const HeldPeer& peer : held.peers) forget_peer(held, peer, changes);
    for (const std::uint32_t worker : held.workers) changes.drop_customers.push_back({worker, held.index});
    customer_indexes_.release(held.index);
    customers_by_index_.erase(held.index);
    customers_.erase(id);
}

void CustomerSet::remove_listener(const std::string& id, Changes& changes) {
    const ListenerIndex index = listeners_.at(id).index;
    changes.close_listeners.push_back(index);
    if (index != ListenerIndex{0}) listener_indexes_.release(index);
    listeners_by_index_.erase(index);
    listeners_.erase(id);
}

void CustomerSet::forget_peer(const HeldCustomer& customer, const HeldPeer& peer, Changes& changes) {
    // For a suspended customer the engine has no such peer and ignores it.
    changes.remove_peers.push_back({customer.listener, peer.index});
    peer_indexes_.release(peer.index);
    places_[peer.index.value] = {};
    auto& owners = owners_of(customer.listener);
    // The key may have moved to another customer of this generation already.
    const auto owner = owners.find(peer.config.public_key);
    if (owner != owners.end() && owner->second == customer.index) owners.erase(owner);
}

std::unordered_map<crypto::PublicKey, CustomerIndex>& CustomerSet::owners_of(ListenerIndex index) {
    return listeners_by_index_.at(index)->owners;
}

}  // namespace warren::vpnd
