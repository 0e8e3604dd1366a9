#include "access/secrets.h"

#include <fmt/format.h>
#include <sodium.h>

#include <array>
#include <vector>

#include "base/bytes.h"

namespace warren::access {

namespace {

constexpr unsigned long long kOperations = crypto_pwhash_argon2id_OPSLIMIT_INTERACTIVE;
constexpr std::size_t kMemory = crypto_pwhash_argon2id_MEMLIMIT_INTERACTIVE;  // 64 MB
constexpr std::string_view kBegin = "-----BEGIN CERTIFICATE-----";
constexpr std::string_view kEnd = "-----END CERTIFICATE-----";

using Digest = std::array<unsigned char, crypto_hash_sha256_BYTES>;

Digest sha256(Bytes bytes) {
    Digest out{};
    crypto_hash_sha256(out.data(), bytes.data(), bytes.size());
    return out;
}

std::string hex_of(const Digest& digest) {
    std::array<char, 2 * sizeof(Digest) + 1> out{};
    sodium_bin2hex(out.data(), out.size(), digest.data(), digest.size());
    return out.data();
}

}  // namespace

Status start_libsodium() {
    if (sodium_init() < 0) return fail(ErrorCode::kFailed, "libsodium cannot be initialised");
    return {};
}

Result<std::string> hash_password(std::string_view password) {
    std::array<char, crypto_pwhash_argon2id_STRBYTES> out{};
    if (crypto_pwhash_argon2id_str(out.data(), password.data(), password.size(), kOperations, kMemory) != 0)
        return fail(ErrorCode::kUnavailable, "not enough memory to hash a password");
    return std::string(out.data());
}

bool verify_password(const std::string& argon2id, std::string_view password) {
    return crypto_pwhash_argon2id_str_verify(argon2id.c_str(), password.data(), password.size()) == 0;
}

Result<std::string> unmatchable_password() {
    return hash_password(random_token());
}

std::string random_token() {
    std::array<unsigned char, 32> bytes{};
    randombytes_buf(bytes.data(), bytes.size());
    std::array<char, sodium_base64_ENCODED_LEN(32, sodium_base64_VARIANT_URLSAFE_NO_PADDING)> text{};
    sodium_bin2base64(text.data(), text.size(), bytes.data(), bytes.size(), sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    return text.data();
}

std::string sha256_hex(std::string_view text) {
    return hex_of(sha256(as_bytes(text)));
}

std::string hmac_hex(std::string_view key, std::string_view text) {
    crypto_auth_hmacsha256_state state;
    Digest digest{};
    const Bytes key_bytes = as_bytes(key);
    const Bytes text_bytes = as_bytes(text);
    crypto_auth_hmacsha256_init(&state, key_bytes.data(), key_bytes.size());
    crypto_auth_hmacsha256_update(&state, text_bytes.data(), text_bytes.size());
    crypto_auth_hmacsha256_final(&state, digest.data());
    return hex_of(digest);
}

bool equal_secrets(std::string_view a, std::string_view b) {
    return a.size() == b.size() && sodium_memcmp(a.data(), b.data(), a.size()) == 0;
}

Result<std::string> certificate_fingerprint(std::string_view pem) {
    const auto begin = pem.find(kBegin);
    const auto end = begin == std::string_view::npos ? begin : pem.find(kEnd, begin);
    if (end == std::string_view::npos) return fail(ErrorCode::kInvalid, "contains no certificate");
    const std::string_view text = pem.substr(begin + kBegin.size(), end - begin - kBegin.size());
    std::vector<unsigned char> der(text.size());
    std::size_t size = 0;
    if (sodium_base642bin(der.data(), der.size(), text.data(), text.size(), "\r\n", &size, nullptr,
                          sodium_base64_VARIANT_ORIGINAL) != 0)
        return fail(ErrorCode::kInvalid, "its certificate is not base64");
    const Digest digest = sha256(Bytes(der).first(size));
    return fmt::format("{:02X}", fmt::join(digest, ":"));
}

}  // namespace warren::access
