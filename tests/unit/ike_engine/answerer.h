// Answers the engine's asks in place, as vpnd's thread and authd do.
#pragma once

#include <algorithm>
#include <functional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>

#include "crypto/random.h"
#include "crypto/secret_buffer.h"
#include "crypto/sha.h"
#include "vpnd/ike/ask.h"
#include "vpnd/ike/exchange.h"

namespace warren::ike::testing {

// The number of the preshared key that a test's connection has, unless the test says another.
inline SecretId psk_of(ConnectionIndex connection) {
    return connection.value + 1;
}

// Certificates and signatures without cryptography: what they say is true unless a test says otherwise. A chain's first
// certificate is the issuer's number and a name, those behind it are filling; a signature is a digest of both and of
// what is signed.
struct FakeSigner {
    SecretId issuer = kNoSecret;  // the trust that vouches for it
    std::string name;             // whose identity it is
    AuthMethod method = AuthMethod::kDigitalSignature;
    std::size_t filling = 0;                      // bytes
    PeerVerdict verdict = PeerVerdict::kTrusted;  // what is found wrong with it

    [[nodiscard]] std::vector<std::uint8_t> certificate() const {
        std::vector<std::uint8_t> out(sizeof(SecretId) + 1 + name.size());
        store_be(out.data(), issuer);
        out[sizeof(SecretId)] = static_cast<std::uint8_t>(verdict);
        std::copy(name.begin(), name.end(), out.begin() + sizeof(SecretId) + 1);
        return out;
    }
    [[nodiscard]] CertificateChain chain() const {
        CertificateChain out{certificate()};
        if (filling > 0) out.emplace_back(filling, std::uint8_t{0x5a});
        return out;
    }
    [[nodiscard]] static std::vector<std::uint8_t> sign(Bytes certificate, Bytes octets) {
        std::vector<std::uint8_t> out(32);
        crypto::digest(crypto::Sha::kSha256, {certificate, octets}, out);
        return out;
    }
};

class Answerer {
  public:
    // `random` must outlive this.
    explicit Answerer(crypto::RandomSource& random) : random_(random), nobodys_(std::size_t{32}) {
        random_.fill(nobodys_.writable());
    }

    void put_psk(SecretId id, Bytes psk) { psks_[id] = crypto::SecretBuffer(psk); }
    WallTime certificates_end{INT64_MAX};  // of peers that are trusted
    mutable std::size_t mixes = 0;         // PpkMixAsks that were answered
    // Certificates of `issuer` are good under `trust` too: the same CA, with other revocation lists.
    void vouch(SecretId trust, SecretId issuer) { issuers_[trust] = issuer; }
    // Its revocation lists name everybody.
    void revoke(SecretId trust) { revoking_.insert(trust); }
    void put_signer(SecretId id, FakeSigner signer) { signers_[id] = std::move(signer); }

    [[nodiscard]] Answer answer(Question question) {
        if (auto* const keys = std::get_if<KeyExchangeAsk>(&question)) return exchange(std::move(*keys), random_);
        if (const auto* const mac = std::get_if<PskMacAsk>(&question)) return mac_with_psk(*mac);
        if (const auto* const mix = std::get_if<PpkMixAsk>(&question)) return mix_ppk(*mix);
        if (otherwise) return otherwise(question);
        if (const auto* const sign = std::get_if<SignAsk>(&question)) return answer(*sign);
        if (const auto* const verify = std::get_if<VerifyPeerAsk>(&question)) return answer(*verify);
        return AskFailed{};
    }

    std::vector<SignAsk> signed_for;  // what was asked for
    std::vector<VerifyPeerAsk> verified;
    std::function<Answer(const Question&)> otherwise;  // answers all asks but those for keys and preshared keys

  private:
    [[nodiscard]] Answer answer(const SignAsk& ask) {
        signed_for.push_back(ask);
        const auto found = signers_.find(ask.signer);
        if (found == signers_.end()) return SignAnswer{};
        const FakeSigner& signer = found->second;
        return SignAnswer{signer.method, FakeSigner::sign(signer.certificate(), ask.octets), signer.chain()};
    }
    [[nodiscard]] Answer answer(const VerifyPeerAsk& ask) {
        verified.push_back(ask);
        const auto verdict = [](PeerVerdict what) { return VerifyPeerAnswer{what, 0, {}}; };
        if (ask.chain.empty() || ask.chain[0].size() <= sizeof(SecretId)) return verdict(PeerVerdict::kMalformed);
        const Bytes leaf = ask.chain[0];
        if (ask.data != FakeSigner::sign(leaf, ask.octets)) return verdict(PeerVerdict::kWrongSignature);
        const Bytes name = leaf.subspan(sizeof(SecretId) + 1);
        if (!std::equal(name.begin(), name.end(), ask.identity.value.begin(), ask.identity.value.end()))
            return verdict(PeerVerdict::kWrongIdentity);
        const auto issuer = load_be<SecretId>(leaf.data());
        const auto held = std::find_if(ask.trusts.begin(), ask.trusts.end(), [&](SecretId trust) {
            const auto other = issuers_.find(trust);
            return (other == issuers_.end() ? trust : other->second) == issuer;
        });
        if (ask.trusts.empty()) return verdict(PeerVerdict::kUnknown);
        if (held == ask.trusts.end()) return verdict(PeerVerdict::kUnknownIssuer);
        if (revoking_.contains(*held)) return verdict(PeerVerdict::kRevoked);
        const auto flaw = static_cast<PeerVerdict>(leaf[sizeof(SecretId)]);
        if (flaw != PeerVerdict::kTrusted) return verdict(flaw);
        return VerifyPeerAnswer{PeerVerdict::kTrusted, static_cast<std::uint32_t>(held - ask.trusts.begin()),
                                certificates_end};
    }
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
    std::unordered_map<SecretId, FakeSigner> signers_;
    std::unordered_map<SecretId, SecretId> issuers_;
    std::unordered_set<SecretId> revoking_;
};

}  // namespace warren::ike::testing
