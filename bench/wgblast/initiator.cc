#include "bench/wgblast/initiator.h"

#include "crypto/x25519.h"
#include "vpnd/wireguard/constants.h"

namespace warren::bench {

Initiator::Initiator(crypto::KeyPair ours, const crypto::PublicKey& hub) : ours_(std::move(ours)), hub_(hub) {}

std::optional<InitiationBytes> Initiator::initiate(Now now, std::uint32_t index, crypto::RandomSource& random) {
    if (!static_static_) static_static_ = crypto::x25519(ours_.private_key, hub_);
    if (!static_static_) return std::nullopt;
    pending_.emplace(Pending{wireguard::SymmetricState(as_bytes(wireguard::kIdentifier)),
                             crypto::key_pair_of(crypto::generate_private_key(random)), index});
    timestamp_ = wireguard::tai64n_after(timestamp_, now.wall);

    wireguard::Initiation message;
    message.sender = index;
    if (!wireguard::create_first_message(pending_->state, ours_, pending_->ephemeral, hub_, *static_static_,
                                         timestamp_.bytes, message.ephemeral, message.sealed_static,
                                         message.sealed_timestamp)) {
        return std::nullopt;
    }
    InitiationBytes bytes{};
    wireguard::format(message, bytes);
    macs_.sign(now.instant, bytes, hub_);
    return bytes;
}

std::optional<Session> Initiator::consume_response(Instant now, Bytes datagram) {
    const auto response = wireguard::parse_response(datagram);
    if (!response || !pending_ || response->receiver != pending_->index) return std::nullopt;
    wireguard::SymmetricState state = pending_->state.clone();
    if (!wireguard::consume_second_message(state, ours_, pending_->ephemeral.private_key, {response->ephemeral}, {},
                                           response->sealed_nothing, {})) {
        return std::nullopt;
    }
    auto [initiator_sends, responder_sends] = state.split();
    Session session{
        std::move(initiator_sends), std::move(responder_sends), pending_->index, response->sender, 0, now, false};
    pending_.reset();
    return session;
}

bool Initiator::consume_cookie_reply(Instant now, Bytes datagram) {
    const auto reply = wireguard::parse_cookie_reply(datagram);
    if (!reply || !pending_ || reply->receiver != pending_->index) return false;
    return macs_.consume(now, *reply, hub_) == wireguard::CookieVerdict::kAccepted;
}

std::vector<std::uint8_t> Initiator::begin(Now now, std::uint32_t index) {
    const auto message = initiate(now, index, random_);
    return message ? std::vector<std::uint8_t>(message->begin(), message->end()) : std::vector<std::uint8_t>();
}

Handshake::Reaction Initiator::take(Now now, Bytes datagram) {
    Reaction reaction;
    reaction.session = consume_response(now.instant, datagram);
    reaction.has_cookie = !reaction.session && consume_cookie_reply(now.instant, datagram);
    return reaction;
}

}  // namespace warren::bench
