#include "vpnd/dataplane/roster.h"

#include <algorithm>
#include <utility>

namespace warren::dataplane {

namespace {
// So that one customer cannot fill the memory with packets for absent peers, and all together neither.
constexpr std::size_t kStagedBytesPerCustomer = std::size_t{4} << 20;
constexpr std::size_t kStagedBytesInAll = std::size_t{64} << 20;
// A TCP flow that looks for its rate sends twice as much for a moment. What exceeds that is not worth decrypting.
constexpr std::uint64_t kAdmittedTimesRate = 2;
}  // namespace

void Roster::put_listener(ListenerIndex listener, const Framing& framing) {
    if (listener.value >= framings_.size()) framings_.resize(listener.value + std::size_t{1});
    framings_[listener.value] = &framing;
}

void Roster::drop_listener(ListenerIndex listener) {
    if (listener.value < framings_.size()) framings_[listener.value] = nullptr;
}

void Roster::swap_customer(std::unique_ptr<const CustomerView> view, Joining joining) {
    const CustomerIndex index = view->index;
    if (index.value >= customers_.size()) {
        customers_.resize(index.value + std::size_t{1});
        is_touched_.resize(customers_.size());
        if (touched_.capacity() < customers_.size())
            touched_.reserve(2 * customers_.size());  // packets allocate nothing
    }
    touch(index);
    if (customers_[index.value] == nullptr) customers_[index.value] = std::make_unique<Customer>();
    Customer& customer = *customers_[index.value];
    const std::unique_ptr<const CustomerView> before = std::exchange(customer.view, std::move(view));
    customer.joining = joining;
    std::vector<PeerIndex> kept = customer.view->peers;
    std::sort(kept.begin(), kept.end());
    if (before != nullptr) {
        for (const PeerIndex peer : before->peers) {
            if (!std::binary_search(kept.begin(), kept.end(), peer)) remove_peer(peer, index);
        }
    }
    for (const PeerIndex peer : kept) {
        live_peers_ -= customer.live_peers.erase(peer);
        add_peer(peer, index);
    }
    for (const auto& [peer, worker] : customer.live_peers) {
        Peer* const here = find(peer);
        if (customer.view->suspended && here != nullptr && here->customer == index) suspend(*here);
    }
    put_limits(customer, before.get());
    change_prefixes(customer, [&](LivePrefixes& prefixes) {
        prefixes.keep_if([&](PeerIndex peer) { return has_peer(customer, peer); });
    });
}

void Roster::put_limits(Customer& customer, const CustomerView* before) {
    const CustomerView& view = *customer.view;
    customer.admission.set_rate(view.rate_up * kAdmittedTimesRate);
    customer.inbound.set_rate(view.rate_up);
    customer.outbound.set_rate(view.rate_down);
    // The peers may be others though their limits are the same: another one may have an index.
    if (!view.limits.empty() || (before != nullptr && !before->limits.empty())) put_peer_limits(customer);
    if (view.suspended) shaping.drop(customer, DropReason::kCustomerSuspended);
    if (view.is_blocked) shaping.drop(customer, DropReason::kQuotaSpent);
    put_link(customer);
    put_maps(customer, before);
    customer.is_treated = customer.needs_treatment();
    shaping.arm(customer);
}

// What is on its lines stays there, until they are empty.
void Roster::put_link(Customer& customer) {
    const CustomerView& view = *customer.view;
    const bool is_link = view.emulate_up != LineSettings{} || view.emulate_down != LineSettings{};
    if (customer.link == nullptr && is_link) customer.link = std::make_unique<TestLink>(view.life);
    if (customer.link == nullptr) return;
    customer.link->up.set(view.emulate_up);
    customer.link->down.set(view.emulate_down);
}

void Roster::put_maps(Customer& customer, const CustomerView* before) {
    const auto put = [&](PeerIndex index, const std::vector<PrefixMap>* maps) {
        if (Peer* const peer = find(index); peer != nullptr && peer->customer == customer.view->index)
            peer->maps = maps;
    };
    if (before != nullptr) {
        for (const PeerMaps& one : before->maps) put(one.peer, nullptr);
    }
    for (const PeerMaps& one : customer.view->maps) put(one.peer, &one.maps);
}

// Those that stay keep what they owe and what waits.
void Roster::put_peer_limits(Customer& customer) {
    std::unordered_map<PeerIndex, std::unique_ptr<PeerRates>> before;  // by their first peer
    for (std::unique_ptr<PeerRates>& rates : customer.rates) {
        for (const PeerIndex peer : rates->peers) {
            if (Peer* const here = find(peer); here != nullptr && here->rates == rates.get()) here->rates = nullptr;
        }
        before[rates->peers.front()] = std::move(rates);
    }
    customer.rates.clear();
    for (const PeerLimit& limit : customer.view->limits) {
        auto known = before.extract(limit.peers.front());
        auto& rates = customer.rates.emplace_back(known ? std::move(known.mapped()) : std::make_unique<PeerRates>());
        rates->peers = limit.peers;
        rates->inbound.set_rate(limit.rate_up);
        rates->outbound.set_rate(limit.rate_down);
        rates->is_blocked = limit.is_blocked;
        if (limit.is_blocked) shaping.drop(customer, *rates, DropReason::kQuotaSpent);
        for (const PeerIndex peer : limit.peers) {
            if (Peer* const here = find(peer); here != nullptr && here->customer == customer.view->index)
                here->rates = rates.get();
        }
    }
    for (const auto& [peer, rates] : before) shaping.drop(customer, *rates, DropReason::kSessionExpired);
}

void Roster::drop_customer(CustomerIndex index) {
    Customer* const customer = find(index);
    if (customer == nullptr) return;
    for (const PeerIndex peer : customer->view->peers) remove_peer(peer, index);
    for (const auto& [peer, worker] : customer->live_peers) remove_peer(peer, index);
    live_peers_ -= customer->live_peers.size();
    live_prefixes_ -= customer->live_prefixes.size();
    shaping.drop(*customer, DropReason::kCustomerSuspended);
    customers_[index.value].reset();
}

Peer* Roster::find_to_change(PeerIndex index) {
    Peer* const peer = find(index);
    if (peer != nullptr) touch(peer->customer);
    return peer;
}

void Roster::take_touched(std::vector<CustomerIndex>& out) {
    out.assign(touched_.begin(), touched_.end());
    for (const CustomerIndex customer : touched_) is_touched_[customer.value] = 0;
    touched_.clear();
}

// A peer that is there already keeps what it has, but what it learnt from the old view is forgotten.
void Roster::add_peer(PeerIndex index, CustomerIndex customer_index) {
    if (index.value >= peers_.size()) peers_.resize(index.value + std::size_t{1});
    if (const Peer* const present = find(index)) {
        if (const CustomerIndex other = present->customer; other != customer_index) {
            drop_peer({other, index});
            remove_peer(index, other);
            change_prefixes(*find(other), [&](LivePrefixes& prefixes) { prefixes.drop_all(index); });
        }
    }
    if (peers_[index.value] == nullptr) {
        peers_[index.value] = std::make_unique<Peer>();
        peers_[index.value]->index = index;
        peers_[index.value]->customer = customer_index;
        peers_[index.value]->activity.peer = index;
    }
    if (find(customer_index)->view->suspended) suspend(*peers_[index.value]);
}

void Roster::suspend(Peer& peer) {
    forget_sessions(peer);
    purge_staged(peer);
}

bool Roster::has_peer(const Customer& customer, PeerIndex index) const {
    const Peer* const peer = find(index);
    return (peer != nullptr && peer->customer == customer.view->index) || customer.worker_of(index).has_value();
}

void Roster::put_peer(const PutPeer& command, bool is_here) {
    Customer* const customer = find(command.customer);
    if (customer == nullptr || has_peer(*customer, command.peer)) return;
    if (customer->live_peers.size() >= kLivePeersPerCustomer || live_peers_ >= kLivePeers) return;
    ++live_peers_;
    customer->live_peers.emplace(command.peer, command.worker);
    touch(command.customer);
    if (is_here) add_peer(command.peer, command.customer);
}

void Roster::drop_peer(const DropPeer& command) {
    Customer* const customer = find(command.customer);
    if (customer == nullptr || customer->live_peers.erase(command.peer) == 0) return;
    --live_peers_;
    touch(command.customer);
    change_prefixes(*customer, [&](LivePrefixes& prefixes) { prefixes.drop_all(command.peer); });
    remove_peer(command.peer, command.customer);
}

template <typename Change>
void Roster::change_prefixes(Customer& customer, const Change& change) {
    const std::size_t before = customer.live_prefixes.size();
    change(customer.live_prefixes);
    live_prefixes_ = live_prefixes_ - before + customer.live_prefixes.size();
    ++customer.prefixes_version;
}

void Roster::put_prefix(const PutPrefix& command) {
    Customer* const customer = find(command.customer);
    // A prefix never leads to another customer's peer.
    if (customer == nullptr || !has_peer(*customer, command.peer)) return;
    if (customer->live_prefixes.size() >= kLivePrefixesPerCustomer || live_prefixes_ >= kLivePrefixes) return;
    change_prefixes(*customer, [&](LivePrefixes& prefixes) { (void)prefixes.put(command.prefix, command.peer); });
}

void Roster::drop_prefix(const DropPrefix& command) {
    Customer* const customer = find(command.customer);
    if (customer == nullptr) return;
    change_prefixes(*customer, [&](LivePrefixes& prefixes) { prefixes.drop(command.prefix, command.peer); });
}

// Unless it is another customer's by now.
void Roster::remove_peer(PeerIndex index, CustomerIndex customer) {
    Peer* const peer = find(index);
    if (peer == nullptr || peer->customer != customer) return;
    forget_sessions(*peer);
    purge_staged(*peer);
    peers_[index.value].reset();
}

void Roster::forget_sessions(Peer& peer) {
    peer.flow = {};
    peer.more_flows.clear();
    peer.has_selectors = false;
    if (peer.sessions.empty()) return;
    stop_keeping(peer);
    for (const SessionId session : peer.sessions) sessions_.erase(session);
    aead_.forget_keys();
    peer.sessions.clear();
}

std::optional<std::uint32_t> Roster::worker_of(SessionId session) const {
    const auto found = routes_.find(session);
    if (found == routes_.end()) return std::nullopt;
    return found->second;
}

void Roster::stop_keeping(const Peer& peer) {
    for (const SessionId id : peer.sessions) {
        if (Session* const session = sessions_.find(id)) session->stop_keeping();
    }
}

void Roster::keep_windows() {
    sessions_.for_each([](Session& session) { session.keep_window(); });
}

Session* Roster::install(Peer& peer, InstallSession&& command) {
    const Framing* framing = framing_of(command.listener);
    if (framing != nullptr && framing->form_of != nullptr) framing = framing->form_of(command);
    if (framing == nullptr || command.flow >= kFlowsPerPeer) return nullptr;
    retire(command.local_id);
    peer.has_selectors = peer.has_selectors || !command.selectors.empty();
    peer.pinned = peer.pinned || command.pinned;
    aead_.prepare(command.send_key);
    aead_.prepare(command.receive_key);
    Session& session = sessions_.insert(std::make_unique<Session>(std::move(command), *framing));
    peer.sessions.push_back(session.local_id);
    return &session;
}

void Roster::retire(SessionId id) {
    routes_.erase(id);
    Session* const session = sessions_.find(id);
    if (session == nullptr) return;
    session->stop_keeping();
    if (Peer* const peer = find(session->peer)) {
        peer->for_each_flow([&](Flow& flow) {
            if (flow.sending == session) flow.sending = nullptr;
            if (flow.unconfirmed == session) flow.unconfirmed = nullptr;
        });
        std::erase(peer->sessions, id);
        if (session->has_selectors)
            peer->has_selectors = std::any_of(peer->sessions.begin(), peer->sessions.end(),
                                              [&](SessionId other) { return sessions_.find(other)->has_selectors; });
    }
    sessions_.erase(id);
    aead_.forget_keys();
}

bool Roster::has_room_to_stage(const Customer& customer, std::size_t size) const {
    return customer.staged_bytes + size <= kStagedBytesPerCustomer && staged_bytes_ + size <= kStagedBytesInAll;
}

void Roster::add_staged(Customer& customer, std::size_t size) {
    staged_bytes_ += size;
    customer.staged_bytes += size;
}

void Roster::remove_staged(Customer& customer, std::size_t size) {
    staged_bytes_ -= size;
    customer.staged_bytes -= size;
}

void Roster::purge_staged(Peer& peer, DropReason reason) {
    if (peer.staged == nullptr) return;
    Customer& customer = customer_of(peer);
    customer.drops.add(reason, peer.staged->size());
    while (const auto packet = peer.staged->pop()) remove_staged(customer, packet->size());
    remove_staged(customer, kStagedQueueBytes);
    peer.staged.reset();
}

}  // namespace warren::dataplane
