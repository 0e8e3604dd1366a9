#include "auth/eap/ms_chap.h"

#include <algorithm>

#include "crypto/sha.h"

namespace warren::eap {

namespace {

using crypto::digest;
using crypto::LegacyDigest;
using crypto::Secret;
using crypto::Sha;

constexpr std::size_t kMostUnits = 256;  // RFC 2759 §8.3

// RFC 2759 §8.7
constexpr std::string_view kServerToClient = "Magic server to client signing constant";
constexpr std::string_view kMoreIterations = "Pad to make it do more than one iteration";
// RFC 3079 §3.4. The names are the client's.
constexpr std::string_view kMasterKey = "This is the MPPE Master Key";
constexpr std::string_view kClientSends =
    "On the client side, this is the send key; on the server side, it is the receive key.";
constexpr std::string_view kClientReceives =
    "On the client side, this is the receive key; on the server side, it is the send key.";

// The next character of UTF-8; nothing: there is none. Not overlong, no surrogate (RFC 3629 §3).
std::optional<char32_t> next_character(std::string_view& text) {
    const auto first = static_cast<unsigned char>(text.front());
    const std::size_t size = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if (size == 0 || first > 0xf4 || text.size() < size) return std::nullopt;
    char32_t out = size == 1 ? first : first & (0x7fU >> size);
    for (std::size_t i = 1; i < size; ++i) {
        const auto next = static_cast<unsigned char>(text[i]);
        if ((next & 0xc0U) != 0x80) return std::nullopt;
        out = (out << 6) | (next & 0x3fU);
    }
    const bool is_overlong = (size == 3 && out < 0x800) || (size == 4 && out < 0x10000);
    if (is_overlong || (out >= 0xd800 && out < 0xe000) || out > 0x10ffff) return std::nullopt;
    text.remove_prefix(size);
    return out;
}

// ChallengeHash(), RFC 2759 §8.2
std::array<std::uint8_t, 8> challenge_hash(const Exchange& exchange) {
    std::array<std::uint8_t, 20> whole{};
    digest(Sha::kSha1, {exchange.peer, exchange.authenticator, as_bytes(exchange.name)}, whole);
    std::array<std::uint8_t, 8> out{};
    std::copy_n(whole.begin(), out.size(), out.begin());
    return out;
}

// HashNtPasswordHash(), RFC 2759 §8.4
NtHash hash_of(const LegacyDigest& legacy, const NtHash& hash) {
    NtHash out;
    legacy.md4({hash.reveal()}, out.writable());
    return out;
}

// GetAsymmetricStartKey(), RFC 3079 §3.4, of 128 bits
void start_key(const Secret<16>& master, std::string_view magic, std::span<std::uint8_t, 16> out) {
    constexpr std::array<std::uint8_t, 40> kPad1{};
    std::array<std::uint8_t, 40> pad2{};
    pad2.fill(0xf2);
    Secret<20> whole;
    digest(Sha::kSha1, {master.reveal(), kPad1, as_bytes(magic), pad2}, whole.writable());
    std::copy_n(whole.reveal().begin(), out.size(), out.begin());
}

}  // namespace

std::optional<NtHash> nt_hash_of(const LegacyDigest& legacy, std::string_view password) {
    Secret<2 * kMostUnits> units;
    std::size_t size = 0;
    while (!password.empty()) {
        const auto character = next_character(password);
        if (!character) return std::nullopt;
        const bool is_pair = *character >= 0x10000;
        if (size + (is_pair ? 4 : 2) > units.kSize) return std::nullopt;
        const char32_t above = *character - 0x10000;
        const auto first = static_cast<std::uint16_t>(is_pair ? 0xd800 + (above >> 10) : *character);
        store_le(units.writable().data() + size, first);
        size += 2;
        if (!is_pair) continue;
        store_le(units.writable().data() + size, static_cast<std::uint16_t>(0xdc00 + (above & 0x3ff)));
        size += 2;
    }
    NtHash out;
    legacy.md4({units.reveal().first(size)}, out.writable());
    return out;
}

// ChallengeResponse(), RFC 2759 §8.5: the hash, with zeros behind it, is three keys.
NtResponse nt_response(const LegacyDigest& legacy, const NtHash& hash, const Exchange& exchange) {
    const auto challenge = challenge_hash(exchange);
    Secret<21> keys;
    std::copy(hash.reveal().begin(), hash.reveal().end(), keys.writable().begin());
    NtResponse out{};
    const std::span<std::uint8_t, 24> to(out);
    legacy.des(challenge, keys.reveal().subspan<0, 7>(), to.subspan<0, 8>());
    legacy.des(challenge, keys.reveal().subspan<7, 7>(), to.subspan<8, 8>());
    legacy.des(challenge, keys.reveal().subspan<14, 7>(), to.subspan<16, 8>());
    return out;
}

std::array<char, 40> authenticator_response(const LegacyDigest& legacy, const NtHash& hash, const NtResponse& response,
                                            const Exchange& exchange) {
    const NtHash twice = hash_of(legacy, hash);
    std::array<std::uint8_t, 20> bytes{};
    digest(Sha::kSha1, {twice.reveal(), response, as_bytes(kServerToClient)}, bytes);
    digest(Sha::kSha1, {bytes, challenge_hash(exchange), as_bytes(kMoreIterations)}, bytes);
    constexpr std::string_view kDigits = "0123456789ABCDEF";
    std::array<char, 40> out{};
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        out[2 * i] = kDigits[bytes[i] >> 4];
        out[2 * i + 1] = kDigits[bytes[i] & 15U];
    }
    return out;
}

Msk ms_chap_msk(const LegacyDigest& legacy, const NtHash& hash, const NtResponse& response) {
    const NtHash twice = hash_of(legacy, hash);
    Secret<20> whole;
    digest(Sha::kSha1, {twice.reveal(), response, as_bytes(kMasterKey)}, whole.writable());  // GetMasterKey()
    const Secret<16> master(whole.reveal().first<16>());
    Msk out;
    start_key(master, kClientSends, out.writable().subspan<0, 16>());
    start_key(master, kClientReceives, out.writable().subspan<16, 16>());
    return out;
}

}  // namespace warren::eap
