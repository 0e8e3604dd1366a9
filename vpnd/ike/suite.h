// The algorithms of IKE and ESP: one table, and what was chosen of it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "crypto/ike_cipher.h"
#include "crypto/key_exchange.h"
#include "crypto/sha.h"
#include "vpnd/ike/numbers.h"
#include "vpnd/ike/payload.h"

namespace warren::ike {

enum class Standing : std::uint8_t {
    kGood,
    kLegacy,   // only where the operator names it, with a warning
    kRefused,  // never; `why` says the reason
};

// One transform that we know.
struct Algorithm {
    TransformType type = TransformType::kEncryption;
    std::uint16_t id = 0;           // IANA's
    std::uint16_t key_bits = 0;     // the Key Length attribute; 0: it has none
    std::string_view name{};        // as operators write it: "aes256gcm", "sha384", "x25519"
    std::string_view other_name{};  // what other implementations call it; empty: nothing else
    std::uint8_t key_size = 0;      // bytes of key material, without the salt
    std::uint8_t salt_size = 0;     // bytes of key material behind the key: part of an AEAD's nonce
    std::uint8_t icv_size = 0;      // bytes; encryption: of an AEAD
    bool in_ike = false;            // we have it for IKE_SAs
    bool in_esp = false;            // we have it for children
    Standing standing = Standing::kGood;
    std::string_view why{};  // of kLegacy and kRefused
    // What carries it out; the one that fits the type and the standing.
    crypto::IkeCipher cipher{};
    crypto::Sha sha{};
    crypto::KeyExchangeMethod method{};

    [[nodiscard]] bool is_aead() const { return type == TransformType::kEncryption && icv_size > 0; }
    [[nodiscard]] Transform transform() const { return {.type = type, .id = id, .key_bits = key_bits}; }
};

// All of them, in our order of preference within a type. They live as long as the program, so a pointer names one.
[[nodiscard]] std::span<const Algorithm> algorithms();
// That of a transform on the wire, refused ones too. Null: unknown, an attribute that is unknown, or a key length that
// the algorithm does not have.
[[nodiscard]] const Algorithm* find_algorithm(const Transform& transform);
// By either name, without case. Null when there is none of the type.
[[nodiscard]] const Algorithm* find_algorithm(TransformType type, std::string_view name);
[[nodiscard]] const Algorithm* find_method(KeyExchangeId method);

// What an IKE_SA runs on. None is null but for `integrity`, which is with an AEAD.
struct IkeSuite {
    const Algorithm* encryption = nullptr;
    const Algorithm* prf = nullptr;
    const Algorithm* integrity = nullptr;
    const Algorithm* key_exchange = nullptr;
    auto operator<=>(const IkeSuite&) const = default;

    [[nodiscard]] crypto::Sha prf_hash() const { return prf->sha; }
    // The least that a nonce must have: half of the PRF's key, and 16 (RFC 7296 §2.10).
    [[nodiscard]] std::size_t least_nonce() const;
};

// What a child runs on. `integrity` is null with an AEAD, `key_exchange` without a key exchange of its own.
struct ChildSuite {
    const Algorithm* encryption = nullptr;
    const Algorithm* integrity = nullptr;
    const Algorithm* key_exchange = nullptr;
    bool esn = false;
    auto operator<=>(const ChildSuite&) const = default;
};

// "aes256gcm-prfsha384-x25519", "aes256-sha256-prfsha256-modp2048".
[[nodiscard]] std::string to_string(const IkeSuite& suite);
// "aes128gcm-x25519-esn", "aes256-sha256".
[[nodiscard]] std::string to_string(const ChildSuite& suite);

}  // namespace warren::ike
