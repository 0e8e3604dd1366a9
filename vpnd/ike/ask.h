// What the engine does not do itself: work that takes long, and work with secrets that it does not hold. It leaves as a
// value and its answer comes back as one, late, in any order, or never.
#pragma once

#include <cstdint>
#include <variant>
#include <vector>

#include "crypto/key_exchange.h"
#include "crypto/prf.h"
#include "vpnd/ike/connection.h"

namespace warren::ike {

// Never used twice by one engine.
using AskId = std::uint64_t;

// Makes an ephemeral key of `method` where `key` is empty. Then, unless `peer_value` is empty, agrees with it.
struct KeyExchangeAsk {
    crypto::KeyExchangeMethod method = crypto::KeyExchangeMethod::kX25519;
    crypto::EphemeralKey key;
    std::vector<std::uint8_t> peer_value;
};
struct KeyExchangeAnswer {
    crypto::EphemeralKey key;
    crypto::SharedSecret secret;  // empty: none was asked for, or the peer's value is none of the group's
};

// MACs octets (auth_octets()) with the connection's preshared key; empty ones are not. An invalid connection: with a
// key that nobody has, in the same time.
struct PskMacAsk {
    ConnectionIndex connection;
    crypto::Sha prf = crypto::Sha::kSha256;
    std::vector<std::uint8_t> peer_octets;  // what the peer's AUTH covers
    std::vector<std::uint8_t> our_octets;
};
struct PskMacAnswer {
    crypto::PrfKey peer_mac;
    crypto::PrfKey our_mac;
};

using Question = std::variant<KeyExchangeAsk, PskMacAsk>;
struct Ask {
    AskId id = 0;
    Question question;
    bool may_wait = false;  // of a stranger, or for later use: others are answered before it
};

// Whoever answers is gone, or has no room: as good as a lost message.
struct AskFailed {};
using Answer = std::variant<AskFailed, KeyExchangeAnswer, PskMacAnswer>;

}  // namespace warren::ike
