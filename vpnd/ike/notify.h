// Notifications: to build, and what is in those that were read (RFC 7296 §3.10).
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "base/ip.h"
#include "vpnd/ike/flaw.h"
#include "vpnd/ike/numbers.h"
#include "vpnd/ike/payload.h"

namespace warren::ike {

// A notification to be written.
struct Notify {
    NotifyType type = NotifyType::kInvalidSyntax;
    ProtocolId protocol = ProtocolId::kNone;  // kNone without an SPI
    std::vector<std::uint8_t> spi;
    std::vector<std::uint8_t> data;
    auto operator<=>(const Notify&) const = default;
};

// --- to build ------------------------------------------------------------------------------------

// Without SPI; most have no data.
[[nodiscard]] Notify notify_of(NotifyType type, Bytes data = {});
// UNSUPPORTED_CRITICAL_PAYLOAD: the type of the payload.
[[nodiscard]] Notify unsupported_critical_payload(PayloadType payload);
// INVALID_MAJOR_VERSION, INVALID_SYNTAX or UNSUPPORTED_CRITICAL_PAYLOAD with its data. notify_for(flaw) has a value.
[[nodiscard]] Notify notify_about(const Flaw& flaw);
[[nodiscard]] Notify invalid_ke_payload(KeyExchangeId ours);
[[nodiscard]] Notify invalid_spi(std::uint32_t esp_spi);
// REKEY_SA, CHILD_SA_NOT_FOUND: the SPI that the sender of the notification receives on (RFC 7296 §1.3.3, §2.25).
[[nodiscard]] Notify rekey_sa(std::uint32_t esp_spi);
[[nodiscard]] Notify child_sa_not_found(std::uint32_t esp_spi);
[[nodiscard]] Notify signature_hash_algorithms(std::span<const HashAlgorithmId> hashes);
// ADDITIONAL_IP4_ADDRESS or ADDITIONAL_IP6_ADDRESS (RFC 4555 §3.2).
[[nodiscard]] Notify additional_address(const IpAddress& address);
// In seconds on the wire (RFC 4478 §3).
[[nodiscard]] Notify auth_lifetime(std::chrono::seconds lifetime);
// RFC 8784 §3, §5.1: type 2, PPK_ID_FIXED.
[[nodiscard]] Notify ppk_identity(Bytes identity);

// --- to read; nothing when the data is not what the type has -------------------------------------

// INVALID_KE_PAYLOAD: the method that the peer wants.
[[nodiscard]] std::optional<KeyExchangeId> wanted_method(const NotifyPayload& notify);
// REKEY_SA, CHILD_SA_NOT_FOUND, INVALID_SELECTORS: the ESP SPI.
[[nodiscard]] std::optional<std::uint32_t> esp_spi_of(const NotifyPayload& notify);
// INVALID_SPI: the SPI in its data.
[[nodiscard]] std::optional<std::uint32_t> invalid_spi_of(const NotifyPayload& notify);
// COOKIE, COOKIE2: 1..64 and 8..64 bytes (RFC 7296 §2.6, RFC 4555 §4.2.5).
[[nodiscard]] std::optional<Bytes> cookie_of(const NotifyPayload& notify);
// NAT_DETECTION_SOURCE_IP, NAT_DETECTION_DESTINATION_IP.
[[nodiscard]] std::optional<std::array<std::uint8_t, 20>> nat_hash_of(const NotifyPayload& notify);
// SIGNATURE_HASH_ALGORITHMS: those that we know, a bit for each: 1 << HashAlgorithmId. Unknown ones are skipped.
[[nodiscard]] std::optional<std::uint32_t> hashes_of(const NotifyPayload& notify);
[[nodiscard]] std::optional<IpAddress> additional_address_of(const NotifyPayload& notify);
[[nodiscard]] std::optional<std::chrono::seconds> auth_lifetime_of(const NotifyPayload& notify);
// PPK_IDENTITY of type PPK_ID_FIXED: the identity.
[[nodiscard]] std::optional<Bytes> ppk_identity_of(const NotifyPayload& notify);

}  // namespace warren::ike
