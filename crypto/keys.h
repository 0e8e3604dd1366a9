// The kinds of keys, each its own type, and their base64 text as `wg genkey` and `wg pubkey` print it.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "crypto/secret.h"

namespace warren::crypto {

// A Curve25519 public key (RFC 7748 §5). Not secret.
struct PublicKey {
    std::array<std::uint8_t, 32> bytes{};
    auto operator<=>(const PublicKey&) const = default;
};

// A Curve25519 private key, clamped when used (RFC 7748 §5).
struct PrivateKey {
    Secret<32> secret;
    bool operator==(const PrivateKey&) const = default;
    [[nodiscard]] PrivateKey clone() const { return {secret.clone()}; }
};

// WireGuard's optional preshared key; 32 zero bytes mean "none" (WireGuard whitepaper §5.4).
struct PresharedKey {
    Secret<32> secret;
    bool operator==(const PresharedKey&) const = default;
    [[nodiscard]] PresharedKey clone() const { return {secret.clone()}; }
};

// What packets are sealed with. The first three are AEADs with nonces of 12 bytes and tags of 16.
enum class AeadSuite : std::uint8_t {
    kChacha20Poly1305,  // RFC 8439
    kAes128Gcm,         // NIST SP 800-38D; as ESP uses it: RFC 4106
    kAes256Gcm,
    // ESP's AES-CBC (RFC 3602) with an HMAC over the ciphertext: crypto/cbc_hmac.h.
    kAes128CbcSha1,  // RFC 2404
    kAes256CbcSha1,
    kAes128CbcSha256,  // RFC 4868
    kAes256CbcSha256,
    kAes128CbcSha512,
    kAes256CbcSha512,
};
[[nodiscard]] constexpr bool is_cbc(AeadSuite suite) {
    return suite >= AeadSuite::kAes128CbcSha1;
}

// The key of one direction of one session.
struct AeadKey {
    Secret<32> secret;  // AES-128: the first 16 bytes
    AeadSuite suite = AeadSuite::kChacha20Poly1305;
    std::array<std::uint8_t, 4> salt{};  // the nonce's first bytes: zero in WireGuard, from the key material in ESP
    std::unique_ptr<Secret<64>> integrity{};  // the HMAC's key, as long as its hash; null for an AEAD
    // What a backend computed of the key once (PacketAead::prepare); wiped with it. Not cloned.
    std::unique_ptr<void, void (*)(void*)> prepared{nullptr, [](void*) {}};

    [[nodiscard]] AeadKey clone() const {
        AeadKey out{.secret = secret.clone(), .suite = suite, .salt = salt};
        if (integrity != nullptr) out.integrity = std::make_unique<Secret<64>>(integrity->clone());
        return out;
    }
};

// 44 characters of base64, exactly as `wg` prints and accepts them: canonical, padded.
[[nodiscard]] std::string to_base64(const PublicKey& key);
[[nodiscard]] std::optional<PublicKey> parse_public_key(std::string_view text);
// The text of a private key as `wg genkey` prints it, without the newline; as secret as the key.
[[nodiscard]] Secret<44> to_base64(const PrivateKey& key);
// The caller wipes the text it passes in.
[[nodiscard]] std::optional<Secret<32>> parse_secret_key(std::string_view text);

}  // namespace warren::crypto

template <>
struct std::hash<warren::crypto::PublicKey> {
    // Unauthenticated public keys never enter a table, so the first bytes suffice as a hash.
    std::size_t operator()(const warren::crypto::PublicKey& key) const noexcept {
        return warren::load_le<std::uint64_t>(key.bytes.data());
    }
};
