#include "auth/chain/signer.h"

#include <utility>

namespace warren::auth {

namespace {

const char* words_for(crypto::KeyFlaw flaw) {
    switch (flaw) {
        case crypto::KeyFlaw::kMalformed:
            return "the private key cannot be read: it must be PEM (PKCS8) without a password";
        case crypto::KeyFlaw::kUnsupported:
            return "the private key is of a kind that Warren does not use: RSA, P-256, P-384, P-521 and Ed25519 are";
        case crypto::KeyFlaw::kTooShort: return "the private key is too short: RSA needs 2048 bits";
        case crypto::KeyFlaw::kTooLong: break;
    }
    return "the private key is too long: RSA may have 4096 bits";
}

}  // namespace

Signer::Signer(crypto::SigningKey key, std::vector<Certificate> chain)
    : key_(std::move(key)), chain_(std::move(chain)) {
    for (const Certificate& one : chain_) {
        const bool is_leaf = &one == &chain_.front();
        if (is_leaf || !one.is_self_issued()) to_send_.push_back(one.der());
    }
}

Result<Signer> Signer::from_files(Bytes certificate, Bytes private_key) {
    auto chain = Certificate::from_file(certificate, kMostChain);
    if (!chain) return tl::unexpected<Error>(chain.error());
    auto key = crypto::SigningKey::from_pem(private_key);
    if (!key) return fail(ErrorCode::kInvalid, words_for(key.error()));
    if (key->public_key() != chain->front().public_key())
        return fail(ErrorCode::kInvalid, "the private key is not that of the first certificate");
    return Signer(std::move(*key), std::move(*chain));
}

}  // namespace warren::auth
