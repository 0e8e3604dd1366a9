// AES-CBC with an HMAC over header, IV and ciphertext, as ESP has it (RFC 3602, RFC 2404, RFC 4868); used inside
// crypto/ only.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>

#include "base/bytes.h"
#include "crypto/aead.h"

namespace warren::crypto {

inline constexpr std::size_t kAesBlockSize = 16;
inline constexpr std::size_t kCbcHeaderSize = 8;  // before the IV
inline constexpr std::size_t kCbcPrefixSize = kCbcHeaderSize + kAesBlockSize;

struct CbcHmac {
    AeadSuite suite;
    std::uint8_t key_size;    // of AES
    std::uint8_t hash_size;   // of the hash and of the HMAC's key
    std::uint8_t block_size;  // of the hash
    const char* cipher_name;  // as OpenSSL names it
};

inline constexpr std::array<CbcHmac, 6> kCbcHmacs{{
    {AeadSuite::kAes128CbcSha1, 16, 20, 64, "AES-128-CBC"},
    {AeadSuite::kAes256CbcSha1, 32, 20, 64, "AES-256-CBC"},
    {AeadSuite::kAes128CbcSha256, 16, 32, 64, "AES-128-CBC"},
    {AeadSuite::kAes256CbcSha256, 32, 32, 64, "AES-256-CBC"},
    {AeadSuite::kAes128CbcSha512, 16, 64, 128, "AES-128-CBC"},
    {AeadSuite::kAes256CbcSha512, 32, 64, 128, "AES-256-CBC"},
}};

// Its place in kCbcHmacs. is_cbc(suite).
[[nodiscard]] constexpr std::size_t cbc_place_of(AeadSuite suite) {
    return static_cast<std::size_t>(suite) - static_cast<std::size_t>(AeadSuite::kAes128CbcSha1);
}
[[nodiscard]] constexpr const CbcHmac& cbc_hmac_of(AeadSuite suite) {
    return kCbcHmacs[cbc_place_of(suite)];
}
static_assert(std::all_of(kCbcHmacs.begin(), kCbcHmacs.end(),
                          [](const CbcHmac& row) { return &row == &cbc_hmac_of(row.suite); }));

// Encrypted under the key itself this is the IV: a number that is used once becomes one that nobody foresees (NIST SP
// 800-38A App. C). In other words: it is a block before the text, of a message whose own IV is zero.
[[nodiscard]] inline std::array<std::uint8_t, kAesBlockSize> cbc_nonce_of(std::uint64_t iv) {
    std::array<std::uint8_t, kAesBlockSize> block{};
    store_be(block.data() + 8, iv);
    return block;
}

// The HMAC's key, xored with a byte and filled up to the hash's block (RFC 2104 §2). Wiped at the end.
class HmacPad {
  public:
    static constexpr std::uint8_t kInner = 0x36;
    static constexpr std::uint8_t kOuter = 0x5c;

    HmacPad(const AeadKey& key, std::uint8_t with) : size_(cbc_hmac_of(key.suite).block_size) {
        block_.fill(with);
        const auto secret = key.integrity->reveal().first(cbc_hmac_of(key.suite).hash_size);
        for (std::size_t i = 0; i < secret.size(); ++i) block_[i] ^= secret[i];
    }
    HmacPad(const HmacPad&) = delete;
    HmacPad& operator=(const HmacPad&) = delete;
    ~HmacPad() { wipe(block_); }
    [[nodiscard]] Bytes bytes() const { return Bytes(block_).first(size_); }

  private:
    std::array<std::uint8_t, 128> block_;
    std::size_t size_;
};

}  // namespace warren::crypto
