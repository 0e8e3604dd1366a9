#include "crypto/key_exchange.h"

#include <algorithm>
#include <array>
#include <string>

#include "base/check.h"
#include "crypto/ecp_group.h"
#include "crypto/modp_group.h"
#include "crypto/x25519.h"

namespace warren::crypto {

namespace {

constexpr std::size_t kX25519Size = 32;

bool is_modp(KeyExchangeMethod method) {
    return method <= KeyExchangeMethod::kModp4096;
}

tl::unexpected<Error> refuse(std::string why) {
    return fail(ErrorCode::kInvalid, std::move(why));
}

PrivateKey x25519_key(const SecretBytes<66>& secret) {
    PrivateKey key;
    const Bytes bytes = secret.reveal();
    std::copy(bytes.begin(), bytes.end(), key.secret.writable().begin());
    return key;
}

// The public value of a private one; empty when that is none of the group's.
std::vector<std::uint8_t> public_value_of(KeyExchangeMethod method, const SecretBytes<66>& secret) {
    if (is_modp(method)) return modp_group(method).power_of_generator(secret.reveal());
    if (method != KeyExchangeMethod::kX25519) return ecp_group(method).multiple_of_generator(secret.reveal());
    if (secret.size() != kX25519Size) return {};
    const PublicKey key = public_key_of(x25519_key(secret));
    return {key.bytes.begin(), key.bytes.end()};
}

}  // namespace

std::size_t public_value_size(KeyExchangeMethod method) {
    switch (method) {
        case KeyExchangeMethod::kModp1024: return 128;
        case KeyExchangeMethod::kModp2048: return 256;
        case KeyExchangeMethod::kModp3072: return 384;
        case KeyExchangeMethod::kModp4096: return 512;
        case KeyExchangeMethod::kEcp256: return 64;
        case KeyExchangeMethod::kEcp384: return 96;
        case KeyExchangeMethod::kEcp521: return 132;
        case KeyExchangeMethod::kX25519: return kX25519Size;
    }
    return 0;
}

EphemeralKey EphemeralKey::generate(KeyExchangeMethod method, RandomSource& random) {
    EphemeralKey key;
    key.method_ = method;
    if (is_modp(method)) {
        key.private_value_ = modp_group(method).private_value(random);
    } else if (method == KeyExchangeMethod::kX25519) {
        key.private_value_ = SecretBytes<66>(kX25519Size);
        random.fill(key.private_value_.writable());
    } else {
        key.private_value_ = ecp_group(method).private_value(random);
    }
    key.public_value_ = public_value_of(method, key.private_value_);
    WARREN_CHECK(key.public_value_.size() == public_value_size(method));
    return key;
}

Result<EphemeralKey> EphemeralKey::from_private(KeyExchangeMethod method, Bytes private_value) {
    EphemeralKey key;
    key.method_ = method;
    if (private_value.size() <= key.private_value_.kCapacity) {
        key.private_value_ = SecretBytes<66>(private_value);
        key.public_value_ = public_value_of(method, key.private_value_);
    }
    if (key.public_value_.empty()) return refuse("the private value is none of the group's");
    return key;
}

Result<SharedSecret> EphemeralKey::agree(Bytes peer) const {
    if (private_value_.empty()) return refuse("there is no private value");
    if (peer.size() != public_value_size(method_)) {
        return refuse("the public value has " + std::to_string(peer.size()) + " bytes instead of " +
                      std::to_string(public_value_size(method_)));
    }
    SharedSecret shared;
    if (is_modp(method_)) {
        shared = modp_group(method_).power(peer, private_value_.reveal());
    } else if (method_ != KeyExchangeMethod::kX25519) {
        shared = ecp_group(method_).multiple(peer, private_value_.reveal());
    } else {
        PublicKey theirs;
        std::copy(peer.begin(), peer.end(), theirs.bytes.begin());
        if (const auto secret = x25519(x25519_key(private_value_), theirs)) shared = SharedSecret(secret->reveal());
    }
    if (shared.empty()) return refuse("the public value is none of the group's");
    return shared;
}

}  // namespace warren::crypto
