// The payloads of a message that was read, as values (RFC 7296 §3). They are views: the message's bytes must outlive
// them.
#pragma once

#include <cstdint>
#include <variant>

#include "base/bytes.h"
#include "base/ip.h"
#include "vpnd/ike/numbers.h"
#include "vpnd/ike/sequence.h"

namespace warren::ike {

// --- SA, RFC 7296 §3.3 ---------------------------------------------------------------------------

// One transform, read or to be written (RFC 7296 §3.3.2).
struct Transform {
    TransformType type = TransformType::kEncryption;
    std::uint16_t id = 0;
    std::uint16_t key_bits = 0;          // the Key Length attribute; 0: there is none
    bool has_unknown_attribute = false;  // then it is not to be chosen (RFC 7296 §3.3.6)
    auto operator<=>(const Transform&) const = default;
    static Transform take(Bytes& rest);
};

// One proposal of a message that was read (RFC 7296 §3.3.1).
struct ProposalView {
    std::uint8_t number = 0;
    ProtocolId protocol = ProtocolId::kNone;
    Bytes spi;
    Sequence<Transform> transforms;
    static ProposalView take(Bytes& rest);
};

struct SaPayload {
    Sequence<ProposalView> proposals;  // at least one
};

// --- KE, nonce, RFC 7296 §3.4, §3.9 --------------------------------------------------------------

struct KePayload {
    KeyExchangeId method = KeyExchangeId::kNone;
    Bytes public_value;
};

struct NoncePayload {
    Bytes nonce;  // 16 to 256 bytes
};

// --- identities, RFC 7296 §3.5 -------------------------------------------------------------------

struct IdPayload {
    IdType type = IdType::kFqdn;
    Bytes value;
    Bytes body;  // the payload behind its generic header, as AUTH covers it (RFC 7296 §2.15)
};
struct IdiPayload : IdPayload {};
struct IdrPayload : IdPayload {};

// --- certificates, RFC 7296 §3.6, §3.7 -----------------------------------------------------------

struct CertPayload {
    CertEncoding encoding = CertEncoding::kX509Signature;
    Bytes data;
};
struct CertreqPayload {
    CertEncoding encoding = CertEncoding::kX509Signature;
    Bytes authorities;  // SHA-1 hashes of public keys, 20 bytes each, with kX509Signature
};

// --- AUTH, RFC 7296 §3.8 -------------------------------------------------------------------------

struct AuthPayload {
    AuthMethod method = AuthMethod::kSharedKeyMic;
    Bytes data;
};

// --- notify, delete, RFC 7296 §3.10, §3.11 -------------------------------------------------------

struct NotifyPayload {
    ProtocolId protocol = ProtocolId::kNone;
    NotifyType type = NotifyType::kInvalidSyntax;
    Bytes spi;
    Bytes data;
};

struct DeletePayload {
    ProtocolId protocol = ProtocolId::kNone;
    // With kEsp four bytes an SPI, with kIke none at all; else as the peer says.
    std::size_t spi_size = 0;
    Bytes spis;
    [[nodiscard]] std::size_t count() const { return spi_size == 0 ? 0 : spis.size() / spi_size; }
    // protocol == kEsp, at < count()
    [[nodiscard]] std::uint32_t esp_spi(std::size_t at) const { return load_be<std::uint32_t>(spis.data() + 4 * at); }
};

struct VendorIdPayload {
    Bytes id;
};

// --- traffic selectors, RFC 7296 §3.13 -----------------------------------------------------------

// Addresses from first to last, ports likewise. ICMP: the type is the high byte of the port, the code the low one.
// OPAQUE: first_port 65535, last_port 0 (RFC 7296 §3.13.1).
struct TrafficSelector {
    IpAddress first;
    IpAddress last;             // of first's family
    std::uint8_t protocol = 0;  // 0: any
    std::uint16_t first_port = 0;
    std::uint16_t last_port = UINT16_MAX;
    auto operator<=>(const TrafficSelector&) const = default;
    static TrafficSelector take(Bytes& rest);
};

// Selectors of types that we do not know are not in it; `has_unknown` says that there were some.
struct TsPayload {
    Sequence<TrafficSelector> selectors;
    bool has_unknown = false;
};
struct TsiPayload : TsPayload {};
struct TsrPayload : TsPayload {};

// --- configuration, RFC 7296 §3.15 ---------------------------------------------------------------

struct ConfigAttribute {
    CfgAttribute type = CfgAttribute::kInternalIp4Address;
    Bytes value;
    static ConfigAttribute take(Bytes& rest);
};
struct CpPayload {
    CfgType type = CfgType::kRequest;
    Sequence<ConfigAttribute> attributes;
};

struct EapPayload {
    Bytes message;  // code, identifier, length and so on (RFC 3748 §4); the length is the payload's
};

// --- encrypted, RFC 7296 §3.14, RFC 7383 §2.5 ----------------------------------------------------

struct SkPayload {
    PayloadType first = PayloadType::kNone;  // of the payloads inside
    Bytes sealed;                            // IV, ciphertext, ICV
    Bytes associated;                        // the message before the IV
};
struct SkfPayload {
    PayloadType first = PayloadType::kNone;  // in fragment 1, else kNone
    std::uint16_t number = 0;                // 1 to total
    std::uint16_t total = 0;
    Bytes sealed;
    Bytes associated;
};

using Payload = std::variant<std::monostate, SaPayload, KePayload, NoncePayload, IdiPayload, IdrPayload, CertPayload,
                             CertreqPayload, AuthPayload, NotifyPayload, DeletePayload, VendorIdPayload, TsiPayload,
                             TsrPayload, CpPayload, EapPayload, SkPayload, SkfPayload>;

}  // namespace warren::ike
