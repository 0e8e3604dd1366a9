#include "crypto/short_hash.h"

#include <sodium.h>

namespace warren::crypto {

static_assert(crypto_shorthash_siphash24_KEYBYTES == std::tuple_size_v<ShortHashKey>);
static_assert(crypto_shorthash_siphashx24_KEYBYTES == std::tuple_size_v<ShortHashKey>);

std::uint64_t short_hash(const ShortHashKey& key, Bytes data) {
    std::array<std::uint8_t, crypto_shorthash_siphash24_BYTES> out{};
    ::crypto_shorthash_siphash24(out.data(), data.data(), data.size(), key.data());
    return load_le<std::uint64_t>(out.data());
}

std::array<std::uint8_t, 16> short_hash_128(const ShortHashKey& key, Bytes data) {
    std::array<std::uint8_t, crypto_shorthash_siphashx24_BYTES> out{};
    ::crypto_shorthash_siphashx24(out.data(), data.data(), data.size(), key.data());
    return out;
}

}  // namespace warren::crypto
