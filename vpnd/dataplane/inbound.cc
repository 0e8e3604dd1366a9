// Network to stack, in the order a packet meets it.
#include "vpnd/dataplane/inbound.h"

#include <algorithm>

#include "vpnd/packet/ecn.h"

namespace warren::dataplane {

namespace {
constexpr std::size_t kStraysPerCall = 64;
constexpr Duration kToldAgain = std::chrono::seconds(60);  // of one sender
constexpr TokenRate kUnknownTold{20, 20};  // of one data worker: real control messages that went astray keep their room
// To the worker that the id names, and from there to the one that has the session.
constexpr std::uint8_t kMostHops = 2;

// The session's budget is spent, and it does not come from where the peer is, or was when it asked for the session.
bool is_likely_forged(Instant now, const Session& session, const Peer& peer, const Train& train) {
    return !session.forgeries.is_open(now) && train.from != peer.remote && train.from != session.initiated_from;
}

// The next part begins here.
void cut_at(CustomerTrain& part, Bytes next) {
    part.train.bytes = part.train.bytes.first(static_cast<std::size_t>(next.data() - part.train.bytes.data()));
    part.whole = false;
}

// Calls use(datagram, head) for each datagram of a train, in order. The heads are read a batch at a time.
template <std::size_t N, typename Use>
void for_each_datagram(const Train& train, const Framing& framing, std::array<MessageHead, N>& heads, const Use& use) {
    const std::size_t stride = train.stride();
    for (std::size_t at = 0; at < train.bytes.size(); at += N * stride) {
        const MutableBytes batch = train.bytes.subspan(at, std::min(N * stride, train.bytes.size() - at));
        const auto used = std::span(heads).first((batch.size() + stride - 1) / stride);
        framing.identify(batch, stride, used);
        std::uint8_t* datagram = batch.data();
        std::size_t left = batch.size();
        for (const MessageHead& head : used) {
            const std::size_t size = std::min(stride, left);
            use(MutableBytes(datagram, size), head);
            datagram += size;
            left -= size;
        }
    }
}
}  // namespace

// Usually a train is one session's. It may hold two customers' when they are behind one address.
void Inbound::sort(Instant now, std::span<const Train> trains, std::vector<CustomerTrain>& out) const {
    Heads heads;
    for (std::size_t i = 0; i < trains.size(); ++i) {
        const Train& train = trains[i];
        const Framing* const framing = roster_.framing_of(train.listener);
        if (train.bytes.empty() || framing == nullptr) {
            out.push_back({{}, train, i, true});
            continue;
        }
        Owner owner;
        SessionId session;  // that `owner` was found by; invalid: by none
        const std::size_t before = out.size();
        for_each_datagram(train, *framing, heads, [&](MutableBytes datagram, const MessageHead& head) {
            if (head.session == session && session.valid()) return;
            const Owner other = owner_of(now, train, head);
            const bool is_first = out.size() == before;
            if (is_first || other != owner) {
                if (!is_first) cut_at(out.back(), datagram);
                out.push_back({other.customer, train, i, is_first, other.is_forged});
                out.back().train.bytes =
                    train.bytes.subspan(static_cast<std::size_t>(datagram.data() - train.bytes.data()));
            }
            owner = other;
            session = head.session;
        });
    }
}

Inbound::Owner Inbound::owner_of(Instant now, const Train& train, const MessageHead& head) const {
    if (head.kind != MessageKind::kData) return {};
    const Session* const session = roster_.find(head.session);
    if (session == nullptr) return {};
    const Peer& peer = roster_.peer_of(*session);
    return {peer.customer, is_likely_forged(now, *session, peer, train)};
}

// Cheap checks, before decryption. Part of the loop over a train: as a call of its own it costs a packet 20
// instructions.
[[gnu::always_inline]] inline void Inbound::collect(Instant now, std::size_t train_number, const Train& train,
                                                    const Framing& framing, const MessageHead& head,
                                                    MutableBytes datagram, Output& out) {
    switch (head.kind) {
        case MessageKind::kMalformed: return roster_.own_drops.add(framing.malformed);
        case MessageKind::kIgnored: return;
        case MessageKind::kControl:
            if (out.strays.size() == kStraysPerCall) return roster_.own_drops.add(DropReason::kHandshakeQueueFull);
            out.strays.push_back({train_number, datagram});
            return;
        case MessageKind::kData: break;
    }
    Session* const session = roster_.find(head.session);
    if (session == nullptr) return find_elsewhere(now, head.session, train_number, train, framing, datagram, out);
    Peer& peer = roster_.peer_of(*session);
    Customer& customer = roster_.customer_of(peer);
    if (session->listener != train.listener) return customer.drops.add(DropReason::kListenerMismatch);
    if (session->expired(now)) return customer.drops.add(DropReason::kSessionExpired);
    const Framing* form = &framing;
    std::uint64_t counter = head.sequence;
    if (!framing.is_plain) {
        form = &session->framing;
        const auto known = form->counter_of(*session, head.sequence, datagram.size());
        if (!known) return customer.drops.add(known.error());
        counter = *known;
    }
    if (counter >= session->lifetime.hard.messages) return customer.drops.add(DropReason::kCounterExhausted);
    if (session->bytes_received >= session->lifetime.hard.bytes)
        return customer.drops.add(DropReason::kLifetimeBytesSpent);
    if (session->received.is_too_old(counter)) return customer.drops.add(DropReason::kReplayTooOld);
    if (is_likely_forged(now, *session, peer, train)) return customer.drops.add(DropReason::kForgeryBudgetSpent);

    const MutableBytes text = datagram.subspan(form->header_size, datagram.size() - form->overhead);
    // Empty messages pass, so that a customer over its rate does not lose its sessions too.
    const auto may_pass = [&] { return text.empty() || customer.admission.pass(now, datagram.size()); };
    if (!may_pass()) {
        // Those before it may have been forged, and give back what they took of the rate.
        open_batch(now, out);
        if (!may_pass()) return customer.drops.add(DropReason::kRateUpExceeded);
    }
    batch_[batched_] = {session, &peer, &customer, &train, counter, text, datagram.size()};
    crypto::AeadJob& job = jobs_[batched_];
    job.key = &session->receive_key;
    job.iv = counter;
    job.text = text.data();
    job.size = static_cast<std::uint32_t>(text.size());
    job.associated_size = 0;
    if (!framing.is_plain) form->begin_open(*session, counter, datagram, job);
    if (++batched_ == kBatch) open_batch(now, out);
}

void Inbound::process(Instant now, std::span<const Train> trains, Output& out) {
    Heads heads;
    for (std::size_t i = 0; i < trains.size(); ++i) {
        const Train& train = trains[i];
        const Framing* const framing = roster_.framing_of(train.listener);
        if (train.bytes.empty()) {
            roster_.own_drops.add(DropReason::kDatagramMalformed);
        } else if (framing == nullptr) {
            roster_.own_drops.add(DropReason::kListenerMismatch, train.count());
        } else {
            for_each_datagram(train, *framing, heads, [&](MutableBytes datagram, const MessageHead& head) {
                collect(now, i, train, *framing, head, datagram, out);
            });
        }
    }
    open_batch(now, out);
    coalescer_.finish(out);
    outbound_.seal(out);
}

// A session is with the worker that its id names, or that one knows better.
void Inbound::find_elsewhere(Instant now, SessionId session, std::size_t train_number, const Train& train,
                             const Framing& framing, MutableBytes datagram, Output& out) {
    std::uint32_t owner = session.worker() % place_.workers;
    if (owner == place_.worker) owner = roster_.worker_of(session).value_or(owner);
    const bool may_exist = place_.directory == nullptr || place_.directory->may_exist(session);
    if (owner == place_.worker || !may_exist || train.hops == kMostHops)
        return note_unknown(now, train_number, train, framing, datagram, out);
    transfer(owner, train, datagram, out);
}

// One busy sender does not keep the others from being told of: each counts once in a while.
void Inbound::note_unknown(Instant now, std::size_t train_number, const Train& train, const Framing& framing,
                           MutableBytes datagram, Output& out) {
    roster_.own_drops.add(framing.unknown_session);
    if (!framing.tells_unknown_sessions || out.strays.size() >= kStraysPerCall) return;
    const IpAddress& from = train.from.address;
    const std::uint64_t mixed =
        (load_le<std::uint64_t>(from.octets.data()) ^ load_le<std::uint64_t>(from.octets.data() + 8)) *
        0x9e37'79b9'7f4a'7c15U;
    ToldSource& told = told_sources_[mixed >> 56];
    if ((told.address == from && now - told.at < kToldAgain) || !unknown_told_.take(now, kUnknownTold)) return;
    told = {from, now};
    out.strays.push_back({train_number, datagram});
}

// The kernel steers a train by its first datagram, and another session of the same sender may be another worker's.
// Datagrams that follow each other stay together.
void Inbound::transfer(std::uint32_t worker, const Train& train, MutableBytes datagram, Output& out) {
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
    ++next.train.hops;
}

void Inbound::open_batch(Instant now, Output& out) {
    const auto jobs = std::span(jobs_).first(batched_);
    if (!jobs.empty()) aead_.open(jobs);
    for (std::size_t i = 0; i < jobs.size(); ++i) {
        Candidate& message = batch_[i];
        // Until here nothing was changed by the message, and a forged one changes nothing but a counter (conformance
        // S8).
        if (!jobs[i].authentic) {
            (void)message.session->forgeries.take(now, kForgeries);
            refuse(message, DropReason::kAuthenticationFailed);
            continue;
        }
        accept(now, message, out);
    }
    batched_ = 0;
}

void Inbound::accept(Instant now, Candidate& message, Output& out) {
    Session& session = *message.session;
    const bool newest = !session.has_received || message.counter > session.received.newest();
    if (!session.received.mark(message.counter)) {
        const bool too_old = session.received.is_too_old(message.counter);
        return refuse(message, too_old ? DropReason::kReplayTooOld : DropReason::kReplayDuplicate);
    }
    session.has_received = true;
    if (newest) session.note_newest_received();
    // Also when the packet inside is refused: the peer has proved who and where it is (conformance D5).
    if (!session.framing.is_plain) trim(message);
    note_received(now, message, newest, out);
    if (message.text.empty()) return;  // a keepalive (conformance D2), or it was dropped
    deliver(now, message, out);
}

// No text is left when there is no packet in it that makes sense.
void Inbound::trim(Candidate& message) {
    const auto trimmed = message.session->framing.trim(message.text);
    if (!trimmed) message.customer->drops.add(trimmed.error());
    message.text = trimmed.value_or(MutableBytes{});
}

// A message that is not the peer's, or not any more: what it took of the customer's rate is given back.
void Inbound::refuse(const Candidate& message, DropReason reason) {
    message.customer->drops.add(reason);
    if (!message.text.empty()) message.customer->admission.refund(message.size);
}

void Inbound::note_received(Instant now, const Candidate& message, bool newest, Output& out) {
    Session& session = *message.session;
    Peer& peer = *message.peer;
    const std::size_t size = message.size;
    session.bytes_received += size;
    peer.traffic.rx_packets += 1;
    peer.traffic.rx_bytes += size;
    message.customer->meters.inbound.packets += 1;
    message.customer->meters.inbound.bytes += size;

    PeerActivity& activity = peer.activity;
    activity.last_received = now;
    activity.first_unanswered_data_sent = kLongAgo;
    if (!message.text.empty()) {
        activity.last_data_received = now;
        if (activity.first_unanswered_data_received == kLongAgo) activity.first_unanswered_data_received = now;
    }
    peer.activity_changed = true;
    reports_.mark(now, peer);

    // The newest message of the newest session says where the peer is; a late one from its old place does not.
    const Train& train = *message.train;
    if (newest && session.may_roam && session.created >= peer.endpoint_session) {
        peer.endpoint_session = session.created;
        if (!peer.has_endpoint || peer.remote != train.from || peer.local != train.to) {
            peer.roamed = peer.follow(train.from, train.to) || peer.roamed;
        }
    }
    if (session.awaits_first) confirm(now, session, peer, *message.customer, out);
    if (!session.asked_on_receiving && now - session.created >= session.lifetime.renew_on_receiving) {
        session.asked_on_receiving =
            reports_.ask_for_session(now, peer, {peer.index, std::nullopt, session.local_id}, out);
    }
}

void Inbound::confirm(Instant now, Session& session, Peer& peer, Customer& customer, Output& out) {
    session.awaits_first = false;
    Flow& flow = peer.flow_of(session.flow);
    if (flow.unconfirmed != &session) return;  // a newer one took its place
    flow.sending = &session;
    flow.unconfirmed = nullptr;
    PeerReports::report_roaming(peer, out);
    out.events.emplace_back(SessionConfirmed{peer.index, session.local_id});
    outbound_.flush_staged(now, peer, customer, out);
}

// In the path of every packet, hence without a call.
[[gnu::always_inline]] inline void Inbound::pass_on(const Customer& customer, PeerIndex peer, const Framing& framing,
                                                    const InnerPacket& inner, Output& out) {
    const CustomerView& view = *customer.view;
    coalescer_.add({peer, view.index, view.mtu, customer.joining, &framing}, inner, out);
}

void Inbound::deliver(Instant now, const Candidate& message, Output& out) {
    Customer& customer = *message.customer;
    const auto inner = InnerPacket::parse(message.text);
    if (!inner) return customer.drops.add(inner.error());
    const Ecn before = ecn_of(inner->traffic_class());
    const auto ecn = decapsulated_ecn(ecn_of(message.train->traffic_class), before);
    if (!ecn) return customer.drops.add(DropReason::kEcnCongestionLost);
    if (*ecn != before) inner->set_ecn(*ecn);
    if (message.session->has_selectors && !matches(message.session->selectors, inbound_flow(*inner)))
        return customer.drops.add(DropReason::kSelectorMismatch);
    if (const auto allowed = check_source(*inner, *message.peer, customer); !allowed)
        return customer.drops.add(allowed.error());
    if (customer.is_treated && !treat(now, *inner, *message.peer, customer)) return;
    pass_on(customer, message.peer->index, message.session->framing, *inner, out);
}

// What only some customers' packets meet. False: it waits, or was dropped.
[[gnu::noinline]] bool Inbound::treat(Instant now, const InnerPacket& inner, const Peer& peer, Customer& customer) {
    if (peer.maps != nullptr) translate_from_peer(*peer.maps, inner);
    return admit(now, inner, peer, customer);
}

// The peer's rate, then its customer's, then the test link. False: it waits, or was dropped.
bool Inbound::admit(Instant now, const InnerPacket& inner, const Peer& peer, Customer& customer) {
    PeerRates* const rates = peer.rates;
    if (customer.view->is_blocked || (rates != nullptr && rates->is_blocked)) {
        customer.drops.add(DropReason::kQuotaSpent);
        return false;
    }
    const Bytes packet = inner.bytes();
    const auto copy = [&] { return Shaper::Packet{peer.index, {packet.begin(), packet.end()}, packet.size()}; };
    if (rates != nullptr && !rates->inbound.pass(now, packet.size())) {
        roster_.shaping.wait(customer, *rates, rates->inbound, hash_of(inbound_flow(inner)), copy(),
                             DropReason::kPeerRateUpExceeded);
        return false;
    }
    if (!customer.inbound.pass(now, packet.size())) {
        roster_.shaping.wait(customer, customer.inbound, hash_of(inbound_flow(inner)), copy(),
                             DropReason::kRateUpExceeded);
        return false;
    }
    if (customer.link == nullptr || customer.link->up.is_clear()) return true;
    roster_.shaping.hold(now, customer, customer.link->up, copy());
    return false;
}

// A peer, or all of its sessions, may have gone meanwhile: what it sent before goes with them.
void Inbound::release(Instant now, Customer& customer, Output& out) {
    released_.clear();
    std::size_t moved = 0;  // also those that go no further than onto the test link
    for (; moved < kBatch; ++moved) {
        auto packet = roster_.shaping.pop(now, customer, customer.inbound);
        if (!packet) break;
        leave_rates(now, customer, std::move(*packet), out);
    }
    std::size_t at = 0;
    for (; at < customer.waiting.size() && moved < kBatch; ++at) {
        PeerRates* const rates = customer.waiting[at];
        for (; moved < kBatch; ++moved) {
            auto packet = roster_.shaping.pop(now, customer, rates->inbound);
            if (!packet) break;
            if (customer.inbound.pass(now, packet->size)) {
                leave_rates(now, customer, std::move(*packet), out);
            } else if (const auto inner = InnerPacket::parse(packet->bytes)) {
                const std::uint32_t flow = hash_of(inbound_flow(*inner));
                roster_.shaping.wait(customer, customer.inbound, flow, std::move(*packet), DropReason::kRateUpExceeded);
            }
        }
    }
    // Those that were not reached come first the next time.
    std::rotate(customer.waiting.begin(), customer.waiting.begin() + static_cast<std::ptrdiff_t>(at),
                customer.waiting.end());
    moved = released_.size();
    for (; customer.link != nullptr && moved < kBatch; ++moved) {
        auto packet = roster_.shaping.pop(now, customer, customer.link->up);
        if (!packet) break;
        release(customer, std::move(*packet), out);
    }
    coalescer_.finish(out);
}

void Inbound::leave_rates(Instant now, Customer& customer, Shaper::Packet packet, Output& out) {
    if (customer.link == nullptr || customer.link->up.is_clear()) return release(customer, std::move(packet), out);
    roster_.shaping.hold(now, customer, customer.link->up, std::move(packet));
}

void Inbound::release(Customer& customer, Shaper::Packet packet, Output& out) {
    const Peer* const peer = roster_.find(packet.peer);
    const bool is_its = peer != nullptr && peer->customer == customer.view->index && !peer->sessions.empty();
    const Session* const session = is_its ? roster_.find(peer->sessions.front()) : nullptr;
    const auto inner = InnerPacket::parse(packet.bytes);
    if (session == nullptr || !inner) return customer.drops.add(DropReason::kSessionExpired);
    // On a test link it may have been for 20 seconds: what was decided meanwhile holds.
    if (!customer.is_source_of(inner->source(), peer->index)) return customer.drops.add(DropReason::kSourceNotAllowed);
    if (peer->rates != nullptr && peer->rates->is_blocked) return customer.drops.add(DropReason::kQuotaSpent);
    released_.push_back(std::move(packet));
    pass_on(customer, peer->index, session->framing, *inner, out);
}

// The longest prefix over all peers of the customer must lead to this one: a source within this peer's prefixes that
// belongs to another peer's longer one is refused (conformance D4). Of a peer whose networks are mapped the source is
// one of the real ones, and stands for the mapped one, which the peer itself may not use.
Checked<void> Inbound::check_source(const InnerPacket& inner, Peer& peer, const Customer& customer) {
    const IpAddress source = inner.source();
    if (peer.last_source_of == customer.prefixes_version && peer.last_source == source) return {};
    if (is_martian_source(source)) return drop(DropReason::kSourceMartian);
    const CustomerView& view = *customer.view;
    const auto mapped = peer.maps == nullptr ? std::nullopt : mapped_of(*peer.maps, source);
    const IpAddress seen = mapped.value_or(source);
    if (mapped && is_martian_source(seen)) return drop(DropReason::kSourceMartian);
    const bool is_disguised = !mapped && peer.maps != nullptr && real_of(*peer.maps, source);
    const auto is_source = [&](const Prefix& own) { return own.address == seen; };
    if (std::any_of(view.addresses.begin(), view.addresses.end(), is_source)) return drop(DropReason::kSourceIsStack);
    if (is_disguised || !customer.is_source_of(seen, peer.index)) {
        ++peer.sources_refused;
        peer.source_refused = source;
        return drop(DropReason::kSourceNotAllowed);
    }
    peer.last_source = source;
    peer.last_source_of = customer.prefixes_version;
    return {};
}

}  // namespace warren::dataplane
