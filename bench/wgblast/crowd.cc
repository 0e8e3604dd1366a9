#include "bench/wgblast/crowd.h"

#include <algorithm>
#include <deque>

#include "bench/wgblast/clock.h"
#include "vpnd/dataplane/framing/wireguard.h"

namespace warren::bench {

namespace {

constexpr std::uint32_t kPeerBits = 20;  // of a sender index; the generation is above
constexpr std::uint32_t kPeerMask = (1U << kPeerBits) - 1;
constexpr Duration kPatience = std::chrono::seconds(1);  // for a response
constexpr std::size_t kEchoMessage = (kEchoSize + 15) / 16 * 16 + dataplane::kWireguardFraming.overhead;
constexpr std::uint32_t kData = static_cast<std::uint32_t>(wireguard::MessageType::kData);

bool is_data(Bytes datagram) {
    return datagram.size() >= dataplane::kWireguardFraming.overhead && load_le<std::uint32_t>(datagram.data()) == kData;
}

}  // namespace

Crowd::Crowd(const Roster& roster, std::uint32_t peers, const crypto::PublicKey& hub, Wire wire,
             std::unique_ptr<crypto::PacketAead> aead)
    : wire_(std::move(wire)), aead_(std::move(aead)) {
    clients_.reserve(peers);
    for (std::uint32_t i = 0; i < peers; ++i) {
        clients_.push_back(
            std::make_unique<Client>(Initiator(roster.keys_of(i), hub), i % wire_.count(), roster.address_of(i)));
    }
}

void Crowd::initiate(Now now, std::uint32_t peer) {
    Client& one = client(peer);
    ++one.attempts;
    one.asked = now.instant;
    const auto message = one.initiator.initiate(now, peer | one.attempts << kPeerBits, random_);
    if (message && wire_.send(one.socket, *message, message->size())) ++handshakes_.initiations;
}

void Crowd::receive(Now now) {
    wire_.receive([&](const Arrival& arrival) { take(now, arrival); });
}

std::uint32_t Crowd::connect(Duration age, std::uint32_t parallel, Duration patience) {
    const Instant give_up = monotonic_now() + patience;
    const Instant oldest = monotonic_now() - age;
    const auto is_fresh = [&](std::uint32_t peer) {
        return client(peer).session.local_id != 0 && client(peer).session.created >= oldest;
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
    const std::size_t padded = dataplane::WireguardFraming::padded_size(inner.size(), 0);
    scratch_.assign(padded + dataplane::kWireguardFraming.overhead, 0);
    crypto::AeadJob job{&one.session.send_key, one.session.counter++,
                        scratch_.data() + dataplane::WireguardFraming::kHeaderSize, static_cast<std::uint32_t>(padded),
                        false};
    dataplane::WireguardFraming::write_header(scratch_.data(), one.session.remote_id, job.iv);
    std::copy(inner.begin(), inner.end(), job.text);
    aead_->seal(std::span(&job, 1));
    return wire_.send(one.socket, scratch_, scratch_.size());
}

void Crowd::listen(std::uint16_t identifier, EchoListener* listener) {
    if (identifier >= listeners_.size()) listeners_.resize(identifier + 1U);
    listeners_[identifier] = listener;
}

Client* Crowd::owner_of(std::uint32_t local_id) {
    const std::uint32_t peer = local_id & kPeerMask;
    return peer < clients_.size() ? clients_[peer].get() : nullptr;
}

void Crowd::take(Now now, const Arrival& arrival) {
    if (is_data(arrival.head)) return take_data(now, arrival);
    take_handshake(now, arrival.head.first(std::min(arrival.head.size(), arrival.segment_size)));
}

void Crowd::take_handshake(Now now, Bytes datagram) {
    if (const auto response = wireguard::parse_response(datagram)) {
        Client* const one = owner_of(response->receiver);
        if (one == nullptr) return;
        auto session = one->initiator.consume_response(now.instant, datagram);
        if (!session) return;
        one->previous = std::move(one->session);
        one->session = std::move(*session);
        ++handshakes_.completed;
        send_packet(response->receiver & kPeerMask, {});  // confirms the session
    } else if (const auto reply = wireguard::parse_cookie_reply(datagram)) {
        Client* const one = owner_of(reply->receiver);
        if (one == nullptr || !one->initiator.consume_cookie_reply(now.instant, datagram)) return;
        ++handshakes_.cookies;
        one->asked = now.instant - kPatience;  // asks again, with the cookie
    }
}

void Crowd::take_data(Now now, const Arrival& arrival) {
    Client* const one = owner_of(load_le<std::uint32_t>(arrival.head.data() + 4));
    if (one == nullptr) return;
    std::vector<std::uint8_t> packet;
    constexpr std::size_t kEchoMessage = (kEchoSize + 15) / 16 * 16 + dataplane::kWireguardFraming.overhead;
    if (one->hears_echoes && arrival.segment_size == kEchoMessage && take_echoes(now, *one, arrival.head, packet))
        return;
    if (arrival.size == dataplane::kWireguardFraming.overhead) return;  // a keepalive
    one->received_packets += arrival.count();
    one->received_bytes += arrival.size;
    if (!arrival.sample) return;
    ++samples_.verified;
    if (!open(*one, arrival.head.first(arrival.segment_size), packet) || !is_intact(packet)) ++samples_.broken;
}

bool Crowd::take_echoes(Now now, Client& client, Bytes train, std::vector<std::uint8_t>& packet) {
    bool any = false;
    for (Bytes rest = train; rest.size() >= kEchoMessage; rest = rest.subspan(kEchoMessage)) {
        if (!open(client, rest.first(kEchoMessage), packet)) continue;
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
    const std::uint32_t index = load_le<std::uint32_t>(message.data() + 4);
    const Session& session = client.session.local_id == index ? client.session : client.previous;
    packet.assign(message.begin() + dataplane::WireguardFraming::kHeaderSize, message.end());
    crypto::AeadJob job{&session.receive_key, load_le<std::uint64_t>(message.data() + 8), packet.data(),
                        static_cast<std::uint32_t>(packet.size() - crypto::kTagSize), false};
    aead_->open(std::span(&job, 1));
    packet.resize(job.size);
    return job.authentic;
}

}  // namespace warren::bench
