#include "crypto/x25519.h"

#include <sodium.h>

#include "base/check.h"
#include "crypto/sodium_ready.h"

namespace warren::crypto {

PrivateKey generate_private_key(RandomSource& random) {
    PrivateKey key;
    random.fill(key.secret.writable());
    return key;
}

PublicKey public_key_of(const PrivateKey& key) {
    ensure_sodium_ready();
    PublicKey out;
    WARREN_CHECK(::crypto_scalarmult_curve25519_base(out.bytes.data(), key.secret.reveal().data()) == 0);
    return out;
}

KeyPair key_pair_of(PrivateKey key) {
    const PublicKey public_key = public_key_of(key);
    return {std::move(key), public_key};
}

std::optional<Secret<32>> x25519(const PrivateKey& ours, const PublicKey& theirs) {
    ensure_sodium_ready();
    Secret<32> shared;
    const int status =
        ::crypto_scalarmult_curve25519(shared.writable().data(), ours.secret.reveal().data(), theirs.bytes.data());
    if (status != 0 || shared.is_zero()) return std::nullopt;
    return shared;
}

}  // namespace warren::crypto
