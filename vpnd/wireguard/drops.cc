#include "vpnd/wireguard/drops.h"

namespace warren::wireguard {

std::string_view name_of(HandshakeDrop drop) {
    switch (drop) {
        case HandshakeDrop::kBadType: return "bad_type";
        case HandshakeDrop::kBadLength: return "bad_length";
        case HandshakeDrop::kBadMac1: return "bad_mac1";
        case HandshakeDrop::kReplayedInitiation: return "replayed_initiation";
        case HandshakeDrop::kCookieRequired: return "cookie_required";
        case HandshakeDrop::kRateLimited: return "rate_limited";
        case HandshakeDrop::kCustomerRateLimited: return "customer_rate_limited";
        case HandshakeDrop::kBadInitiation: return "bad_initiation";
        case HandshakeDrop::kUnknownPeer: return "unknown_peer";
        case HandshakeDrop::kOldTimestamp: return "old_timestamp";
        case HandshakeDrop::kInitiationTooSoon: return "initiation_too_soon";
        case HandshakeDrop::kUnknownIndex: return "unknown_index";
        case HandshakeDrop::kWrongState: return "wrong_state";
        case HandshakeDrop::kBadResponse: return "bad_response";
        case HandshakeDrop::kUnexpectedCookieReply: return "unexpected_cookie_reply";
        case HandshakeDrop::kBadCookieReply: return "bad_cookie_reply";
    }
    return "unknown";
}

}  // namespace warren::wireguard
