// The words of IPsec that the configuration, the messages and the engine share, as values. PURE.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace warren {

// UDP. What leaves from kNatTraversalPort and carries no packet begins with four zero bytes (RFC 3948 §2.2).
inline constexpr std::uint16_t kIkePort = 500;            // RFC 7296 §2
inline constexpr std::uint16_t kNatTraversalPort = 4500;  // RFC 7296 §2.23

// How a peer proves who it is.
enum class IpsecAuth : std::uint8_t { kPsk, kCertificate, kEapMschapv2, kEapTls };
inline constexpr std::array<std::string_view, 4> kIpsecAuthNames{"psk", "certificate", "eap-mschapv2", "eap-tls"};

// Who begins.
enum class IpsecStart : std::uint8_t { kResponder, kOnTraffic, kAlways };
inline constexpr std::array<std::string_view, 3> kIpsecStartNames{"responder", "on-traffic", "always"};

// What a secret is, and so what it answers.
enum class SecretKind : std::uint8_t {
    kPsk,
    kPpk,
    kSigner,  // a private key and its certificate's chain
    kTrust,   // CAs and revocation lists
    kUsers,   // of EAP
};

// What is wrong with a peer's certificate or signature; kTrusted: nothing.
enum class PeerVerdict : std::uint8_t {
    kTrusted,
    kMalformed,      // a certificate, or the AUTH data
    kUnknownIssuer,  // the chain ends in none of the CAs
    kNotYetValid,
    kExpired,
    kRevoked,
    kNoRevocationList,  // there is none in force, and there must be
    kWrongUsage,        // a certificate may not do what it does in the chain
    kWrongIdentity,     // the certificate is not that of the identity
    kWrongSignature,
    kWeak,     // an algorithm or a key that nobody should trust
    kUnknown,  // nothing here can tell
};

// How an EAP conversation stands.
enum class EapOutcome : std::uint8_t { kContinue, kSuccess, kFailure };

// Something that both ends have to want.
enum class IpsecUse : std::uint8_t { kOff, kOptional, kRequired };
inline constexpr std::array<std::string_view, 3> kIpsecUseNames{"off", "optional", "required"};

// ESP in UDP always, or only where there is a NAT.
enum class IpsecEncapsulation : std::uint8_t { kAlways, kAuto };
inline constexpr std::array<std::string_view, 2> kIpsecEncapsulationNames{"always", "auto"};

// The types of RFC 7296 §3.5; kAny is nobody's identity and matches all.
enum class IkeIdentityType : std::uint8_t { kAny, kAddress, kFqdn, kEmail, kDn, kKeyId };

// Who one end says it is, or, as a pattern, who it may say it is.
struct IkeIdentity {
    IkeIdentityType type = IkeIdentityType::kAny;
    bool is_pattern = false;  // kFqdn and kEmail: `text` begins with "*", which stands for one character or more
    // kAddress: as to_string(IpAddress) writes it; kDn: "C=AT, O=Acme, CN=hub"; kKeyId: the octets themselves.
    std::string text;

    auto operator<=>(const IkeIdentity&) const = default;
};

// How an identity of kKeyId is written: behind the first, and in hex behind both.
inline constexpr std::string_view kKeyIdPrefix = "key-id:";
inline constexpr std::string_view kHexPrefix = "hex:";

// Equal values are the same identity: an FQDN has no case, all others are compared octet by octet.
[[nodiscard]] inline IkeIdentity canonical(IkeIdentity identity) {
    if (identity.type != IkeIdentityType::kFqdn) return identity;
    for (char& c : identity.text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    return identity;
}

// As the configuration has it: "any", "graz@acme.example", "key-id:hex:671b00".
[[nodiscard]] std::string to_string(const IkeIdentity& identity);

// One algorithm, by its numbers in IANA's registry "IKEv2 Parameters" (RFC 7296 §3.3.2).
struct IkeTransform {
    static constexpr std::uint8_t kEncryption = 1;
    static constexpr std::uint8_t kPrf = 2;
    static constexpr std::uint8_t kIntegrity = 3;
    static constexpr std::uint8_t kKeyExchange = 4;

    std::uint8_t type = 0;
    std::uint16_t id = 0;
    std::uint16_t key_bits = 0;  // 0: the algorithm has one length

    auto operator<=>(const IkeTransform&) const = default;
};

// At most one of each type: kEncryption, kPrf (IKE only), kIntegrity (not beside an AEAD), kKeyExchange (in IKE
// always).
using IkeProposal = std::vector<IkeTransform>;

}  // namespace warren
