#include "bench/wgblast/crowd.h"

#include <algorithm>
#include <deque>

#include "bench/wgblast/clock.h"

namespace warren::bench {

namespace {

constexpr std::uint32_t kPeerBits = 20;  // of a sender index; the generation is above
constexpr std::uint32_t kPeerMask = (1U << kPeerBits) - 1;
constexpr Duration kPatience = std::chrono::seconds(1);  // for a response
constexpr std::size_t kInitiatorSpiAt = 4;               // behind the marker

}  // namespace

Crowd::Crowd(const Roster& roster, std::uint32_t peers, Target target, Wire wire,
             std::unique_ptr<crypto::PacketAead> aead)
    : target_(std::move(target)),
      ike_{target_.hub, target_.psk, {}, {}},
      echo_message_(message_size(target_.protocol, kEchoSize)),
      wire_(std::move(wire)),
      aead_(std::move(aead)) {
    clients_.reserve(peers);
    for (std::uint32_t i = 0; i < peers; ++i) {
        std::unique_ptr<Handshake> handshake;
        if (target_.protocol == Protocol::kIpsec) {
            handshake = std::make_unique<IkeHandshake>(ike_, roster, roster.first_peer + i);
        } else {
            handshake = std::make_unique<Initiator>(roster.keys_of(roster.first_peer + i), target_.key);
        }
        clients_.push_back(std::make_unique<Client>(std::move(handshake), i % wire_.count(), roster.address_of(i)));
    }
}

void Crowd::initiate(Now now, std::uint32_t peer) {
    Client& one = client(peer);
    ++one.attempts;
    one.asked = now.instant;
    const std::vector<std::uint8_t> message = one.handshake->begin(now, peer | one.attempts << kPeerBits);
    if (message.empty()) return;
    if (target_.protocol == Protocol::kIpsec) askers_[load_be<std::uint64_t>(message.data() + kInitiatorSpiAt)] = peer;
    if (wire_.send(one.socket, message, message.size())) ++handshakes_.initiations;
}

void Crowd::receive(Now now) {
    wire_.receive([&](const Arrival& arrival) { take(now, arrival); });
}

std::uint32_t Crowd::connect(Duration age, std::uint32_t parallel, Duration patience) {
    const Instant give_up = monotonic_now() + patience;
    const Instant oldest = monotonic_now() - age;
    const auto is_fresh = [&](std::uint32_t peer) {
        const Session& session = client(peer).session;
        return session.local_id != 0 && (target_.protocol == Protocol::kIpsec || session.created >= oldest);
    };
    std::deque<std::uint32_t> waiting;
    for (std::uint32_t i = 0; i < size(); ++i) {
        if (!is_fresh(i)) waiting.push_back(i);
    }
    std::vector<std::uint32_t> asking;
    while (!waiting.empty() || !asking.empty()) {
        const Now now = both_clocks();
        if (now.instant > give_up) break;
        while (asking.size() < parallel && !waiting.empty()) {
            initiate(now, waiting.front());
            asking.push_back(waiting.front());
            waiting.pop_front();
        }
        receive(now);
        for (const std::uint32_t peer : asking) {
            if (!is_fresh(peer) && now.instant - client(peer).asked > kPatience) initiate(now, peer);
        }
        std::erase_if(asking, is_fresh);
    }
    return static_cast<std::uint32_t>(waiting.size() + asking.size());
}

bool Crowd::send_packet(std::uint32_t peer, Bytes inner) {
    Client& one = client(peer);
    scratch_.assign(message_size(target_.protocol, inner.size()), 0);
    crypto::AeadJob job = prepare(target_.protocol, one.session, scratch_.data(), inner.size());
    std::copy(inner.begin(), inner.end(), job.text);
    aead_->seal(std::span(&job, 1));
    return wire_.send(one.socket, scratch_, scratch_.size());
}

void Crowd::listen(std::uint16_t identifier, EchoListener* listener) {
    if (identifier >= listeners_.size()) listeners_.resize(identifier + 1U);
    listeners_[identifier] = listener;
}

std::optional<std::uint32_t> Crowd::owner_of(std::uint32_t local_id) const {
    if (target_.protocol == Protocol::kIpsec) {
        const auto found = owners_.find(local_id);
        return found == owners_.end() ? std::nullopt : std::optional(found->second);
    }
    const std::uint32_t peer = local_id & kPeerMask;
    return peer < clients_.size() ? std::optional(peer) : std::nullopt;
}

std::optional<std::uint32_t> Crowd::asker_of(Bytes datagram) const {
    if (target_.protocol == Protocol::kIpsec) {
        if (datagram.size() < kInitiatorSpiAt + sizeof(std::uint64_t)) return std::nullopt;
        const auto found = askers_.find(load_be<std::uint64_t>(datagram.data() + kInitiatorSpiAt));
        return found == askers_.end() ? std::nullopt : std::optional(found->second);
    }
    if (const auto response = wireguard::parse_response(datagram)) return owner_of(response->receiver);
    if (const auto reply = wireguard::parse_cookie_reply(datagram)) return owner_of(reply->receiver);
    return std::nullopt;
}

void Crowd::take(Now now, const Arrival& arrival) {
    const Bytes first = arrival.head.first(std::min(arrival.head.size(), arrival.segment_size));
    if (is_data(target_.protocol, first)) return take_data(now, arrival);
    take_handshake(now, first);
}

void Crowd::take_handshake(Now now, Bytes datagram) {
    const auto peer = asker_of(datagram);
    if (!peer) return;
    Client& one = client(*peer);
    Handshake::Reaction reaction = one.handshake->take(now, datagram);
    for (const auto& message : reaction.messages) static_cast<void>(wire_.send(one.socket, message, message.size()));
    if (reaction.has_cookie) {
        ++handshakes_.cookies;
        one.asked = now.instant - kPatience;  // asks again, with the cookie
    }
    if (reaction.session) take_session(one, *peer, std::move(*reaction.session));
}

void Crowd::take_session(Client& client, std::uint32_t peer, Session session) {
    aead_->prepare(session.send_key);
    aead_->prepare(session.receive_key);
    client.previous = std::move(client.session);
    client.session = std::move(session);
    ++handshakes_.completed;
    if (target_.protocol == Protocol::kIpsec) {
        owners_[client.session.local_id] = peer;
    } else {
        send_packet(peer, {});  // confirms the session
    }
}

void Crowd::take_data(Now now, const Arrival& arrival) {
    const auto peer = owner_of(session_of(target_.protocol, arrival.head));
    if (!peer) return;
    Client& one = client(*peer);
    std::vector<std::uint8_t> packet;
    if (one.hears_echoes && arrival.segment_size == echo_message_ && take_echoes(now, one, arrival.head, packet))
        return;
    if (arrival.size == kMessageOverhead) return;  // a keepalive
    one.received_packets += arrival.count();
    one.received_bytes += arrival.size;
    if (!arrival.sample) return;
    ++samples_.verified;
    if (!open(one, arrival.head.first(arrival.segment_size), packet) || !is_intact(packet)) ++samples_.broken;
}

bool Crowd::take_echoes(Now now, Client& client, Bytes train, std::vector<std::uint8_t>& packet) {
    bool any = false;
    for (Bytes rest = train; rest.size() >= echo_message_; rest = rest.subspan(echo_message_)) {
        if (!open(client, rest.first(echo_message_), packet)) continue;
        const auto echo = parse_echo_reply(packet);
        if (!echo) continue;
        any = true;
        if (echo->identifier < listeners_.size() && listeners_[echo->identifier] != nullptr) {
            listeners_[echo->identifier]->heard(now.instant, echo->stamp);
        }
    }
    return any;
}

bool Crowd::open(Client& client, Bytes message, std::vector<std::uint8_t>& packet) {
    const std::uint32_t index = session_of(target_.protocol, message);
    const Session& session = client.session.local_id == index ? client.session : client.previous;
    return bench::open(target_.protocol, *aead_, session, message, packet);
}

}  // namespace warren::bench
