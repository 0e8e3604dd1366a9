#include "crypto/keys.h"

#include <sodium.h>

#include <numeric>

namespace warren::crypto {

namespace {

constexpr std::size_t kKeySize = 32;
constexpr std::size_t kTextSize = 44;
constexpr int kVariant = sodium_base64_VARIANT_ORIGINAL;

// libsodium decodes without secret-dependent branches and refuses padding that is missing or trailing bits that are not
// zero.
bool decode(std::string_view text, std::span<std::uint8_t, kKeySize> out) {
    if (text.size() != kTextSize) return false;
    // libsodium 1.0.18 takes some bytes above 0x7f for letters. All are checked, so that the time reveals nothing.
    const unsigned all = std::accumulate(text.begin(), text.end(), 0U,
                                         [](unsigned seen, char c) { return seen | static_cast<unsigned char>(c); });
    if (all >= 0x80) return false;
    std::size_t size = 0;
    const int status =
        ::sodium_base642bin(out.data(), out.size(), text.data(), text.size(), nullptr, &size, nullptr, kVariant);
    return status == 0 && size == kKeySize;
}

}  // namespace

static_assert(sodium_base64_ENCODED_LEN(kKeySize, sodium_base64_VARIANT_ORIGINAL) == kTextSize + 1);

std::string to_base64(const PublicKey& key) {
    std::array<char, kTextSize + 1> text{};
    ::sodium_bin2base64(text.data(), text.size(), key.bytes.data(), key.bytes.size(), kVariant);
    return {text.data(), kTextSize};
}

Secret<44> to_base64(const PrivateKey& key) {
    Secret<kTextSize + 1> text;  // libsodium ends it with a zero
    const auto bytes = key.secret.reveal();
    ::sodium_bin2base64(reinterpret_cast<char*>(text.writable().data()), kTextSize + 1, bytes.data(), bytes.size(),
                        kVariant);
    return Secret<kTextSize>(text.reveal().first<kTextSize>());
}

std::optional<PublicKey> parse_public_key(std::string_view text) {
    PublicKey key;
    if (!decode(text, key.bytes)) return std::nullopt;
    return key;
}

std::optional<Secret<32>> parse_secret_key(std::string_view text) {
    Secret<32> key;
    if (!decode(text, key.writable())) return std::nullopt;
    return key;
}

}  // namespace warren::crypto
