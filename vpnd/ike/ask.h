// What the engine does not do itself: work that takes long, and work with secrets that it does not hold. It leaves as a
// value and its answer comes back as one, late, in any order, or never.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "base/eap.h"
#include "base/ids.h"
#include "base/ip.h"
#include "base/ipsec.h"
#include "base/time.h"
#include "crypto/key_exchange.h"
#include "crypto/prf.h"
#include "vpnd/ike/identity.h"
#include "vpnd/ike/numbers.h"

namespace warren::ike {

// Never used twice by one engine.
using AskId = std::uint64_t;

// Makes an ephemeral key of `method` where `key` is empty. Then, unless `peer_value` is empty, agrees with it.
struct KeyExchangeAsk {
    crypto::KeyExchangeMethod method = crypto::KeyExchangeMethod::kX25519;
    crypto::EphemeralKey key;
    std::vector<std::uint8_t> peer_value;
};
struct KeyExchangeAnswer {
    crypto::EphemeralKey key;
    crypto::SharedSecret secret;  // empty: none was asked for, or the peer's value is none of the group's
};

// MACs octets (auth_octets()) with a preshared key; empty ones are not. kNoSecret: with a key that nobody has, in the
// same time.
struct PskMacAsk {
    SecretId psk = kNoSecret;
    crypto::Sha prf = crypto::Sha::kSha256;
    std::vector<std::uint8_t> peer_octets;  // what the peer's AUTH covers
    std::vector<std::uint8_t> our_octets;
};
struct PskMacAnswer {
    crypto::PrfKey peer_mac;
    crypto::PrfKey our_mac;
};

// Makes SK_d, SK_pi and SK_pr those with a postquantum preshared key: prf+(PPK, SK) (RFC 8784 §3). kNoSecret: with a
// key that nobody has, in the same time.
struct PpkMixAsk {
    SecretId ppk = kNoSecret;
    crypto::Sha prf = crypto::Sha::kSha256;
    crypto::PrfKey sk_d;
    crypto::PrfKey sk_pi;
    crypto::PrfKey sk_pr;
};
struct PpkMixAnswer {
    crypto::PrfKey sk_d;
    crypto::PrfKey sk_pi;
    crypto::PrfKey sk_pr;
};

// The certificates of a chain, DER, the leaf first.
using CertificateChain = std::vector<std::vector<std::uint8_t>>;

// Signs octets (auth_octets()) for our AUTH (RFC 7296 §2.15, RFC 7427).
struct SignAsk {
    SecretId signer = kNoSecret;
    std::vector<std::uint16_t> hashes;  // that the peer takes (RFC 7427 §4); none: it sent no such notify
    std::vector<std::uint8_t> octets;
};
struct SignAnswer {
    AuthMethod method{};
    std::vector<std::uint8_t> data;  // of the AUTH payload; empty: cannot
    CertificateChain chain;          // ours, without its root
};

// Checks a peer's chain, that the certificate is the identity's, and the signature of its AUTH. kUnknown and in the
// same time where there are no trusts.
struct VerifyPeerAsk {
    std::vector<SecretId> trusts;  // candidates, in order
    Identity identity;             // the peer's
    CertificateChain chain;
    AuthMethod method{};
    std::vector<std::uint8_t> data;
    std::vector<std::uint8_t> octets;
};
struct VerifyPeerAnswer {
    PeerVerdict verdict = PeerVerdict::kUnknown;
    std::uint32_t trust = 0;  // kTrusted: its place among the candidates
    WallTime not_after;       // kTrusted: until when the chain is valid
};

// One message of the peer's in an EAP conversation, and ours (RFC 3748). The conversation begins with the first one,
// the response to our request for an identity, and keeps the secrets of that ask.
struct EapStepAsk {
    SecretId users = kNoSecret;         // EAP-MSCHAPv2 is offered
    SecretId trust = kNoSecret;         // EAP-TLS is, with `signer`. Neither: as to a user that is nobody's
    SecretId signer = kNoSecret;        // our certificate
    std::uint64_t conversation = 0;     // ours to choose: another IKE_SA, another number
    IpAddress source;                   // the prefix of the peer's address, as limits count it
    std::vector<std::uint8_t> message;  // the peer's
};
struct EapStepAnswer {
    EapOutcome outcome = EapOutcome::kFailure;
    std::vector<std::uint8_t> message;        // what the peer gets
    eap::Type type = eap::Type::kNone;        // kSuccess: the method, like the next two
    crypto::PrfKey msk;                       // 64 bytes (RFC 3748 §7.10)
    std::string identity;                     // who the peer is: its user's name, or its certificate's
    eap::Reason reason = eap::Reason::kNone;  // kFailure; kContinue: the peer may try again
    std::string detail;
};

// Whether a customer's users have one of that name (still).
struct UserAsk {
    SecretId users = kNoSecret;
    std::string name;
};
struct UserAnswer {
    bool is_known = false;
};

using Question = std::variant<KeyExchangeAsk, PskMacAsk, PpkMixAsk, SignAsk, VerifyPeerAsk, EapStepAsk, UserAsk>;
struct Ask {
    AskId id = 0;
    Question question;
    bool may_wait = false;  // of a stranger, or for later use: others are answered before it
};

// Whoever answers is gone, or has no room: as good as a lost message.
struct AskFailed {};
using Answer = std::variant<AskFailed, KeyExchangeAnswer, PskMacAnswer, PpkMixAnswer, SignAnswer, VerifyPeerAnswer,
                            EapStepAnswer, UserAnswer>;

}  // namespace warren::ike
