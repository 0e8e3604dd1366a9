#include "crypto/legacy_digest.h"

#include "base/check.h"
#include "crypto/openssl_objects.h"
#include "crypto/secret.h"

namespace warren::crypto {

void LegacyDigest::md4(std::initializer_list<Bytes> parts, std::span<std::uint8_t, 16> out) const {
    const Openssl<EVP_MD_CTX> context(::EVP_MD_CTX_new());
    WARREN_CHECK(context != nullptr && ::EVP_DigestInit_ex2(context.get(), md4_, nullptr) == 1);
    for (const Bytes part : parts) WARREN_CHECK(::EVP_DigestUpdate(context.get(), part.data(), part.size()) == 1);
    WARREN_CHECK(::EVP_DigestFinal_ex(context.get(), out.data(), nullptr) == 1);
}

void LegacyDigest::des(std::span<const std::uint8_t, 8> clear, std::span<const std::uint8_t, 7> key,
                       std::span<std::uint8_t, 8> cypher) const {
    Secret<8> spread;  // seven bits of the key in each byte, above the parity
    for (std::size_t i = 0; i < spread.kSize; ++i) {
        const unsigned before = i == 0 ? 0 : key[i - 1];
        const unsigned here = i == key.size() ? 0 : key[i];
        spread.writable()[i] = static_cast<std::uint8_t>((before << (8 - i) | here >> i) & 0xfeU);
    }
    const Openssl<EVP_CIPHER_CTX> context(::EVP_CIPHER_CTX_new());
    WARREN_CHECK(context != nullptr &&
                 ::EVP_CipherInit_ex2(context.get(), des_, spread.reveal().data(), nullptr, 1, nullptr) == 1);
    WARREN_CHECK(::EVP_CIPHER_CTX_set_padding(context.get(), 0) == 1);
    int written = 0;
    WARREN_CHECK(
        ::EVP_CipherUpdate(context.get(), cypher.data(), &written, clear.data(), static_cast<int>(clear.size())) == 1 &&
        written == static_cast<int>(clear.size()));
}

}  // namespace warren::crypto
