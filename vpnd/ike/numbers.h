// IANA's IKEv2 parameters that we use. A value that is not listed may stand in each of these types: it came from a
// peer.
#pragma once

#include <cstdint>
#include <string>

namespace warren::ike {

enum class ExchangeType : std::uint8_t {
    kIkeSaInit = 34,
    kIkeAuth = 35,
    kCreateChildSa = 36,
    kInformational = 37,
    kIkeIntermediate = 43,  // RFC 9242
    kIkeFollowupKe = 44,    // RFC 9370
};

// RFC 7296 §3.2
enum class PayloadType : std::uint8_t {
    kNone = 0,
    kSa = 33,
    kKe = 34,
    kIdi = 35,
    kIdr = 36,
    kCert = 37,
    kCertreq = 38,
    kAuth = 39,
    kNonce = 40,
    kNotify = 41,
    kDelete = 42,
    kVendorId = 43,
    kTsi = 44,
    kTsr = 45,
    kSk = 46,
    kCp = 47,
    kEap = 48,
    kSkf = 53,  // RFC 7383 §2.5
};

enum class ProtocolId : std::uint8_t { kNone = 0, kIke = 1, kAh = 2, kEsp = 3 };

// RFC 7296 §3.3.2
enum class TransformType : std::uint8_t {
    kEncryption = 1,
    kPrf = 2,
    kIntegrity = 3,
    kKeyExchange = 4,
    kEsn = 5,
};

enum class EncryptionId : std::uint16_t {
    kDes = 2,
    k3des = 3,
    kNull = 11,
    kAesCbc = 12,
    kAesCtr = 13,
    kAesGcm8 = 18,
    kAesGcm12 = 19,
    kAesGcm16 = 20,          // RFC 4106, RFC 5282
    kChacha20Poly1305 = 28,  // RFC 7634
};

enum class PrfId : std::uint16_t {
    kHmacMd5 = 1,
    kHmacSha1 = 2,
    kHmacSha2_256 = 5,  // RFC 4868
    kHmacSha2_384 = 6,
    kHmacSha2_512 = 7,
};

enum class IntegrityId : std::uint16_t {
    kNone = 0,
    kHmacMd5_96 = 1,
    kHmacSha1_96 = 2,
    kHmacSha2_256_128 = 12,  // RFC 4868
    kHmacSha2_384_192 = 13,
    kHmacSha2_512_256 = 14,
};

enum class KeyExchangeId : std::uint16_t {
    kNone = 0,
    kModp768 = 1,
    kModp1024 = 2,
    kModp1536 = 5,
    kModp2048 = 14,  // RFC 3526
    kModp3072 = 15,
    kModp4096 = 16,
    kEcp256 = 19,  // RFC 5903
    kEcp384 = 20,
    kEcp521 = 21,
    kModp1024s160 = 22,
    kModp2048s224 = 23,
    kModp2048s256 = 24,
    kCurve25519 = 31,  // RFC 8031
};

enum class EsnId : std::uint16_t { kNo = 0, kYes = 1 };

// RFC 7296 §3.5
enum class IdType : std::uint8_t {
    kIpv4Addr = 1,
    kFqdn = 2,
    kRfc822Addr = 3,
    kIpv6Addr = 5,
    kDerAsn1Dn = 9,
    kDerAsn1Gn = 10,
    kKeyId = 11,
};

// RFC 7296 §3.8
enum class AuthMethod : std::uint8_t {
    kRsaSignature = 1,  // with SHA-1
    kSharedKeyMic = 2,
    kEcdsaSha256P256 = 9,  // RFC 4754
    kEcdsaSha384P384 = 10,
    kEcdsaSha512P521 = 11,
    kNull = 13,              // RFC 7619
    kDigitalSignature = 14,  // RFC 7427
};

// Made with the private key of a certificate.
[[nodiscard]] constexpr bool is_signature(AuthMethod method) {
    return method == AuthMethod::kRsaSignature || method == AuthMethod::kEcdsaSha256P256 ||
           method == AuthMethod::kEcdsaSha384P384 || method == AuthMethod::kEcdsaSha512P521 ||
           method == AuthMethod::kDigitalSignature;
}

// RFC 7296 §3.6
enum class CertEncoding : std::uint8_t {
    kPkcs7 = 1,
    kX509Signature = 4,
    kCrl = 7,
    kHashAndUrl = 12,
    kHashAndUrlBundle = 13,
    kOcspContent = 14,  // RFC 4806
};

// RFC 7296 §3.10.1: errors are below 16384.
enum class NotifyType : std::uint16_t {
    kUnsupportedCriticalPayload = 1,
    kInvalidIkeSpi = 4,
    kInvalidMajorVersion = 5,
    kInvalidSyntax = 7,
    kInvalidMessageId = 9,
    kInvalidSpi = 11,
    kNoProposalChosen = 14,
    kInvalidKePayload = 17,
    kAuthenticationFailed = 24,
    kSinglePairRequired = 34,
    kNoAdditionalSas = 35,
    kInternalAddressFailure = 36,
    kFailedCpRequired = 37,
    kTsUnacceptable = 38,
    kInvalidSelectors = 39,
    kUnacceptableAddresses = 40,  // RFC 4555
    kUnexpectedNatDetected = 41,  // RFC 4555
    kTemporaryFailure = 43,
    kChildSaNotFound = 44,
    kStateNotFound = 47,  // RFC 9370

    kInitialContact = 16384,
    kSetWindowSize = 16385,
    kAdditionalTsPossible = 16386,
    kIpcompSupported = 16387,
    kNatDetectionSourceIp = 16388,
    kNatDetectionDestinationIp = 16389,
    kCookie = 16390,
    kUseTransportMode = 16391,
    kHttpCertLookupSupported = 16392,
    kRekeySa = 16393,
    kEspTfcPaddingNotSupported = 16394,
    kNonFirstFragmentsAlso = 16395,
    kMobikeSupported = 16396,  // RFC 4555
    kAdditionalIp4Address = 16397,
    kAdditionalIp6Address = 16398,
    kNoAdditionalAddresses = 16399,
    kUpdateSaAddresses = 16400,
    kCookie2 = 16401,
    kNoNatsAllowed = 16402,
    kAuthLifetime = 16403,                   // RFC 4478
    kMultipleAuthSupported = 16404,          // RFC 4739
    kRedirectSupported = 16406,              // RFC 5685
    kEapOnlyAuthentication = 16417,          // RFC 5998
    kChildlessIkev2Supported = 16418,        // RFC 6023
    kIkev2MessageIdSyncSupported = 16420,    // RFC 6311
    kIkev2FragmentationSupported = 16430,    // RFC 7383
    kSignatureHashAlgorithms = 16431,        // RFC 7427
    kUsePpk = 16435,                         // RFC 8784
    kPpkIdentity = 16436,                    // RFC 8784
    kNoPpkAuth = 16437,                      // RFC 8784
    kIntermediateExchangeSupported = 16438,  // RFC 9242
    kAdditionalKeyExchange = 16441,          // RFC 9370
};
[[nodiscard]] constexpr bool is_error(NotifyType type) {
    return static_cast<std::uint16_t>(type) < 16384;
}

// RFC 7427 §7
enum class HashAlgorithmId : std::uint16_t {
    kSha1 = 1,
    kSha2_256 = 2,
    kSha2_384 = 3,
    kSha2_512 = 4,
    kIdentity = 5,  // RFC 8420: Ed25519
};

// RFC 7296 §3.13.1
enum class TsType : std::uint8_t { kIpv4AddrRange = 7, kIpv6AddrRange = 8 };

// RFC 7296 §3.15
enum class CfgType : std::uint8_t { kRequest = 1, kReply = 2, kSet = 3, kAck = 4 };

// RFC 7296 §3.15.1
enum class CfgAttribute : std::uint16_t {
    kInternalIp4Address = 1,
    kInternalIp4Netmask = 2,
    kInternalIp4Dns = 3,
    kInternalIp4Nbns = 4,
    kApplicationVersion = 7,
    kInternalIp6Address = 8,
    kInternalIp6Dns = 10,
    kInternalIp4Subnet = 13,
    kSupportedAttributes = 14,
    kInternalIp6Subnet = 15,
    kInternalDnsDomain = 25,  // RFC 8598
};

// As the RFCs write them, "IKE_SA_INIT", "SA", "NO_PROPOSAL_CHOSEN"; a number that has no name here in decimal.
[[nodiscard]] std::string name_of(ExchangeType exchange);
[[nodiscard]] std::string name_of(PayloadType payload);
[[nodiscard]] std::string name_of(NotifyType notify);
[[nodiscard]] std::string name_of(AuthMethod method);

}  // namespace warren::ike
