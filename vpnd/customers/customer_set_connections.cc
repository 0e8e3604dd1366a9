// Connections of IKE in the customer set: which are the same as before, and which peers each has.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "vpnd/customers/customer_set.h"

namespace warren::vpnd {

namespace {

bool same_routes(const HeldConnection& one, const HeldConnection& other) {
    std::vector<Lpm<PeerIndex>::Entry> mine;
    std::vector<Lpm<PeerIndex>::Entry> theirs;
    append_routes(one, mine);
    append_routes(other, theirs);
    return std::equal(mine.begin(), mine.end(), theirs.begin(), theirs.end(),
                      [](const auto& a, const auto& b) { return a.prefix == b.prefix && a.value == b.value; });
}

// Which peers a session has: the name of the first child of each.
std::vector<std::string_view> peer_names(const HeldConnection& connection) {
    std::vector<std::string_view> out;
    for (std::size_t i = 0; i < connection.places.size(); ++i) {
        if (connection.places[i].peer == out.size()) out.emplace_back(connection.config.settings.children[i].name);
    }
    return out;
}

}  // namespace

CustomerSet::ConnectionRef CustomerSet::find(ConnectionIndex index) const {
    if (index.value >= connection_places_.size()) return {};
    const Place place = connection_places_[index.value];
    const auto found = customers_by_index_.find(place.customer);
    if (found == customers_by_index_.end()) return {};
    const HeldCustomer& customer = *found->second;
    const bool is_there =
        place.position < customer.connections.size() && customer.connections[place.position].index == index;
    return is_there ? ConnectionRef{&customer, &customer.connections[place.position]} : ConnectionRef{};
}

CustomerSet::ConnectionRef CustomerSet::connection_of(PeerIndex peer) const {
    if (peer.value >= places_.size() || !places_[peer.value].of_connection) return {};
    const Place place = places_[peer.value];
    const auto found = customers_by_index_.find(place.customer);
    if (found == customers_by_index_.end() || place.position >= found->second->connections.size()) return {};
    return {found->second, &found->second->connections[place.position]};
}

Status CustomerSet::check_identities(const Generation& generation, const std::set<std::string>& gone) const {
    std::set<std::string> put;
    for (const NewCustomer& customer : generation.customers) put.insert(customer.put.settings.id);
    std::set<IkeIdentity> seen;
    for (const NewCustomer& customer : generation.customers) {
        if (!customer.put.ipsec) continue;
        const IkeIdentity identity = canonical(customer.put.ipsec->identity);
        bool is_taken = !seen.insert(identity).second;
        if (const auto held = identities_.find(identity); held != identities_.end()) {
            const std::string& owner = customers_by_index_.at(held->second)->settings.id;
            is_taken = is_taken || (!put.contains(owner) && !gone.contains(owner));
        }
        if (is_taken)
            return fail(ErrorCode::kInvalid,
                        fmt::format("customer {}: its identity is another customer's", customer.put.settings.id));
    }
    return {};
}

// --- changes: nothing below this line can fail ---------------------------------------------------

void CustomerSet::put_place(PeerIndex peer, Place place) {
    if (places_.size() <= peer.value) places_.resize(peer.value + std::size_t{1});
    places_[peer.value] = place;
}

bool CustomerSet::replace_connections(HeldCustomer& held, NewCustomer& customer, Before was, Changes& changes) {
    const bool was_served = was.was_served;
    const bool same_customer = held.ipsec == customer.put.ipsec;
    // An identity that passed to another customer of this generation is that one's by now.
    if (held.ipsec) {
        const auto owner = identities_.find(canonical(held.ipsec->identity));
        if (owner != identities_.end() && owner->second == held.index) identities_.erase(owner);
    }
    held.ipsec = std::move(customer.put.ipsec);
    if (held.ipsec) identities_[canonical(held.ipsec->identity)] = held.index;

    std::vector<HeldConnection> old = std::exchange(held.connections, {});
    std::unordered_map<std::string_view, HeldConnection*> before;
    for (HeldConnection& connection : old) before[connection.config.settings.name] = &connection;
    held.connections.reserve(customer.connections.size());
    const bool is_served = !held.settings.suspended;
    bool view_changed = false;
    for (ipc::PutConnection& config : customer.connections) {
        const auto found = before.find(config.settings.name);
        HeldConnection* const known = found == before.end() ? nullptr : found->second;
        HeldConnection next;
        next.index = known != nullptr ? known->index : connection_indexes_.allocate();
        next.listener = listeners_.at(kIkeListener).index;
        next.config = std::move(config);
        next.places = places_of(next.config.settings.children);
        // Rates and quotas are the data plane's: its sessions need not begin anew for them.
        const bool has_other_limits =
            known != nullptr &&
            std::exchange(known->config.settings.limits, next.config.settings.limits) != next.config.settings.limits;
        const bool is_same = known != nullptr && known->config == next.config && known->listener == next.listener;
        // What leads to its sessions is told to each worker of the customer.
        const bool is_known_everywhere = !was.had_other_workers || next.has_fixed_routes();
        const bool put = is_served && (!is_same || !same_customer || !was_served || !is_known_everywhere);
        if (!is_served && was_served && known != nullptr)
            changes.remove_connections.push_back({known->listener, held.index, known->index, known->peers});
        const bool moved = known == nullptr || known->config.queue != next.config.queue;
        const bool other_peers = assign_peers(held.index, next, known, changes);
        view_changed = view_changed || moved || other_peers || has_other_limits || !same_routes(next, *known);
        const Place place{held.index, static_cast<std::uint32_t>(held.connections.size()), true};
        for (const PeerIndex peer : next.peers) put_place(peer, place);
        if (connection_places_.size() <= next.index.value) connection_places_.resize(next.index.value + std::size_t{1});
        connection_places_[next.index.value] = place;
        if (put) changes.put_connections.push_back({next.listener, next.index});
        held.connections.push_back(std::move(next));
        if (known != nullptr) before.erase(found);
    }
    for (const auto& [name, gone] : before) {
        remove_connection(held, *gone, changes);
        view_changed = true;
    }
    return view_changed;
}

// A child keeps its peer while the connection has one of its name, so that others can come and go beside it.
bool CustomerSet::assign_peers(CustomerIndex customer, HeldConnection& connection, HeldConnection* known,
                               Changes& changes) {
    const std::vector<std::string_view> names = peer_names(connection);
    std::map<std::pair<std::string_view, std::size_t>, PeerIndex> free;  // by name and session
    if (known != nullptr) {
        const std::vector<std::string_view> had = peer_names(*known);
        for (std::size_t i = 0; i < known->peers.size(); ++i)
            free[{had[i % had.size()], i / had.size()}] = known->peers[i];
    }
    bool changed = known == nullptr;
    for (std::size_t session = 0; session < connection.sessions(); ++session) {
        for (const std::string_view name : names) {
            const auto found = free.find({name, session});
            changed = changed || found == free.end();
            connection.peers.push_back(found == free.end() ? peer_indexes_.allocate() : found->second);
            if (found != free.end()) free.erase(found);
        }
    }
    for (const auto& [key, peer] : free) {
        peer_indexes_.release(peer);
        places_[peer.value] = {};
        changes.release_peers.push_back({customer, peer});
        changed = true;
    }
    return changed;
}

void CustomerSet::release_peers(HeldConnection& connection) {
    for (const PeerIndex peer : connection.peers) {
        peer_indexes_.release(peer);
        places_[peer.value] = {};
    }
}

void CustomerSet::remove_connection(const HeldCustomer& customer, HeldConnection& connection, Changes& changes) {
    release_peers(connection);
    connection_indexes_.release(connection.index);
    connection_places_[connection.index.value] = {};
    changes.remove_connections.push_back(
        {connection.listener, customer.index, connection.index, std::move(connection.peers), true});
}

}  // namespace warren::vpnd
