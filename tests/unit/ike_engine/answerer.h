// Answers the engine's asks in place, as vpnd's thread and authd do.
#pragma once

#include <unordered_map>
#include <utility>
#include <variant>

#include "crypto/random.h"
#include "crypto/secret_buffer.h"
#include "vpnd/ike/ask.h"
#include "vpnd/ike/exchange.h"

namespace warren::ike::testing {

// The number of the preshared key that a test's connection has, unless the test says another.
inline SecretId psk_of(ConnectionIndex connection) {
    return connection.value + 1;
}

class Answerer {
  public:
    // `random` must outlive this.
    explicit Answerer(crypto::RandomSource& random) : random_(random), nobodys_(std::size_t{32}) {
        random_.fill(nobodys_.writable());
    }

    void put_psk(SecretId id, Bytes psk) { psks_[id] = crypto::SecretBuffer(psk); }
    mutable std::size_t mixes = 0;  // PpkMixAsks that were answered

    [[nodiscard]] Answer answer(Question question) {
        if (auto* const keys = std::get_if<KeyExchangeAsk>(&question)) return exchange(std::move(*keys), random_);
        if (const auto* const mac = std::get_if<PskMacAsk>(&question)) return mac_with_psk(*mac);
        if (const auto* const mix = std::get_if<PpkMixAsk>(&question)) return mix_ppk(*mix);
        return AskFailed{};
    }

  private:
    [[nodiscard]] Answer mac_with_psk(const PskMacAsk& ask) const {
        const auto found = psks_.find(ask.psk);
        if (found == psks_.end() && ask.psk != kNoSecret) return AskFailed{};
        const Bytes psk = found == psks_.end() ? nobodys_.reveal() : found->second.reveal();
        PskMacAnswer out;
        if (!ask.peer_octets.empty()) out.peer_mac = crypto::shared_key_mic(ask.prf, psk, ask.peer_octets);
        if (!ask.our_octets.empty()) out.our_mac = crypto::shared_key_mic(ask.prf, psk, ask.our_octets);
        return out;
    }

    [[nodiscard]] Answer mix_ppk(const PpkMixAsk& ask) const {
        const auto found = psks_.find(ask.ppk);
        if (found == psks_.end() && ask.ppk != kNoSecret) return AskFailed{};
        const Bytes ppk = found == psks_.end() ? nobodys_.reveal() : found->second.reveal();
        const auto mixed = [&](const crypto::PrfKey& key) {
            crypto::PrfKey out(key.size());
            crypto::prf_plus(ask.prf, ppk, {key.reveal()}, out.writable());
            return out;
        };
        ++mixes;
        return PpkMixAnswer{mixed(ask.sk_d), mixed(ask.sk_pi), mixed(ask.sk_pr)};
    }

    crypto::RandomSource& random_;
    crypto::SecretBuffer nobodys_;
    std::unordered_map<SecretId, crypto::SecretBuffer> psks_;
};

}  // namespace warren::ike::testing
