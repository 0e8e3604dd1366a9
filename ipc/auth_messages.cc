#include "ipc/auth_messages.h"

#include <algorithm>

#include "ipc/codec.h"

namespace warren::ipc {

namespace {

// What the engine sends is smaller (vpnd/ike/limits.h: a message of IKE_AUTH has 64 KiB at most).
constexpr std::size_t kMostOctets = 66 * 1024;  // what AUTH covers: IKE_SA_INIT, a nonce, a MAC
constexpr std::size_t kMostCertificate = 16 * 1024;
constexpr std::size_t kMostCertificates = 8;
constexpr std::size_t kMostTrusts = 64;
constexpr std::size_t kMostHashes = 32;
constexpr std::size_t kMostAuthData = 4 * 1024;
constexpr std::size_t kMostIdentity = 1024;
constexpr std::size_t kMostDetail = 256;
constexpr std::size_t kMostEap = 64 * 1024;  // its length has 16 bits (RFC 3748 §4)
constexpr std::size_t kMostDigest = crypto::kMostDigest;
constexpr std::size_t kMsk = 64;  // RFC 3748 §7.10

bool is_sound(const std::vector<std::vector<std::uint8_t>>& chain) {
    return chain.size() <= kMostCertificates && std::all_of(chain.begin(), chain.end(), [](const auto& one) {
               return !one.empty() && one.size() <= kMostCertificate;
           });
}

bool is_sound(const PskMacAsk& ask) {
    return ask.peer_octets.size() <= kMostOctets && ask.our_octets.size() <= kMostOctets;
}
bool is_sound(const PpkMixAsk& ask) {
    return ask.sk_d.size() <= kMostDigest && ask.sk_pi.size() <= kMostDigest && ask.sk_pr.size() <= kMostDigest;
}
bool is_sound(const SignAsk& ask) {
    return ask.hashes.size() <= kMostHashes && ask.octets.size() <= kMostOctets;
}
bool is_sound(const VerifyPeerAsk& ask) {
    return ask.trusts.size() <= kMostTrusts && ask.identity.size() <= kMostIdentity && is_sound(ask.chain) &&
           ask.data.size() <= kMostAuthData && ask.octets.size() <= kMostOctets;
}
bool is_sound(const EapStepAsk& ask) {
    return ask.message.size() <= kMostEap;
}
bool is_sound(const UserAsk& ask) {
    return ask.name.size() <= kMostIdentity;
}

bool is_sound(const AskFailed& /*reply*/) {
    return true;
}
bool is_sound(const PskMacAnswer& reply) {
    return reply.peer_mac.size() <= kMostDigest && reply.our_mac.size() <= kMostDigest;
}
bool is_sound(const PpkMixAnswer& reply) {
    return reply.sk_d.size() <= kMostDigest && reply.sk_pi.size() <= kMostDigest && reply.sk_pr.size() <= kMostDigest;
}
bool is_sound(const SignAnswer& reply) {
    return reply.data.size() <= kMostAuthData && is_sound(reply.chain);
}
bool is_sound(const VerifyPeerAnswer& /*reply*/) {
    return true;
}
bool is_sound(const UserAnswer& /*reply*/) {
    return true;
}
bool is_sound(const EapStepAnswer& reply) {
    return reply.message.size() <= kMostEap && reply.identity.size() <= kMostIdentity &&
           reply.detail.size() <= kMostDetail &&
           (reply.outcome == EapOutcome::kSuccess ? reply.msk.size() == kMsk : reply.msk.empty());
}

template <typename Variant>
Status check_any(const Variant& content, const char* what) {
    if (std::visit([](const auto& one) { return is_sound(one); }, content)) return {};
    return fail(ErrorCode::kInvalid, what);
}

bool is_sound(const AuthControl& message) {
    if (const auto* const put = std::get_if<PutSecret>(&message))
        return put->id != kNoSecret && put->realms.size() <= PutSecret::kMostRealms;
    if (const auto* const part = std::get_if<SecretPart>(&message)) return part->bytes.size() <= SecretPart::kMostBytes;
    return true;
}

}  // namespace

Status check(const AuthQuestion& question) {
    return check_any(question, "an ask with more than there may be");
}

Status check(const AuthReply& reply) {
    return check_any(reply, "an answer with more than there may be");
}

Status encode(const AuthControl& message, std::vector<std::uint8_t>& wire) {
    wire.reserve(kMaxMessageSize);  // a vector that grows would leave copies of keys in freed memory
    return encode_variant(message, wire);
}

Result<AuthControl> decode_auth_control(Bytes wire) {
    auto message = decode_variant<AuthControl>(wire);
    if (message && !is_sound(*message)) return fail(ErrorCode::kInvalid, "a secret with more than there may be");
    return message;
}

Status encode(const AuthMessage& message, std::vector<std::uint8_t>& wire) {
    wire.reserve(kMaxMessageSize);
    return encode_variant(message, wire);
}

Result<AuthMessage> decode_auth(Bytes wire) {
    auto message = decode_variant<AuthMessage>(wire);
    if (!message) return message;
    Status sound;
    if (const auto* const ask = std::get_if<AuthAsk>(&*message)) sound = check(ask->question);
    if (const auto* const answer = std::get_if<AuthAnswer>(&*message)) sound = check(answer->reply);
    if (!sound) return tl::unexpected<Error>(sound.error());
    return message;
}

}  // namespace warren::ipc
