// Why bytes are no IKEv2 message that we take.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <tl/expected.hpp>

#include "vpnd/ike/numbers.h"

namespace warren::ike {

enum class Misfit : std::uint8_t {
    // The header: nothing is answered, but for kMajorVersion.
    kShort,         // no whole header
    kLength,        // the header's length is not the datagram's
    kTooLong,       // beyond kMostMessage
    kIkev1,         // a major version below 2
    kMajorVersion,  // a major version above 2
    kSpi,           // the initiator's SPI is zero; the responder's is, or is not, where it may not be
    kFlags,         // IKE_SA_INIT with flags of the wrong role, or a message ID that is not zero
    // The payloads.
    kPayloadLength,    // a payload goes beyond the message or is shorter than its header; or bytes are left over
    kTooManyPayloads,  // or proposals, transforms, selectors, certificates
    kRepeated,         // a payload that a message has once
    kCritical,         // unknown and critical
    kMalformed,        // what is in a payload does not add up
    kNotLast,          // SK or SKF is not the last one
    // SK and SKF.
    kNotAuthentic,  // too short, or the integrity is wrong
    kPadding,       // authentic, but the padding is longer than the text
};

struct Flaw {
    Misfit misfit = Misfit::kShort;
    // The payload concerned, where there is one; also one that we do not know.
    PayloadType payload = PayloadType::kNone;
    auto operator<=>(const Flaw&) const = default;
};

template <typename T>
using Read = tl::expected<T, Flaw>;

// The notification that tells the peer: UNSUPPORTED_CRITICAL_PAYLOAD, INVALID_MAJOR_VERSION, INVALID_SYNTAX; nothing
// for what is dropped in silence (RFC 7296 §2.21). For requests of IKE_SA_INIT, and for what was authentic: a flaw that
// was found before the integrity was is dropped whatever it is.
[[nodiscard]] std::optional<NotifyType> notify_for(const Flaw& flaw);
// A few words for people: "a payload goes beyond the message".
[[nodiscard]] std::string_view text_of(Misfit misfit);

}  // namespace warren::ike
