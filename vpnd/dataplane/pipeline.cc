#include "vpnd/dataplane/pipeline.h"

namespace warren::dataplane {

void Pipeline::sort(Instant now, std::span<const Train> trains, std::vector<CustomerTrain>& out) const {
    inbound_.sort(now, trains, out);
}

void Pipeline::inbound(Instant now, std::span<const Train> trains, Output& out) {
    inbound_.process(now, trains, out);
}

std::optional<Pipeline::Sender> Pipeline::sender_of(ListenerIndex listener, Bytes datagram) const {
    const Framing* const framing = roster_.framing_of(listener);
    if (framing == nullptr || datagram.empty()) return std::nullopt;
    Sender out;
    framing->identify(datagram, datagram.size(), std::span(&out.head, 1));
    if (out.head.kind != MessageKind::kData) return std::nullopt;
    const Session* const session = roster_.find(out.head.session);
    if (session == nullptr) return std::nullopt;
    out.peer = session->peer;
    const Framing& form = session->framing;
    if (datagram.size() >= form.overhead)
        out.text = datagram.subspan(form.header_size, datagram.size() - form.overhead);
    return out;
}

PeerIndex Pipeline::peer_for(CustomerIndex index, const IpAddress& address) const {
    const Customer* const customer = roster_.find(index);
    const PeerIndex* const peer = customer == nullptr ? nullptr : customer->peer_for(address);
    return peer == nullptr ? PeerIndex{} : *peer;
}

std::size_t Pipeline::staged(PeerIndex index) const {
    const Peer* const peer = roster_.find(index);
    return peer == nullptr || peer->staged == nullptr ? 0 : peer->staged->size();
}

void Pipeline::outbound(Instant now, CustomerIndex customer, MutableBytes super_packet, Output& out) {
    outbound_.process(now, customer, super_packet, out);
}

std::optional<CustomerIndex> Pipeline::next_released(Instant now) {
    return roster_.shaping.next_due(now, [this](CustomerIndex index) { return roster_.find(index); });
}

void Pipeline::release_inbound(Instant now, CustomerIndex index, Output& out) {
    Customer* const customer = roster_.find(index);
    if (customer == nullptr) return;
    inbound_.release(now, *customer, out);
    roster_.shaping.arm(*customer);
}

void Pipeline::release_outbound(Instant now, CustomerIndex index, Output& out) {
    Customer* const customer = roster_.find(index);
    if (customer == nullptr) return;
    outbound_.release(now, *customer, out);
    roster_.shaping.arm(*customer);
}

void Pipeline::apply(Instant now, Command command, Output& out) {
    if (auto* const installed = std::get_if<InstallSession>(&command)) {
        install(now, std::move(*installed), out);
    } else if (const auto* const retired = std::get_if<RetireSession>(&command)) {
        roster_.retire(retired->local_id);
    } else if (const auto* const confirmed = std::get_if<Confirm>(&command)) {
        confirm(now, confirmed->local_id, out);
    } else if (const auto* const stopped = std::get_if<StopSending>(&command)) {
        stop_sending(stopped->peer);
    } else if (const auto* const endpoint = std::get_if<SetEndpoint>(&command)) {
        if (Peer* peer = roster_.find_to_change(endpoint->peer)) {
            peer->move_to(endpoint->remote, endpoint->local);
            peer->pinned = endpoint->pinned;
        }
    } else if (const auto* const forgotten = std::get_if<ForgetEndpoint>(&command)) {
        if (Peer* peer = roster_.find_to_change(forgotten->peer)) peer->has_endpoint = false;
    } else if (const auto* const cleared = std::get_if<ClearLocalAddress>(&command)) {
        if (Peer* peer = roster_.find_to_change(cleared->peer)) peer->local = {};
    } else if (const auto* const anew = std::get_if<CountAnew>(&command)) {
        if (Peer* peer = roster_.find_to_change(anew->peer)) peer->traffic_before = peer->traffic;
    } else if (const auto* const keepalive = std::get_if<SendKeepalive>(&command)) {
        send_keepalive(now, *keepalive, out);
    } else if (const auto* const purge = std::get_if<PurgeStaged>(&command)) {
        if (Peer* peer = roster_.find_to_change(purge->peer)) roster_.purge_staged(*peer, purge->reason);
    } else if (auto* const begun = std::get_if<PutPeer>(&command)) {
        begun->worker %= place_.workers;
        roster_.put_peer(*begun, begun->worker == place_.worker);
    } else if (const auto* const ended = std::get_if<DropPeer>(&command)) {
        roster_.drop_peer(*ended);
    } else if (const auto* const put = std::get_if<PutPrefix>(&command)) {
        roster_.put_prefix(*put);
    } else if (const auto* const dropped = std::get_if<DropPrefix>(&command)) {
        roster_.drop_prefix(*dropped);
    } else if (const auto* const route = std::get_if<RouteSession>(&command)) {
        roster_.route(route->local_id, route->worker);
    } else if (const auto* const moved = std::get_if<KeepElsewhere>(&command)) {
        Session* const session = roster_.find(moved->local_id);
        if (session != nullptr) {
            moved->kept != nullptr ? session->keep_in(*moved->kept) : session->stop_keeping();
        } else if (moved->kept != nullptr) {
            moved->kept->free();
        }
    }
    outbound_.seal(out);
}

void Pipeline::install(Instant now, InstallSession&& command, Output& out) {
    Peer* const peer = roster_.find_to_change(command.peer);
    const SendWhen when = command.send_when;
    KeptSession* const kept = command.kept;
    const bool is_served = peer != nullptr && !roster_.customer_of(*peer).view->suspended;
    Session* const session = is_served ? roster_.install(*peer, std::move(command)) : nullptr;
    if (session == nullptr) {
        if (kept != nullptr) kept->free();
        return;
    }
    if (when == SendWhen::kNowInSilence) {
        peer->flow_of(session->flow).sending = session;
        return;
    }
    if (when == SendWhen::kNever) return;
    if (when == SendWhen::kNow) return begin_sending(now, *session, *peer, out);
    peer->flow_of(session->flow).unconfirmed = session;
    session->awaits_first = true;
}

void Pipeline::confirm(Instant now, SessionId id, Output& out) {
    Session* const session = roster_.find(id);
    Peer* const peer = session == nullptr ? nullptr : roster_.find_to_change(session->peer);
    if (peer == nullptr || peer->flow_of(session->flow).sending == session) return;
    session->awaits_first = false;
    begin_sending(now, *session, *peer, out);
}

// An older one that waits for its first message may still be received on, but never becomes the sending one.
void Pipeline::begin_sending(Instant now, Session& session, Peer& peer, Output& out) {
    Flow& flow = peer.flow_of(session.flow);
    flow.sending = &session;
    flow.unconfirmed = nullptr;
    if (!peer.has_endpoint) return;
    Customer& customer = roster_.customer_of(peer);
    if (peer.staged != nullptr) {
        outbound_.flush_staged(now, peer, customer, out);
    } else {
        outbound_.send_empty(now, peer, customer, session, out);
    }
}

void Pipeline::stop_sending(PeerIndex index) {
    Peer* const peer = roster_.find_to_change(index);
    if (peer == nullptr) return;
    peer->for_each_flow([](Flow& flow) { flow.sending = nullptr; });  // what waits for its first message may still be
    roster_.stop_keeping(*peer);
}

void Pipeline::send_keepalive(Instant now, const SendKeepalive& command, Output& out) {
    Peer* const peer = roster_.find_to_change(command.peer);
    if (peer == nullptr || !peer->has_endpoint) return;
    Session* const session = peer->flow.sending;
    if (session == nullptr || !session->can_send(now, 1)) return;
    if (peer->activity.last_sent >= command.unless_sent_since ||
        peer->activity.last_received >= command.unless_received_since)
        return;
    outbound_.send_empty(now, *peer, roster_.customer_of(*peer), *session, out);
}

void Pipeline::send_ungrouped(PeerIndex index, Instant until) {
    if (Peer* peer = roster_.find(index)) peer->ungrouped_until = until;
}

void Pipeline::forget_local_address(PeerIndex index) {
    if (Peer* peer = roster_.find(index); peer != nullptr && !peer->pinned) peer->local = {};
}

void Pipeline::count_drop(CustomerIndex index, DropReason reason, std::uint64_t packets) {
    Customer* const customer = roster_.find(index);
    (customer == nullptr ? roster_.own_drops : customer->drops).add(reason, packets);
    if (customer != nullptr) roster_.touch(index);
}

void Pipeline::charge(CustomerIndex index, Direction direction, Duration time) {
    Customer* const customer = roster_.find(index);
    if (customer == nullptr) return;
    customer->meters.of(direction).processor += time;
    roster_.touch(index);
}

const Meters* Pipeline::meters(CustomerIndex index) const {
    const Customer* const customer = roster_.find(index);
    return customer == nullptr ? nullptr : &customer->meters;
}

const TrafficCounters* Pipeline::earlier_traffic(PeerIndex index) const {
    const Peer* const peer = roster_.find(index);
    return peer == nullptr ? nullptr : &peer->traffic_before;
}

const TrafficCounters* Pipeline::traffic(PeerIndex index) const {
    const Peer* const peer = roster_.find(index);
    return peer == nullptr ? nullptr : &peer->traffic;
}

bool Pipeline::serves(CustomerIndex index, std::uint64_t life) const {
    const Customer* const customer = roster_.find(index);
    return customer != nullptr && customer->view->life == life;
}

const DataPlaneDrops* Pipeline::drops(CustomerIndex index) const {
    const Customer* const customer = roster_.find(index);
    return customer == nullptr ? nullptr : &customer->drops;
}

}  // namespace warren::dataplane
