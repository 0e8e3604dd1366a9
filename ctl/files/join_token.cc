#include "ctl/files/join_token.h"

#include <algorithm>

#include "base/hex.h"
#include "crypto/aead.h"
#include "crypto/hmac_sha.h"
#include "crypto/sha.h"

namespace warren::ctl {

namespace {

constexpr std::string_view kPrefix = "warren1";
constexpr std::size_t kFingerprint = 16;  // bytes
constexpr std::size_t kSum = 4;
constexpr std::size_t kNonce = 24;
constexpr std::size_t kMostToken = 1000;
constexpr std::size_t kMostAddresses = 4;

std::array<std::uint8_t, 32> sum_of(Bytes bytes) {
    std::array<std::uint8_t, 32> digest{};
    crypto::digest(crypto::Sha::kSha256, {bytes}, digest);
    return digest;
}

crypto::SecretBuffer key_of(const crypto::SecretBuffer& secret, JoinMessage kind) {
    crypto::SecretBuffer key(32);
    const std::string_view label = kind == JoinMessage::kRequest ? "warren join request" : "warren join reply";
    crypto::hmac(crypto::Sha::kSha256, secret.reveal(), {as_bytes(label)}, key.writable());
    return key;
}

}  // namespace

// Secret, fingerprint, words, and a sum of these that finds a token of which a part was not copied.
std::string format_join_token(const JoinToken& token) {
    std::vector<std::uint8_t> bytes;
    const auto add = [&bytes](Bytes more) { bytes.insert(bytes.end(), more.begin(), more.end()); };
    add(token.secret.reveal());
    add(from_hex(token.fingerprint).value_or(std::vector<std::uint8_t>(kFingerprint)));
    std::string words = token.node;
    for (const Endpoint& address : token.addresses) words += " " + to_string(address);
    add(as_bytes(words));
    const auto sum = sum_of(bytes);
    add(Bytes(sum).first(kSum));
    return std::string(kPrefix) + to_hex(bytes);
}

Result<JoinToken> parse_join_token(std::string_view text) {
    const auto none =
        fail(ErrorCode::kInvalid,
             "this is no join token, or not the whole of one: accepted: what `vpnctl fleet invite` printed");
    if (!text.starts_with(kPrefix) || text.size() > kMostToken) return none;
    const auto bytes = from_hex(text.substr(kPrefix.size()));
    if (!bytes || bytes->size() < kJoinSecret + kFingerprint + kSum + 1) return none;
    const Bytes content = Bytes(*bytes).first(bytes->size() - kSum);
    const auto sum = sum_of(content);
    if (!std::equal(sum.begin(), sum.begin() + kSum, bytes->end() - kSum)) return none;
    JoinToken out;
    out.secret = crypto::SecretBuffer(content.first(kJoinSecret));
    out.fingerprint = to_hex(content.subspan(kJoinSecret, kFingerprint));
    const Bytes words = content.subspan(kJoinSecret + kFingerprint);
    std::string_view rest(reinterpret_cast<const char*>(words.data()), words.size());
    const std::size_t end = rest.find(' ');
    out.node = std::string(rest.substr(0, end));
    while (rest.find(' ') != std::string_view::npos) {
        rest.remove_prefix(rest.find(' ') + 1);
        const auto address = parse_endpoint(std::string(rest.substr(0, rest.find(' '))));
        if (!address || out.addresses.size() == kMostAddresses) return none;
        out.addresses.push_back(*address);
    }
    if (out.node.empty() || out.addresses.empty()) return none;
    return out;
}

std::vector<std::uint8_t> seal_join_message(const crypto::SecretBuffer& secret, JoinMessage kind, Bytes about,
                                            std::string_view text, crypto::RandomSource& random) {
    const crypto::SecretBuffer key = key_of(secret, kind);
    std::array<std::uint8_t, kNonce> nonce{};
    random.fill(nonce);
    std::vector<std::uint8_t> out(kNonce + text.size() + crypto::kTagSize);
    std::copy(nonce.begin(), nonce.end(), out.begin());
    crypto::xaead_seal(key.reveal(), nonce, about, as_bytes(text), MutableBytes(out).subspan(kNonce));
    return out;
}

std::optional<std::string> open_join_message(const crypto::SecretBuffer& secret, JoinMessage kind, Bytes about,
                                             Bytes sealed) {
    if (sealed.size() < kNonce + crypto::kTagSize || sealed.size() > kMostJoinMessage) return std::nullopt;
    const crypto::SecretBuffer key = key_of(secret, kind);
    std::array<std::uint8_t, kNonce> nonce{};
    std::copy_n(sealed.begin(), kNonce, nonce.begin());
    std::vector<std::uint8_t> text(sealed.size() - kNonce - crypto::kTagSize);
    if (!crypto::xaead_open(key.reveal(), nonce, about, sealed.subspan(kNonce), text)) return std::nullopt;
    return std::string(reinterpret_cast<const char*>(text.data()), text.size());
}

}  // namespace warren::ctl
