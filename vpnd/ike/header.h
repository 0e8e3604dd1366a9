// The IKE header (RFC 7296 §3.1).
#pragma once

#include <cstdint>
#include <span>

#include "base/bytes.h"
#include "vpnd/ike/flaw.h"
#include "vpnd/ike/numbers.h"

namespace warren::ike {

inline constexpr std::size_t kHeaderSize = 28;
inline constexpr std::size_t kPayloadHeaderSize = 4;  // the generic one, RFC 7296 §3.2
inline constexpr std::size_t kMostMessage = 65'535;   // conformance KP4

// The SPIs of an IKE_SA. Not zero but for the responder's before it has answered.
struct IkeSpis {
    std::uint64_t initiator = 0;
    std::uint64_t responder = 0;
    auto operator<=>(const IkeSpis&) const = default;
};

struct Header {
    IkeSpis spis;
    PayloadType next_payload = PayloadType::kNone;
    std::uint8_t minor_version = 0;  // of version 2; ignored on receipt
    ExchangeType exchange = ExchangeType::kIkeSaInit;
    bool is_initiator = false;  // the I flag: from the original initiator of the IKE_SA
    bool is_response = false;   // the R flag
    std::uint32_t message_id = 0;
    std::uint32_t length = 0;  // of the whole message
    auto operator<=>(const Header&) const = default;
};

// The header of a datagram without its non-ESP marker. It checks all that a header alone tells (conformance KP2): the
// length is the datagram's, the version is 2, SPIi is not zero, SPIr is zero in IKE_SA_INIT requests, may be in their
// responses (RFC 7296 §2.6) and nowhere else, IKE_SA_INIT has message ID 0 and the flags of its role. Whether the flags
// of other messages are those of the peer's role is the caller's to check. Reserved flags are ignored.
[[nodiscard]] Read<Header> read_header(Bytes datagram);
// The fields as they are, nothing checked: what an answer to a refused message copies (RFC 7296 §1.5).
[[nodiscard]] Header header_fields(std::span<const std::uint8_t, kHeaderSize> bytes);

// The reserved flags are zero. major_version is 2 and minor 0, whatever `header` says.
void write_header(const Header& header, std::span<std::uint8_t, kHeaderSize> out);

}  // namespace warren::ike
