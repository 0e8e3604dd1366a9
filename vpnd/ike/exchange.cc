#include "vpnd/ike/exchange.h"

#include <utility>

namespace warren::ike {

KeyExchangeAnswer exchange(KeyExchangeAsk ask, crypto::RandomSource& random) {
    KeyExchangeAnswer out;
    out.key = ask.key.public_value().empty() ? crypto::EphemeralKey::generate(ask.method, random) : std::move(ask.key);
    if (ask.peer_value.empty()) return out;
    if (auto secret = out.key.agree(ask.peer_value)) out.secret = std::move(*secret);
    return out;
}

}  // namespace warren::ike
