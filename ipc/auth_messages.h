// authd's two channels. stackd -> authd: what it holds, and the other channel. vpnd -> authd: asks, a closed list; each
// has one answer, in any order.
//
//   stackd: (AuthLogLevel | PutSecret SecretPart* SecretEnd | DropSecret | AuthAsker | AuthProbe)*
//   authd:  (AuthAlive | AuthAskerGone)*
//
//   vpnd:   AuthAsk
//   authd:  AuthAnswer
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/eap.h"
#include "base/ids.h"
#include "base/ip.h"
#include "base/ipsec.h"
#include "base/log_level.h"
#include "base/result.h"
#include "base/time.h"
#include "crypto/secret_buffer.h"
#include "crypto/sha.h"
#include "ipc/fields.h"

namespace warren::ipc {

template <>
struct LastOf<SecretKind> {
    static constexpr auto value = SecretKind::kUsers;
};
template <>
struct LastOf<PeerVerdict> {
    static constexpr auto value = PeerVerdict::kUnknown;
};
template <>
struct LastOf<EapOutcome> {
    static constexpr auto value = EapOutcome::kFailure;
};
template <>
struct LastOf<eap::Reason> {
    static constexpr auto value = eap::Reason::kOver;
};
template <>
struct LastOf<crypto::Sha> {
    static constexpr auto value = crypto::Sha::kSha512;
};

// --- stackd <-> authd ------------------------------------------------------------------------------

// A secret with a number that was not used before, or the same once more. It is there from SecretEnd on.
struct PutSecret {
    static constexpr std::size_t kMostRealms = 64;

    SecretId id = kNoSecret;
    SecretKind kind = SecretKind::kPsk;
    bool crl_required = false;        // kTrust
    std::vector<std::string> realms;  // kUsers: what may follow a name, or precede it
};
void fields(auto& codec, Is<PutSecret> auto& m) {
    codec(m.id, m.kind, m.crl_required, m.realms);
}
// What a part of a secret is.
enum class SecretFile : std::uint8_t { kKey, kPrivateKey, kCertificate, kCa, kCrl, kUsers };
template <>
struct LastOf<SecretFile> {
    static constexpr auto value = SecretFile::kUsers;
};
// A piece of a file of the last PutSecret, as it is on disk (kKey: the bytes of the key). `goes_on`: the next
// SecretPart has more of the same file.
struct SecretPart {
    static constexpr std::size_t kMostBytes = 64 * 1024;

    SecretFile file = SecretFile::kKey;
    crypto::SecretBuffer bytes;
    bool goes_on = false;
};
void fields(auto& codec, Is<SecretPart> auto& m) {
    codec(m.file, m.bytes, m.goes_on);
}
struct SecretEnd {};
void fields(auto&, Is<SecretEnd> auto&) {}
// Of an unknown one it is ignored.
struct DropSecret {
    SecretId id = kNoSecret;
};
void fields(auto& codec, Is<DropSecret> auto& m) {
    codec(m.id);
}

// One descriptor: the channel to vpnd. It takes the place of the last one.
struct AuthAsker {};
void fields(auto&, Is<AuthAsker> auto&) {}
struct AuthLogLevel {
    LogLevel level = LogLevel::kInfo;
};
void fields(auto& codec, Is<AuthLogLevel> auto& m) {
    codec(m.level);
}
// Answered by AuthAlive with the same number, after all that was sent before.
struct AuthProbe {
    std::uint64_t number = 0;
};
void fields(auto& codec, Is<AuthProbe> auto& m) {
    codec(m.number);
}
struct AuthAlive {
    std::uint64_t number = 0;
};
void fields(auto& codec, Is<AuthAlive> auto& m) {
    codec(m.number);
}

// authd has no channel to vpnd any more: that has hung up, or sent what it may not.
struct AuthAskerGone {};
void fields(auto&, Is<AuthAskerGone> auto&) {}

using AuthControl = std::variant<PutSecret, SecretPart, SecretEnd, DropSecret, AuthAsker, AuthLogLevel, AuthProbe,
                                 AuthAlive, AuthAskerGone>;

// --- vpnd <-> authd --------------------------------------------------------------------------------

// As the asks of vpnd's engine (vpnd/ike/ask.h), with the numbers of RFC 7296 for methods and types of identities.
struct PskMacAsk {
    SecretId psk = kNoSecret;
    crypto::Sha prf = crypto::Sha::kSha256;
    std::vector<std::uint8_t> peer_octets;
    std::vector<std::uint8_t> our_octets;
};
void fields(auto& codec, Is<PskMacAsk> auto& m) {
    codec(m.psk, m.prf, m.peer_octets, m.our_octets);
}
struct PpkMixAsk {
    SecretId ppk = kNoSecret;
    crypto::Sha prf = crypto::Sha::kSha256;
    crypto::SecretBuffer sk_d;
    crypto::SecretBuffer sk_pi;
    crypto::SecretBuffer sk_pr;
};
void fields(auto& codec, Is<PpkMixAsk> auto& m) {
    codec(m.ppk, m.prf, m.sk_d, m.sk_pi, m.sk_pr);
}
struct SignAsk {
    SecretId signer = kNoSecret;
    std::vector<std::uint16_t> hashes;
    std::vector<std::uint8_t> octets;
};
void fields(auto& codec, Is<SignAsk> auto& m) {
    codec(m.signer, m.hashes, m.octets);
}
struct VerifyPeerAsk {
    std::vector<SecretId> trusts;
    std::uint8_t identity_type = 0;
    std::vector<std::uint8_t> identity;
    std::vector<std::vector<std::uint8_t>> chain;
    std::uint8_t method = 0;
    std::vector<std::uint8_t> data;
    std::vector<std::uint8_t> octets;
};
void fields(auto& codec, Is<VerifyPeerAsk> auto& m) {
    codec(m.trusts, m.identity_type, m.identity, m.chain, m.method, m.data, m.octets);
}
struct EapStepAsk {
    SecretId users = kNoSecret;
    SecretId trust = kNoSecret;
    SecretId signer = kNoSecret;
    std::uint64_t conversation = 0;
    IpAddress source;
    std::vector<std::uint8_t> message;
};
void fields(auto& codec, Is<EapStepAsk> auto& m) {
    codec(m.users, m.trust, m.signer, m.conversation, m.source, m.message);
}
struct UserAsk {
    SecretId users = kNoSecret;
    std::string name;
};
void fields(auto& codec, Is<UserAsk> auto& m) {
    codec(m.users, m.name);
}
using AuthQuestion = std::variant<PskMacAsk, SignAsk, VerifyPeerAsk, EapStepAsk, PpkMixAsk, UserAsk>;

struct AuthAsk {
    std::uint64_t id = 0;
    AuthQuestion question;
};
void fields(auto& codec, Is<AuthAsk> auto& m) {
    codec(m.id, m.question);
}

// authd cannot answer: it does not have that secret, or not yet.
struct AskFailed {};
void fields(auto&, Is<AskFailed> auto&) {}
struct PskMacAnswer {
    crypto::SecretBuffer peer_mac;
    crypto::SecretBuffer our_mac;
};
void fields(auto& codec, Is<PskMacAnswer> auto& m) {
    codec(m.peer_mac, m.our_mac);
}
struct PpkMixAnswer {
    crypto::SecretBuffer sk_d;
    crypto::SecretBuffer sk_pi;
    crypto::SecretBuffer sk_pr;
};
void fields(auto& codec, Is<PpkMixAnswer> auto& m) {
    codec(m.sk_d, m.sk_pi, m.sk_pr);
}
struct SignAnswer {
    std::uint8_t method = 0;
    std::vector<std::uint8_t> data;
    std::vector<std::vector<std::uint8_t>> chain;
};
void fields(auto& codec, Is<SignAnswer> auto& m) {
    codec(m.method, m.data, m.chain);
}
struct VerifyPeerAnswer {
    PeerVerdict verdict = PeerVerdict::kUnknown;
    std::uint32_t trust = 0;
    WallTime not_after;
};
void fields(auto& codec, Is<VerifyPeerAnswer> auto& m) {
    codec(m.verdict, m.trust, m.not_after);
}
struct EapStepAnswer {
    EapOutcome outcome = EapOutcome::kFailure;
    std::vector<std::uint8_t> message;
    std::uint8_t type = 0;
    crypto::SecretBuffer msk;
    std::string identity;
    eap::Reason reason = eap::Reason::kNone;
    std::string detail;
};
void fields(auto& codec, Is<EapStepAnswer> auto& m) {
    codec(m.outcome, m.message, m.type, m.msk, m.identity, m.reason, m.detail);
}
struct UserAnswer {
    bool is_known = false;
};
void fields(auto& codec, Is<UserAnswer> auto& m) {
    codec(m.is_known);
}
using AuthReply =
    std::variant<AskFailed, PskMacAnswer, SignAnswer, VerifyPeerAnswer, EapStepAnswer, PpkMixAnswer, UserAnswer>;

struct AuthAnswer {
    std::uint64_t id = 0;
    AuthReply reply;
};
void fields(auto& codec, Is<AuthAnswer> auto& m) {
    codec(m.id, m.reply);
}

using AuthMessage = std::variant<AuthAsk, AuthAnswer>;

// kInvalid: larger than authd takes or vpnd may send, or without what it needs.
[[nodiscard]] Status check(const AuthQuestion& question);
[[nodiscard]] Status check(const AuthReply& reply);

// `wire` is wiped and reused by the caller: it may hold keys. Decoding also checks.
[[nodiscard]] Status encode(const AuthControl& message, std::vector<std::uint8_t>& wire);
[[nodiscard]] Result<AuthControl> decode_auth_control(Bytes wire);
[[nodiscard]] Status encode(const AuthMessage& message, std::vector<std::uint8_t>& wire);
[[nodiscard]] Result<AuthMessage> decode_auth(Bytes wire);

}  // namespace warren::ipc
