#include "vpnd/ike/suite.h"

#include <algorithm>
#include <array>

namespace warren::ike {

namespace {

using crypto::IkeCipher;
using crypto::KeyExchangeMethod;
using crypto::Sha;
using enum Standing;

constexpr std::string_view kSmallBlock = "its blocks of 64 bits show text after some gigabytes (RFC 8221 §5)";
constexpr std::string_view kSmallSubgroups = "it has small subgroups and unexplained primes (RFC 8247 §2.4)";
constexpr std::string_view kAbsent = "it is not implemented";
constexpr std::string_view kSha1 = "SHA-1 is weak (RFC 8247 §2)";
constexpr std::string_view kMd5 = "MD5 is broken (RFC 8247 §2)";
constexpr std::string_view kSmallModulus = "its modulus is too small (RFC 8247 §2.4)";

struct Sizes {
    std::uint8_t key;
    std::uint8_t salt;
    std::uint8_t icv;
};

constexpr Algorithm cipher(EncryptionId id, std::uint16_t key_bits, std::string_view name, std::string_view other,
                           IkeCipher cipher, Sizes sizes) {
    return {.type = TransformType::kEncryption,
            .id = static_cast<std::uint16_t>(id),
            .key_bits = key_bits,
            .name = name,
            .other_name = other,
            .key_size = sizes.key,
            .salt_size = sizes.salt,
            .icv_size = sizes.icv,
            .in_ike = true,
            .in_esp = true,
            .cipher = cipher};
}

constexpr Algorithm prf(PrfId id, std::string_view name, Sha sha, Standing standing = kGood,
                        std::string_view why = {}) {
    return {.type = TransformType::kPrf,
            .id = static_cast<std::uint16_t>(id),
            .name = name,
            .key_size = static_cast<std::uint8_t>(crypto::digest_size(sha)),
            .in_ike = true,
            .standing = standing,
            .why = why,
            .sha = sha};
}

constexpr Algorithm integrity(IntegrityId id, std::string_view name, Sha sha, std::uint8_t icv_size,
                              Standing standing = kGood, std::string_view why = {}) {
    return {.type = TransformType::kIntegrity,
            .id = static_cast<std::uint16_t>(id),
            .name = name,
            .key_size = static_cast<std::uint8_t>(crypto::digest_size(sha)),
            .icv_size = icv_size,
            .in_ike = true,
            .in_esp = true,
            .standing = standing,
            .why = why,
            .sha = sha};
}

constexpr Algorithm group(KeyExchangeId id, std::string_view name, std::string_view other, KeyExchangeMethod method) {
    return {.type = TransformType::kKeyExchange,
            .id = static_cast<std::uint16_t>(id),
            .name = name,
            .other_name = other,
            .in_ike = true,
            .in_esp = true,
            .method = method};
}

template <typename Id>
constexpr Algorithm refused(TransformType type, Id id, std::string_view name, std::string_view why,
                            std::uint16_t key_bits = 0) {
    return {.type = type,
            .id = static_cast<std::uint16_t>(id),
            .key_bits = key_bits,
            .name = name,
            .standing = kRefused,
            .why = why};
}

constexpr Algorithm legacy_group() {
    Algorithm out = group(KeyExchangeId::kModp1024, "modp1024", "", KeyExchangeMethod::kModp1024);
    out.in_esp = false;
    out.standing = kLegacy;
    out.why = kSmallModulus;
    return out;
}

// RFC 8221 §6 asks for the other two in ESP, and the data plane has no third.
constexpr Algorithm ike_only(Algorithm algorithm) {
    algorithm.in_esp = false;
    return algorithm;
}

constexpr auto kEncryption = TransformType::kEncryption;
constexpr auto kIntegrity = TransformType::kIntegrity;
constexpr auto kKeyExchange = TransformType::kKeyExchange;

constexpr std::array kAlgorithms = std::to_array<Algorithm>({
    cipher(EncryptionId::kAesGcm16, 256, "aes256gcm", "aes256gcm16", IkeCipher::kAes256Gcm, {32, 4, 16}),
    cipher(EncryptionId::kAesGcm16, 128, "aes128gcm", "aes128gcm16", IkeCipher::kAes128Gcm, {16, 4, 16}),
    cipher(EncryptionId::kChacha20Poly1305, 0, "chacha20poly1305", "", IkeCipher::kChacha20Poly1305, {32, 4, 16}),
    cipher(EncryptionId::kAesCbc, 256, "aes256", "aes256cbc", IkeCipher::kAes256Cbc, {32, 0, 0}),
    cipher(EncryptionId::kAesCbc, 128, "aes128", "aes128cbc", IkeCipher::kAes128Cbc, {16, 0, 0}),
    refused(kEncryption, EncryptionId::kDes, "des", "its key of 56 bits can be searched for (RFC 8247 §2.1)"),
    refused(kEncryption, EncryptionId::k3des, "3des", kSmallBlock),
    refused(kEncryption, EncryptionId::kNull, "null", "it encrypts nothing"),
    refused(kEncryption, EncryptionId::kAesCbc, "aes192", kAbsent, 192),
    refused(kEncryption, EncryptionId::kAesGcm16, "aes192gcm", kAbsent, 192),
    refused(kEncryption, EncryptionId::kAesCtr, "aes256ctr", kAbsent, 256),
    refused(kEncryption, EncryptionId::kAesCtr, "aes128ctr", kAbsent, 128),

    prf(PrfId::kHmacSha2_256, "prfsha256", Sha::kSha256),
    prf(PrfId::kHmacSha2_384, "prfsha384", Sha::kSha384),
    prf(PrfId::kHmacSha2_512, "prfsha512", Sha::kSha512),
    prf(PrfId::kHmacSha1, "prfsha1", Sha::kSha1, kLegacy, kSha1),
    refused(TransformType::kPrf, PrfId::kHmacMd5, "prfmd5", kMd5),

    // RFC 4868 §2.6, RFC 2404
    integrity(IntegrityId::kHmacSha2_256_128, "sha256", Sha::kSha256, 16),
    ike_only(integrity(IntegrityId::kHmacSha2_384_192, "sha384", Sha::kSha384, 24)),
    integrity(IntegrityId::kHmacSha2_512_256, "sha512", Sha::kSha512, 32),
    integrity(IntegrityId::kHmacSha1_96, "sha1", Sha::kSha1, 12, kLegacy, kSha1),
    refused(kIntegrity, IntegrityId::kHmacMd5_96, "md5", kMd5),

    group(KeyExchangeId::kCurve25519, "x25519", "curve25519", KeyExchangeMethod::kX25519),
    group(KeyExchangeId::kEcp256, "ecp256", "", KeyExchangeMethod::kEcp256),
    group(KeyExchangeId::kEcp384, "ecp384", "", KeyExchangeMethod::kEcp384),
    group(KeyExchangeId::kEcp521, "ecp521", "", KeyExchangeMethod::kEcp521),
    group(KeyExchangeId::kModp2048, "modp2048", "", KeyExchangeMethod::kModp2048),
    group(KeyExchangeId::kModp3072, "modp3072", "", KeyExchangeMethod::kModp3072),
    group(KeyExchangeId::kModp4096, "modp4096", "", KeyExchangeMethod::kModp4096),
    legacy_group(),
    refused(kKeyExchange, KeyExchangeId::kModp768, "modp768", kSmallModulus),
    refused(kKeyExchange, KeyExchangeId::kModp1536, "modp1536", kSmallModulus),
    refused(kKeyExchange, KeyExchangeId::kModp1024s160, "modp1024s160", kSmallSubgroups),
    refused(kKeyExchange, KeyExchangeId::kModp2048s224, "modp2048s224", kSmallSubgroups),
    refused(kKeyExchange, KeyExchangeId::kModp2048s256, "modp2048s256", kSmallSubgroups),
});

template <typename Matches>
const Algorithm* find(Matches matches) {
    const auto* const found = std::find_if(kAlgorithms.begin(), kAlgorithms.end(), matches);
    return found != kAlgorithms.end() ? found : nullptr;
}

bool equal_without_case(std::string_view a, std::string_view b) {
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [&](char x, char y) { return lower(x) == lower(y); });
}

void append(std::string& text, const Algorithm* algorithm) {
    if (algorithm == nullptr) return;
    if (!text.empty()) text += '-';
    text += algorithm->name;
}

}  // namespace

std::span<const Algorithm> algorithms() {
    return kAlgorithms;
}

const Algorithm* find_algorithm(const Transform& transform) {
    if (transform.has_unknown_attribute) return nullptr;
    return find([&](const Algorithm& one) { return one.transform() == transform; });
}

const Algorithm* find_algorithm(TransformType type, std::string_view name) {
    if (name.empty()) return nullptr;
    return find([&](const Algorithm& one) {
        return one.type == type && (equal_without_case(one.name, name) || equal_without_case(one.other_name, name));
    });
}

const Algorithm* find_method(KeyExchangeId method) {
    return find_algorithm({.type = TransformType::kKeyExchange, .id = static_cast<std::uint16_t>(method)});
}

std::size_t IkeSuite::least_nonce() const {
    return std::max<std::size_t>(16, prf->key_size / 2U);
}

std::string to_string(const IkeSuite& suite) {
    std::string out;
    for (const Algorithm* const part : {suite.encryption, suite.integrity, suite.prf, suite.key_exchange}) {
        append(out, part);
    }
    return out;
}

std::string to_string(const ChildSuite& suite) {
    std::string out;
    for (const Algorithm* const part : {suite.encryption, suite.integrity, suite.key_exchange}) append(out, part);
    return out + (suite.esn ? "-esn" : "");
}

}  // namespace warren::ike
