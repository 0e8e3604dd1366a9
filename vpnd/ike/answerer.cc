#include "vpnd/ike/answerer.h"

#include <utility>

#include "vpnd/ike/keys.h"

namespace warren::ike {

Answerer::Answerer(crypto::RandomSource& random) : random_(random), nobodys_(std::size_t{32}) {
    random_.fill(nobodys_.writable());
}

Answer Answerer::answer(Question question) {
    if (auto* const keys = std::get_if<KeyExchangeAsk>(&question)) return exchange(std::move(*keys));
    return mac(std::get<PskMacAsk>(question));
}

Answer Answerer::exchange(KeyExchangeAsk ask) {
    KeyExchangeAnswer out;
    out.key = ask.key.public_value().empty() ? crypto::EphemeralKey::generate(ask.method, random_) : std::move(ask.key);
    if (ask.peer_value.empty()) return out;
    if (auto secret = out.key.agree(ask.peer_value)) out.secret = std::move(*secret);
    return out;
}

// A connection without a key here is one that was just removed.
Answer Answerer::mac(const PskMacAsk& ask) const {
    const auto found = psks_.find(ask.connection);
    const Psk& psk = found == psks_.end() ? nobodys_ : found->second;
    PskMacAnswer out;
    if (!ask.peer_octets.empty()) out.peer_mac = shared_key_mic(ask.prf, psk.reveal(), ask.peer_octets);
    if (!ask.our_octets.empty()) out.our_mac = shared_key_mic(ask.prf, psk.reveal(), ask.our_octets);
    return out;
}

}  // namespace warren::ike
