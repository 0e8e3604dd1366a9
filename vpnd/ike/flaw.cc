#include "vpnd/ike/flaw.h"

namespace warren::ike {

std::optional<NotifyType> notify_for(const Flaw& flaw) {
    switch (flaw.misfit) {
        case Misfit::kMajorVersion: return NotifyType::kInvalidMajorVersion;
        case Misfit::kCritical: return NotifyType::kUnsupportedCriticalPayload;
        case Misfit::kPayloadLength:
        case Misfit::kTooManyPayloads:
        case Misfit::kRepeated:
        case Misfit::kMalformed:
        case Misfit::kNotLast:
        case Misfit::kPadding: return NotifyType::kInvalidSyntax;
        case Misfit::kShort:
        case Misfit::kLength:
        case Misfit::kTooLong:
        case Misfit::kIkev1:
        case Misfit::kSpi:
        case Misfit::kFlags:
        case Misfit::kNotAuthentic: break;
    }
    return std::nullopt;
}

std::string_view text_of(Misfit misfit) {
    switch (misfit) {
        case Misfit::kShort: return "shorter than an IKE header";
        case Misfit::kLength: return "the header's length is not the datagram's";
        case Misfit::kTooLong: return "longer than a message may be";
        case Misfit::kIkev1: return "IKEv1";
        case Misfit::kMajorVersion: return "a version of IKE above 2";
        case Misfit::kSpi: return "an SPI that is zero, or is not, where it may not be";
        case Misfit::kFlags: return "IKE_SA_INIT with wrong flags or a message ID";
        case Misfit::kPayloadLength: return "a payload with a wrong length";
        case Misfit::kTooManyPayloads: return "more payloads, or parts of one, than we take";
        case Misfit::kRepeated: return "a payload twice that may be there once";
        case Misfit::kCritical: return "a critical payload that we do not know";
        case Misfit::kMalformed: return "a malformed payload";
        case Misfit::kNotLast: return "a payload behind the encrypted one";
        case Misfit::kNotAuthentic: return "the integrity check failed";
        case Misfit::kPadding: return "wrong padding";
    }
    return "";
}

}  // namespace warren::ike
