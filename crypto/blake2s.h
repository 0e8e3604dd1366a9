// BLAKE2s (RFC 7693): hash, keyed MAC, HMAC and WireGuard's KDF (HKDF with HMAC-BLAKE2s). No allocation.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>

#include "base/bytes.h"
#include "crypto/secret.h"

namespace warren::crypto {

// Incremental BLAKE2s with a 1..32 byte digest and a 0..32 byte key. One use.
class Blake2s {
  public:
    explicit Blake2s(std::size_t digest_size = 32, Bytes key = {});
    ~Blake2s();
    void update(Bytes data);
    // `out.size()` is the digest size given at construction.
    void finish(MutableBytes out);

  private:
    friend class Hmac;
    // Compresses a full buffer. More must follow: the last block is compressed otherwise.
    void flush();
    void compress(const std::uint8_t* block, bool last);
    std::array<std::uint32_t, 8> state_;
    std::array<std::uint8_t, 64> buffer_{};
    std::uint64_t counter_ = 0;
    std::size_t buffered_ = 0;
    std::size_t digest_size_;
};

using Hash = std::array<std::uint8_t, 32>;

// HASH(a || b || ...) of WireGuard whitepaper §5.4.
[[nodiscard]] Hash blake2s(std::initializer_list<Bytes> parts);
// MAC(key, a || b || ...): keyed BLAKE2s with 16 bytes of output (WireGuard whitepaper §5.4). key: 1..32 bytes.
[[nodiscard]] std::array<std::uint8_t, 16> blake2s_mac(Bytes key, std::initializer_list<Bytes> parts);

// HMAC-BLAKE2s (RFC 2104) with a key that is used more than once: what depends on the key alone is hashed once. 32
// bytes of output.
class Hmac {
  public:
    explicit Hmac(Bytes key);
    [[nodiscard]] Hash of(std::initializer_list<Bytes> parts) const;

  private:
    Blake2s of_nothing_;  // inner_ before its first block was compressed: of an empty message that is the last block
    Blake2s inner_;
    Blake2s outer_;
};
[[nodiscard]] Hash blake2s_hmac(Bytes key, std::initializer_list<Bytes> parts);

// KDF_n(key, input) for n = 1..3 (WireGuard whitepaper §5.4, RFC 5869). Unused outputs are passed as empty spans.
void blake2s_kdf(std::span<std::uint8_t, 32> first, MutableBytes second, MutableBytes third, Bytes key, Bytes input);

}  // namespace warren::crypto
