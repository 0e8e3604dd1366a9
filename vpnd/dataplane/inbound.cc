// Network to stack, in the order a packet meets it.
#include "vpnd/dataplane/classify.h"
#include "vpnd/dataplane/pipeline.h"
#include "vpnd/dataplane/wg_transport.h"
#include "vpnd/packet/ecn.h"

namespace warren::dataplane {

namespace {
constexpr std::size_t kStraysPerCall = 64;

// Both are transport messages, or neither; then type and receiver index are the same eight bytes.
bool names_same_session(Bytes datagram, Bytes other) {
    if (datagram.size() < kTransportOverhead || other.size() < kTransportOverhead) return false;
    return load_le<std::uint64_t>(datagram.data()) == load_le<std::uint64_t>(other.data());
}

// The session's budget is spent, and it does not come from where the peer is.
bool is_likely_forged(Instant now, const Session& session, const Peer& peer, const Train& train) {
    return !session.forgeries.is_open(now) && train.from != peer.remote;
}

// The next part begins here.
void cut_at(CustomerTrain& part, Bytes next) {
    part.train.bytes = part.train.bytes.first(static_cast<std::size_t>(next.data() - part.train.bytes.data()));
    part.whole = false;
}
}  // namespace

// Usually a train is one session's, and one look at each header says so. It may hold two customers' when they are
// behind one address.
void Pipeline::sort(Instant now, std::span<const Train> trains, std::vector<CustomerTrain>& out) const {
    for (std::size_t i = 0; i < trains.size(); ++i) {
        const Train& train = trains[i];
        const std::size_t before = out.size();
        Owner owner;
        Bytes header;  // of the datagram that `owner` was found by
        for (std::size_t at = 0; at < train.bytes.size(); at += train.stride()) {
            const Bytes datagram = train.datagram_at(at);
            if (!header.empty() && names_same_session(datagram, header)) continue;
            const Owner other = owner_of(now, train, datagram);
            if (at == 0 || other != owner) {
                out.push_back({other.customer, train, i, at == 0, other.is_forged});
                out.back().train.bytes = train.bytes.subspan(at);
                if (at > 0) cut_at(out[out.size() - 2], datagram);
            }
            owner = other;
            header = datagram;
        }
        if (out.size() == before) out.push_back({{}, train, i, true});
    }
}

Pipeline::Owner Pipeline::owner_of(Instant now, const Train& train, Bytes datagram) const {
    if (classify(datagram) != MessageClass::kTransport) return {};
    const Session* const session = sessions_.find(parse_transport_header(datagram).receiver);
    if (session == nullptr) return {};
    const Peer& peer = *find(session->peer);
    return {peer.customer, is_likely_forged(now, *session, peer, train)};
}

void Pipeline::inbound(Instant now, std::span<const Train> trains, Output& out) {
    for (std::size_t i = 0; i < trains.size(); ++i) {
        const Train& train = trains[i];
        for (std::size_t at = 0; at < train.bytes.size(); at += train.stride())
            collect(now, i, train, train.datagram_at(at), out);
        if (train.bytes.empty()) own_drops_.add(DropReason::kDatagramMalformed);
    }
    open_batch(now, out);
    coalescer_.finish(out);
    egress_.seal(out);
}

// Everything that can be refused before the dear part, which is opening it.
void Pipeline::collect(Instant now, std::size_t train_number, const Train& train, MutableBytes datagram, Output& out) {
    switch (classify(datagram)) {
        case MessageClass::kUnknown: return own_drops_.add(DropReason::kDatagramMalformed);
        case MessageClass::kHandshake:
            if (out.strays.size() == kStraysPerCall) return own_drops_.add(DropReason::kHandshakeQueueFull);
            out.strays.push_back({train_number, datagram});
            return;
        case MessageClass::kTransport: break;
    }
    const TransportHeader header = parse_transport_header(datagram);
    const std::uint32_t owner = header.receiver.worker();
    if (owner != place_.worker && owner < place_.workers) return transfer(owner, train, datagram, out);
    Session* const session = sessions_.find(header.receiver);
    if (session == nullptr) return own_drops_.add(DropReason::kReceiverIndexUnknown);
    Peer& peer = *find(session->peer);
    Customer& customer = *find(peer.customer);
    if (customer.view->listener != train.listener) return customer.drops.add(DropReason::kListenerMismatch);
    if (session->expired(now)) return customer.drops.add(DropReason::kSessionExpired);
    if (header.counter >= session->limits.reject_after_messages)
        return customer.drops.add(DropReason::kCounterExhausted);
    if (session->received.is_too_old(header.counter)) return customer.drops.add(DropReason::kReplayTooOld);
    if (is_likely_forged(now, *session, peer, train)) return customer.drops.add(DropReason::kForgeryBudgetSpent);

    const MutableBytes text = datagram.subspan(kTransportHeaderSize, datagram.size() - kTransportOverhead);
    // Keepalives pass, so that a customer over his rate does not lose his sessions too.
    const auto may_pass = [&] { return text.empty() || customer.up.pass(now, datagram.size()); };
    if (!may_pass()) {
        // Those before it may have been forged, and give back what they took of his rate.
        open_batch(now, out);
        if (!may_pass()) return customer.drops.add(DropReason::kRateUpExceeded);
    }
    batch_[batched_] = {session, &peer, &customer, &train, header.counter, text};
    jobs_[batched_] = {&session->receive_key, header.counter, text.data(), static_cast<std::uint32_t>(text.size()),
                       false};
    if (++batched_ == kBatch) open_batch(now, out);
}

// The kernel steers a train by its first datagram, and another session of the same sender may be another worker's.
// Datagrams that follow each other stay together.
void Pipeline::transfer(std::uint32_t worker, const Train& train, MutableBytes datagram, Output& out) {
    if (!out.transfers.empty()) {
        Transfer& last = out.transfers.back();
        MutableBytes& bytes = last.train.bytes;
        if (last.worker == worker && bytes.data() + bytes.size() == datagram.data() &&
            bytes.data() >= train.bytes.data()) {
            bytes = MutableBytes(bytes.data(), bytes.size() + datagram.size());
            return;
        }
    }
    Transfer& next = out.transfers.emplace_back(Transfer{worker, {}, train});
    next.train.bytes = datagram;
}

void Pipeline::open_batch(Instant now, Output& out) {
    const auto jobs = std::span(jobs_).first(batched_);
    if (!jobs.empty()) aead_.open(jobs);
    for (std::size_t i = 0; i < jobs.size(); ++i) {
        const Candidate& message = batch_[i];
        // Until here nothing was changed by the message, and a forged one changes nothing but a counter
        // (conformance S8).
        if (!jobs[i].authentic) {
            (void)message.session->forgeries.take(now, kForgeries);
            refuse(message, DropReason::kAuthenticationFailed);
            continue;
        }
        accept(now, message, out);
    }
    batched_ = 0;
}

void Pipeline::accept(Instant now, const Candidate& message, Output& out) {
    Session& session = *message.session;
    const bool newest = !session.has_received || message.counter > session.received.newest();
    if (!session.received.mark(message.counter)) {
        const bool too_old = session.received.is_too_old(message.counter);
        return refuse(message, too_old ? DropReason::kReplayTooOld : DropReason::kReplayDuplicate);
    }
    session.has_received = true;
    // Also when the packet inside is refused below: the peer has proved who and where he is (conformance D5).
    note_received(now, message, newest, out);
    if (message.text.empty()) return;  // a keepalive (conformance D2)
    deliver(message, out);
}

// A message that is not the peer's, or not any more: what it took of the customer's rate is given back.
void Pipeline::refuse(const Candidate& message, DropReason reason) {
    message.customer->drops.add(reason);
    if (!message.text.empty()) message.customer->up.take_back(message.text.size() + kTransportOverhead);
}

void Pipeline::note_received(Instant now, const Candidate& message, bool newest, Output& out) {
    Session& session = *message.session;
    Peer& peer = *message.peer;
    const std::size_t size = message.text.size() + kTransportOverhead;
    peer.traffic.rx_packets += 1;
    peer.traffic.rx_bytes += size;
    message.customer->meters.up.packets += 1;
    message.customer->meters.up.bytes += size;

    PeerActivity& activity = peer.activity;
    activity.last_received = now;
    activity.first_unanswered_data_sent = kLongAgo;
    if (!message.text.empty()) {
        activity.last_data_received = now;
        if (activity.first_unanswered_data_received == kLongAgo) activity.first_unanswered_data_received = now;
    }
    peer.activity_changed = true;
    mark_dirty(now, peer);

    // The newest message of the newest session says where the peer is; a late one from his old place does not.
    const Train& train = *message.train;
    if (newest && session.created >= peer.endpoint_session) {
        peer.endpoint_session = session.created;
        if (!peer.has_endpoint || peer.remote != train.from || peer.local != train.to) {
            peer.move_to(train.from, train.to);
            peer.roamed = true;
        }
    }
    if (peer.unconfirmed == &session) confirm(now, session, peer, *message.customer, out);
    if (!session.asked_on_receiving && now - session.created >= session.limits.rekey_after_receiving) {
        session.asked_on_receiving = ask_for_session(now, peer, out);
    }
}

void Pipeline::confirm(Instant now, Session& session, Peer& peer, Customer& customer, Output& out) {
    peer.sending = &session;
    peer.unconfirmed = nullptr;
    out.events.emplace_back(SessionConfirmed{peer.index, session.local_id});
    flush_staged(now, peer, customer, out);
}

void Pipeline::deliver(const Candidate& message, Output& out) {
    Customer& customer = *message.customer;
    const auto inner = InnerPacket::parse(message.text);
    if (!inner) return customer.drops.add(inner.error());
    const Ecn before = ecn_of(inner->traffic_class());
    const auto ecn = decapsulated_ecn(ecn_of(message.train->traffic_class), before);
    if (!ecn) return customer.drops.add(DropReason::kEcnCongestionLost);
    if (*ecn != before) inner->set_ecn(*ecn);
    if (const auto allowed = check_source(*inner, *message.peer, customer); !allowed)
        return customer.drops.add(allowed.error());
    const CustomerView& view = *customer.view;
    coalescer_.add({message.peer->index, view.index, view.mtu, customer.takes_udp_segments}, *inner, out);
}

// The longest prefix over all peers of the customer must lead to this one: a source within this peer's prefixes that
// belongs to another peer's longer one is refused (conformance D4).
Checked<void> Pipeline::check_source(const InnerPacket& inner, Peer& peer, const Customer& customer) const {
    const IpAddress source = inner.source();
    if (peer.has_last_source && peer.last_source == source) return {};
    if (is_martian_source(source)) return drop(DropReason::kSourceMartian);
    const CustomerView& view = *customer.view;
    const auto is_source = [&](const Prefix& own) { return own.address == source; };
    if (std::any_of(view.addresses.begin(), view.addresses.end(), is_source)) return drop(DropReason::kSourceIsStack);
    const PeerIndex* const owner = view.allowed_ips.find(source);
    if (owner == nullptr || *owner != peer.index) return drop(DropReason::kSourceNotAllowed);
    peer.last_source = source;
    peer.has_last_source = true;
    return {};
}

}  // namespace warren::dataplane
