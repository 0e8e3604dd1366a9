// A WireGuard peer whose every value a test can set, so that it can misbehave. It uses no test framework, because fuzz
// targets use it too.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>

#include "base/check.h"
#include "crypto/random.h"
#include "crypto/x25519.h"
#include "tests/vectors/seeded_random.h"
#include "vpnd/wireguard/constants.h"
#include "vpnd/wireguard/cookie.h"
#include "vpnd/wireguard/messages.h"
#include "vpnd/wireguard/noise.h"
#include "vpnd/wireguard/tai64n.h"

namespace warren::wireguard::testing {

using test::SeededRandom;

inline crypto::KeyPair generate_key_pair(crypto::RandomSource& random) {
    return crypto::key_pair_of(crypto::generate_private_key(random));
}

inline crypto::PresharedKey generate_preshared_key(crypto::RandomSource& random) {
    crypto::PresharedKey key;
    random.fill(key.secret.writable());
    return key;
}

// Recomputes mac1 of a message that a test has changed.
inline void fix_mac1(MutableBytes message, const crypto::PublicKey& receiver) {
    const Mac mac1 = crypto::blake2s_mac(mac1_key_of(receiver), {before_mac1(message)});
    std::copy(mac1.begin(), mac1.end(), message.end() - 32);
}

inline void put_mac2(MutableBytes message, const Cookie& cookie) {
    const Mac mac2 = crypto::blake2s_mac(cookie, {before_mac2(message)});
    std::copy(mac2.begin(), mac2.end(), message.end() - 16);
}

// The other side of the wire; a test can set every value.
class ScriptedPeer {
  public:
    using InitiationBytes = std::array<std::uint8_t, kInitiationSize>;
    using ResponseBytes = std::array<std::uint8_t, kResponseSize>;

    ScriptedPeer(SeededRandom& random, crypto::PublicKey hub_key)
        : hub(hub_key), keys(generate_key_pair(random)), random_(random) {}

    // An initiation with a valid mac1. Without `ephemeral`, it is random.
    InitiationBytes initiate(std::uint32_t sender, const Tai64n& timestamp,
                             std::optional<crypto::PublicKey> sent_ephemeral = {}) {
        state_.emplace(as_bytes(kIdentifier));
        ephemeral_ = generate_key_pair(random_);
        const auto static_static = crypto::x25519(keys.private_key, hub);
        WARREN_CHECK(static_static.has_value());
        Initiation message;
        message.sender = sender;
        WARREN_CHECK(create_first_message(*state_, keys, ephemeral_, hub, *static_static, timestamp.bytes,
                                          message.ephemeral, message.sealed_static, message.sealed_timestamp));
        if (sent_ephemeral) message.ephemeral = sent_ephemeral->bytes;
        InitiationBytes bytes{};
        format(message, bytes);
        fix_mac1(bytes, hub);
        return bytes;
    }

    // The session's keys, if the response is valid.
    std::optional<SymmetricState::Keys> consume(Bytes response) {
        const auto message = parse_response(response);
        if (!message || !state_) return std::nullopt;
        SymmetricState state = state_->clone();
        if (!consume_second_message(state, keys, ephemeral_.private_key, {message->ephemeral}, preshared_key,
                                    message->sealed_nothing, {})) {
            return std::nullopt;
        }
        return state.split();
    }

    struct Answer {
        ResponseBytes bytes{};
        Tai64n timestamp;
        SymmetricState::Keys keys;
    };
    // The response to an initiation of the hub, if that is valid.
    std::optional<Answer> respond(Bytes initiation, std::uint32_t sender,
                                  std::optional<crypto::PublicKey> sent_ephemeral = {}) {
        const auto message = parse_initiation(initiation);
        if (!message) return std::nullopt;
        SymmetricState state(as_bytes(kIdentifier));
        const crypto::PublicKey theirs{message->ephemeral};
        const auto initiator = consume_first_message_static(state, keys, theirs, message->sealed_static);
        if (!initiator || *initiator != hub) return std::nullopt;
        const auto static_static = crypto::x25519(keys.private_key, hub);
        Answer answer;
        if (!static_static ||
            !consume_first_message_payload(state, *static_static, message->sealed_timestamp, answer.timestamp.bytes)) {
            return std::nullopt;
        }
        Response response;
        response.sender = sender;
        response.receiver = message->sender;
        if (!create_second_message(state, generate_key_pair(random_), theirs, hub, preshared_key, {},
                                   response.ephemeral, response.sealed_nothing)) {
            return std::nullopt;
        }
        if (sent_ephemeral) response.ephemeral = sent_ephemeral->bytes;
        answer.keys = state.split();
        format(response, answer.bytes);
        fix_mac1(answer.bytes, hub);
        return answer;
    }

    crypto::PublicKey hub;
    crypto::KeyPair keys;
    crypto::PresharedKey preshared_key;

  private:
    SeededRandom& random_;
    std::optional<SymmetricState> state_;
    crypto::KeyPair ephemeral_;
};

}  // namespace warren::wireguard::testing
