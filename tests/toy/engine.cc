#include "tests/toy/engine.h"

#include <algorithm>

#include "crypto/blake2s.h"

namespace warren::toy {

namespace {

constexpr Duration kRepeat = std::chrono::seconds(1);

crypto::AeadKey key_of(const std::array<std::uint8_t, 32>& secret, Bytes initiator, Bytes responder,
                       std::uint8_t label) {
    const std::array<std::uint8_t, 1> labels{label};
    const crypto::Hash hash = crypto::blake2s({secret, initiator, responder, labels});
    crypto::AeadKey key;
    key.suite = crypto::AeadSuite::kAes128Gcm;
    std::copy_n(hash.begin(), 16, key.secret.writable().begin());
    std::copy_n(hash.begin() + 16, 4, key.salt.begin());
    return key;
}

dataplane::Selector everything() {
    return {{IpAddress::v4(0, 0, 0, 0), IpAddress::v4(255, 255, 255, 255)},
            {IpAddress::v4(0, 0, 0, 0), IpAddress::v4(255, 255, 255, 255)},
            0,
            {},
            {}};
}

}  // namespace

void Engine::put_peer(PeerConfig config, control::Output& out) {
    if (config.endpoint) {
        out.commands.push_back({config.worker, dataplane::SetEndpoint{config.index, *config.endpoint, {}}});
    }
    const PeerIndex index = config.index;
    peers_[index].config = std::move(config);
}

void Engine::remove_peer(Now /*now*/, PeerIndex index, control::Output& out) {
    const auto found = peers_.find(index);
    if (found == peers_.end()) return;
    for (const SessionId session : found->second.sessions) {
        out.commands.push_back({found->second.config.worker, dataplane::RetireSession{session}});
        indexes_.release(session);
    }
    peers_.erase(found);
}

Engine::Message Engine::begin(Peer& peer, Type type, std::uint32_t message_id) {
    Message message{type, message_id, {}, {}};
    for (std::uint32_t& id : message.ids) {
        const control::IndexEntry entry{control::IndexKind::kKeypair, listener_, peer.config.index};
        id = indexes_.allocate(entry, peer.config.worker, random_).value;
    }
    random_.fill(message.nonce);
    return message;
}

std::vector<std::uint8_t> Engine::format(const Peer& peer, const Message& message) {
    std::vector<std::uint8_t> out(kMessageSize);
    store_be(out.data() + 4, static_cast<std::uint32_t>(message.type));
    store_be(out.data() + 8, message.message_id);
    for (std::size_t i = 0; i < kFlows; ++i) store_be(out.data() + 12 + 4 * i, message.ids[i]);
    std::copy(message.nonce.begin(), message.nonce.end(), out.begin() + 12 + 4 * kFlows);
    const crypto::Hash mac = crypto::blake2s({peer.config.secret, Bytes(out).first(kMessageSize - 32)});
    std::copy(mac.begin(), mac.end(), out.end() - 32);
    return out;
}

std::optional<Engine::Message> Engine::parse(const Peer& peer, Bytes datagram) {
    if (datagram.size() != kMessageSize) return std::nullopt;
    const crypto::Hash mac = crypto::blake2s({peer.config.secret, datagram.first(kMessageSize - 32)});
    if (!std::equal(mac.begin(), mac.end(), datagram.end() - 32)) return std::nullopt;
    Message message;
    message.type = static_cast<Type>(load_be<std::uint32_t>(datagram.data() + 4));
    message.message_id = load_be<std::uint32_t>(datagram.data() + 8);
    for (std::size_t i = 0; i < kFlows; ++i) message.ids[i] = load_be<std::uint32_t>(datagram.data() + 12 + 4 * i);
    std::copy_n(datagram.begin() + 12 + 4 * kFlows, message.nonce.size(), message.nonce.begin());
    return message;
}

// Flow 0 carries UDP, flow 1 everything: the first that matches is taken.
void Engine::install(Now now, Peer& peer, const Message& ours, const Message& theirs, bool is_initiator,
                     control::Output& out) {
    const Nonce& first = is_initiator ? ours.nonce : theirs.nonce;
    const Nonce& second = is_initiator ? theirs.nonce : ours.nonce;
    for (std::uint8_t flow = 0; flow < kFlows; ++flow) {
        dataplane::InstallSession session;
        session.local_id = {ours.ids[flow]};
        session.remote_id = theirs.ids[flow];
        session.peer = peer.config.index;
        session.listener = listener_;
        const auto label = static_cast<std::uint8_t>(2 * flow);
        const std::uint8_t sends = is_initiator ? 0 : 1;
        session.send_key = key_of(peer.config.secret, first, second, static_cast<std::uint8_t>(label + sends));
        session.receive_key = key_of(peer.config.secret, first, second, static_cast<std::uint8_t>(label + 1 - sends));
        session.created = now.instant;
        session.lifetime.hard.age = std::chrono::hours(1);
        session.send_when = is_initiator ? dataplane::SendWhen::kNow : dataplane::SendWhen::kAfterFirstReceived;
        session.follow = dataplane::Follow::kNever;
        session.first_counter = 1;
        session.flow = flow;
        session.selectors = {everything()};
        if (flow == 0) {
            session.selectors[0].protocol = dataplane::kProtocolUdp;
            session.selectors[0].local_ports.last = peer.config.last_udp_port;
        }
        peer.sessions.push_back(session.local_id);
        out.commands.push_back({peer.config.worker, std::move(session)});
    }
}

void Engine::send(const Peer& /*peer*/, const Endpoint& to, std::vector<std::uint8_t> bytes, control::Output& out) {
    out.messages.push_back({to, {}, 0, std::move(bytes)});
}

void Engine::handle_datagram(Now now, const control::Arrival& arrival, Bytes datagram, control::Output& out) {
    for (auto& [index, peer] : peers_) {
        const auto message = parse(peer, datagram);
        if (!message) continue;
        if (message->type == Type::kRequest) {
            if (message->message_id <= peer.answered) {
                if (message->message_id == peer.answered) send(peer, arrival.from, peer.answer, out);
                return;
            }
            const Message ours = begin(peer, Type::kResponse, message->message_id);
            peer.answered = message->message_id;
            peer.answer = format(peer, ours);
            ++totals_.handshakes_initiated;
            out.commands.push_back({peer.config.worker, dataplane::SetEndpoint{index, arrival.from, arrival.to}});
            install(now, peer, ours, *message, false, out);
            return send(peer, arrival.from, peer.answer, out);
        }
        if (!peer.pending || peer.pending->request.message_id != message->message_id) return;
        const Message request = peer.pending->request;
        peer.pending.reset();
        peer.latest = now.instant;
        ++totals_.handshakes_completed;
        install(now, peer, request, *message, true, out);
        out.news.emplace_back(control::HandshakeCompleted{index, true, now, arrival.from});
        return;
    }
    totals_.drops.add(DropReason::kUnknownPeer);
}

void Engine::handle_event(Now now, const dataplane::Event& event, control::Output& out) {
    if (const auto* need = std::get_if<dataplane::NeedSession>(&event)) {
        const auto found = peers_.find(need->peer);
        if (found == peers_.end() || found->second.pending || !found->second.config.endpoint) return;
        Peer& peer = found->second;
        asked_for = need->packet;
        peer.pending = Pending{begin(peer, Type::kRequest, peer.next_message_id++), now.instant + kRepeat};
        ++totals_.handshakes_initiated;
        send(peer, *peer.config.endpoint, format(peer, peer.pending->request), out);
    } else if (const auto* confirmed = std::get_if<dataplane::SessionConfirmed>(&event)) {
        const auto found = peers_.find(confirmed->peer);
        if (found == peers_.end()) return;
        found->second.latest = now.instant;
        ++totals_.handshakes_completed;
        out.news.emplace_back(control::HandshakeCompleted{confirmed->peer, false, now, {}});
    }
}

void Engine::handle_timeout(Now now, control::Output& out) {
    for (auto& [index, peer] : peers_) {
        if (!peer.pending || peer.pending->repeat_at > now.instant) continue;
        if (--peer.pending->left == 0) {
            peer.pending.reset();
            out.commands.push_back({peer.config.worker, dataplane::PurgeStaged{index}});
            out.news.emplace_back(control::HandshakeGaveUp{index, now, *peer.config.endpoint});
            continue;
        }
        peer.pending->repeat_at = now.instant + kRepeat;
        send(peer, *peer.config.endpoint, format(peer, peer.pending->request), out);
    }
}

Instant Engine::next_deadline() const {
    Instant next = kNever;
    for (const auto& [index, peer] : peers_) {
        if (peer.pending) next = std::min(next, peer.pending->repeat_at);
    }
    return next;
}

std::optional<control::PeerStatus> Engine::peer_status(PeerIndex peer) const {
    const auto found = peers_.find(peer);
    if (found == peers_.end()) return std::nullopt;
    control::PeerStatus status;
    status.endpoint = found->second.config.endpoint;
    status.latest_handshake = found->second.latest;
    status.is_handshaking = found->second.pending.has_value();
    return status;
}

}  // namespace warren::toy
