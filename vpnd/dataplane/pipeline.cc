#include "vpnd/dataplane/pipeline.h"

#include <algorithm>

namespace warren::dataplane {

namespace {

constexpr Duration kNeedInterval = std::chrono::seconds(1);  // install.h: NeedSession at most once a second per peer
// Reports leave a little before kActivityInterval, so that they are in time when the rim wakes a little late.
constexpr Duration kReportDelay = kActivityInterval * 8 / 10;

constexpr Duration kRetryDelay = std::chrono::milliseconds(5);

}  // namespace

Pipeline::Pipeline(crypto::PacketAead& aead, Place place) : aead_(aead), place_(place), egress_(aead) {}

Customer* Pipeline::find(CustomerIndex customer) const {
    return customer.value < customers_.size() ? customers_[customer.value].get() : nullptr;
}

Peer* Pipeline::find(PeerIndex peer) const {
    return peer.value < peers_.size() ? peers_[peer.value].get() : nullptr;
}

void Pipeline::swap_customer(std::unique_ptr<const CustomerView> view, bool takes_udp_segments) {
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
    customer.takes_udp_segments = takes_udp_segments;
    customer.up.set_rate(customer.view->rate_up);
    customer.down.set_rate(customer.view->rate_down);

    std::vector<PeerIndex> kept = customer.view->peers;
    std::sort(kept.begin(), kept.end());
    if (before != nullptr) {
        for (const PeerIndex peer : before->peers) {
            if (!std::binary_search(kept.begin(), kept.end(), peer)) remove_peer(peer, index);
        }
    }
    for (const PeerIndex peer : kept) add_peer(peer, index);
}

void Pipeline::drop_customer(CustomerIndex index) {
    const Customer* customer = find(index);
    if (customer == nullptr) return;
    for (const PeerIndex peer : customer->view->peers) remove_peer(peer, index);
    customers_[index.value].reset();
}

void Pipeline::touch(CustomerIndex customer) {
    if (std::exchange(is_touched_[customer.value], 1) == 0) touched_.push_back(customer);
}

Peer* Pipeline::find_to_change(PeerIndex index) {
    Peer* const peer = find(index);
    if (peer != nullptr) touch(peer->customer);
    return peer;
}

void Pipeline::take_touched(std::vector<CustomerIndex>& out) {
    out.assign(touched_.begin(), touched_.end());
    for (const CustomerIndex customer : touched_) is_touched_[customer.value] = 0;
    touched_.clear();
}

// A peer that is there already keeps what it has, but what it learnt from the old view is forgotten.
void Pipeline::add_peer(PeerIndex index, CustomerIndex customer_index) {
    if (index.value >= peers_.size()) peers_.resize(index.value + std::size_t{1});
    if (const Peer* const present = find(index)) {
        if (present->customer != customer_index) remove_peer(index, present->customer);
    }
    if (peers_[index.value] == nullptr) {
        peers_[index.value] = std::make_unique<Peer>();
        peers_[index.value]->index = index;
        peers_[index.value]->customer = customer_index;
        peers_[index.value]->activity.peer = index;
    }
    Peer& peer = *peers_[index.value];
    peer.has_last_source = false;
    if (find(customer_index)->view->suspended) {
        forget_sessions(peer);
        purge_staged(peer);
    }
}

// Unless he is another customer's by now.
void Pipeline::remove_peer(PeerIndex index, CustomerIndex customer) {
    Peer* const peer = find(index);
    if (peer == nullptr || peer->customer != customer) return;
    forget_sessions(*peer);
    purge_staged(*peer);
    // tick() passes over it in dirty_peers_: taking thousands out of the list one by one would hold everybody up.
    peers_[index.value].reset();
}

void Pipeline::forget_sessions(Peer& peer) {
    peer.sending = nullptr;
    peer.unconfirmed = nullptr;
    if (peer.sessions.empty()) return;
    for (const SessionId session : peer.sessions) sessions_.erase(session);
    aead_.forget_keys();
    peer.sessions.clear();
}

void Pipeline::purge_staged(Peer& peer) {
    if (peer.staged == nullptr) return;
    Customer& customer = *find(peer.customer);
    customer.drops.add(DropReason::kStagedPurged, peer.staged->size());
    while (const auto packet = peer.staged->pop()) {
        staged_bytes_ -= packet->size();
        customer.staged_bytes -= packet->size();
    }
    staged_bytes_ -= kStagedQueueBytes;
    customer.staged_bytes -= kStagedQueueBytes;
    peer.staged.reset();
}

void Pipeline::apply(Instant now, Command command, Output& out) {
    if (auto* const installed = std::get_if<InstallSession>(&command)) {
        install(now, std::move(*installed), out);
    } else if (const auto* const retired = std::get_if<RetireSession>(&command)) {
        retire(retired->local_id);
    } else if (const auto* const stopped = std::get_if<StopSending>(&command)) {
        if (Peer* peer = find_to_change(stopped->peer)) peer->sending = peer->unconfirmed = nullptr;
    } else if (const auto* const endpoint = std::get_if<SetEndpoint>(&command)) {
        if (Peer* peer = find_to_change(endpoint->peer)) peer->move_to(endpoint->remote, endpoint->local);
    } else if (const auto* const cleared = std::get_if<ClearLocalAddress>(&command)) {
        if (Peer* peer = find_to_change(cleared->peer)) peer->local = {};
    } else if (const auto* const keepalive = std::get_if<SendKeepalive>(&command)) {
        send_keepalive(now, *keepalive, out);
    } else if (const auto* const purge = std::get_if<PurgeStaged>(&command)) {
        if (Peer* peer = find_to_change(purge->peer)) purge_staged(*peer);
    }
    egress_.seal(out);
}

void Pipeline::install(Instant now, InstallSession&& command, Output& out) {
    Peer* const peer = find_to_change(command.peer);
    if (peer == nullptr) return;
    Customer& customer = *find(peer->customer);
    if (customer.view->suspended) return;
    retire(command.local_id);
    const bool confirmed = command.confirmed;
    Session& session = sessions_.insert(std::make_unique<Session>(std::move(command)));
    peer->sessions.push_back(session.local_id);
    if (!confirmed) {
        peer->unconfirmed = &session;
        return;
    }
    peer->sending = &session;
    peer->unconfirmed = nullptr;  // an older one may still be received on, but never becomes the sending one
    if (!peer->has_endpoint) return;
    if (peer->staged != nullptr) {
        flush_staged(now, *peer, customer, out);
    } else {
        send_empty(now, *peer, customer, out);
    }
}

void Pipeline::retire(SessionId index) {
    const Session* const session = sessions_.find(index);
    if (session == nullptr) return;
    if (Peer* const peer = find(session->peer)) {
        if (peer->sending == session) peer->sending = nullptr;
        if (peer->unconfirmed == session) peer->unconfirmed = nullptr;
        std::erase(peer->sessions, index);
    }
    sessions_.erase(index);
    aead_.forget_keys();
}

void Pipeline::send_keepalive(Instant now, const SendKeepalive& command, Output& out) {
    Peer* const peer = find_to_change(command.peer);
    if (peer == nullptr || peer->sending == nullptr || !peer->has_endpoint || !peer->sending->can_send(now, 1)) return;
    if (peer->activity.last_sent >= command.unless_sent_since ||
        peer->activity.last_received >= command.unless_received_since)
        return;
    send_empty(now, *peer, *find(peer->customer), out);
}

bool Pipeline::ask_for_session(Instant now, Peer& peer, Output& out) {
    if (!has_room_for_events_ || (peer.need_reported != kLongAgo && now - peer.need_reported < kNeedInterval))
        return false;
    peer.need_reported = now;
    // The control worker starts a handshake with the peer where he is now.
    if (peer.roamed) {
        peer.roamed = false;
        out.events.emplace_back(PeerRoamed{peer.index, peer.remote, peer.local});
    }
    out.events.emplace_back(NeedSession{peer.index});
    return true;
}

void Pipeline::mark_dirty(Instant now, Peer& peer) {
    if (peer.dirty) return;
    peer.dirty = true;
    if (dirty_peers_.empty()) report_at_ = now + kReportDelay;
    dirty_peers_.push_back(peer.index);
}

void Pipeline::tick(Instant now, std::size_t room, Output& out) {
    constexpr std::size_t kEventsPerPeer = 2;
    has_room_for_events_ = room >= kEventsPerPeer;
    if (now < next_deadline()) return;
    const std::size_t count = std::min(dirty_peers_.size(), room / kEventsPerPeer);
    for (const PeerIndex index : std::span(dirty_peers_).first(count)) {
        Peer* const peer = find(index);
        if (peer == nullptr || !peer->dirty) continue;  // removed since, or there twice after its index was used again
        peer->dirty = false;
        if (std::exchange(peer->roamed, false))
            out.events.emplace_back(PeerRoamed{peer->index, peer->remote, peer->local});
        if (std::exchange(peer->activity_changed, false)) out.events.emplace_back(peer->activity);
    }
    dirty_peers_.erase(dirty_peers_.begin(), dirty_peers_.begin() + static_cast<std::ptrdiff_t>(count));
    report_at_ = now + kRetryDelay;  // of those that did not fit
}

void Pipeline::send_ungrouped(PeerIndex index, Instant until) {
    if (Peer* peer = find(index)) peer->ungrouped_until = until;
}

void Pipeline::forget_local_address(PeerIndex index) {
    if (Peer* peer = find(index)) peer->local = {};
}

void Pipeline::count_drop(CustomerIndex index, DropReason reason, std::uint64_t packets) {
    Customer* const customer = find(index);
    (customer == nullptr ? own_drops_ : customer->drops).add(reason, packets);
    if (customer != nullptr) touch(index);
}

void Pipeline::charge(CustomerIndex index, Direction direction, Duration time) {
    Customer* const customer = find(index);
    if (customer == nullptr) return;
    customer->meters.of(direction).processor += time;
    touch(index);
}

const Meters* Pipeline::meters(CustomerIndex index) const {
    const Customer* const customer = find(index);
    return customer == nullptr ? nullptr : &customer->meters;
}

const TrafficCounters* Pipeline::traffic(PeerIndex index) const {
    const Peer* const peer = find(index);
    return peer == nullptr ? nullptr : &peer->traffic;
}

bool Pipeline::serves(CustomerIndex index, std::uint64_t life) const {
    const Customer* const customer = find(index);
    return customer != nullptr && customer->view->life == life;
}

const DropCounters* Pipeline::drops(CustomerIndex index) const {
    const Customer* const customer = find(index);
    return customer == nullptr ? nullptr : &customer->drops;
}

}  // namespace warren::dataplane
