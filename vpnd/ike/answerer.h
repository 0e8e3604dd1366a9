// Answers asks in place: for tests, and while preshared keys are kept in this process.
#pragma once

#include <unordered_map>

#include "crypto/random.h"
#include "crypto/secret_bytes.h"
#include "vpnd/ike/ask.h"

namespace warren::ike {

inline constexpr std::size_t kMostPsk = 256;  // bytes
using Psk = crypto::SecretBytes<kMostPsk>;

// The preshared keys of connections, and the arithmetic. KeyExchangeAsks touch no member but the random source: another
// thread may answer them with an answerer of its own. One thread.
class Answerer {
  public:
    // `random` must outlive this.
    explicit Answerer(crypto::RandomSource& random);

    void put_psk(ConnectionIndex connection, Psk psk) { psks_[connection] = std::move(psk); }
    void drop_psk(ConnectionIndex connection) { psks_.erase(connection); }

    [[nodiscard]] Answer answer(Question question);

  private:
    [[nodiscard]] Answer exchange(KeyExchangeAsk ask);
    [[nodiscard]] Answer mac(const PskMacAsk& ask) const;

    crypto::RandomSource& random_;
    Psk nobodys_;
    std::unordered_map<ConnectionIndex, Psk> psks_;
};

}  // namespace warren::ike
