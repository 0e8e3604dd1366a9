// Any bytes as a WireGuard handshake message: parsing and formatting agree, and other bytes are refused.
#include <algorithm>
#include <array>

#include "base/check.h"
#include "vpnd/wireguard/messages.h"

namespace {

using namespace warren;
using namespace warren::wireguard;

// A parsed message, formatted again, equals the original up to the macs.
template <std::size_t N, typename Message>
void check_round_trip(Bytes datagram, const std::optional<Message>& message, std::size_t compared) {
    WARREN_CHECK(message.has_value());
    std::array<std::uint8_t, N> again{};
    format(*message, again);
    WARREN_CHECK(std::equal(again.begin(), again.begin() + static_cast<std::ptrdiff_t>(compared), datagram.begin()));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const Bytes datagram(data, size);
    const Classified classified = classify(datagram);
    const bool fits = classified.misfit == Misfit::kNone;
    WARREN_CHECK(parse_initiation(datagram).has_value() == (fits && classified.type == MessageType::kInitiation));
    WARREN_CHECK(parse_response(datagram).has_value() == (fits && classified.type == MessageType::kResponse));
    WARREN_CHECK(parse_cookie_reply(datagram).has_value() == (fits && classified.type == MessageType::kCookieReply));
    if (!fits) return 0;
    switch (classified.type) {
        case MessageType::kInitiation:
            check_round_trip<kInitiationSize>(datagram, parse_initiation(datagram), kInitiationSize - 32);
            break;
        case MessageType::kResponse:
            check_round_trip<kResponseSize>(datagram, parse_response(datagram), kResponseSize - 32);
            break;
        case MessageType::kCookieReply:
            check_round_trip<kCookieReplySize>(datagram, parse_cookie_reply(datagram), kCookieReplySize);
            return 0;
        case MessageType::kData: WARREN_CHECK(false);
    }
    const Mac mac1 = mac1_of(datagram);
    WARREN_CHECK(std::equal(mac1.begin(), mac1.end(), before_mac2(datagram).end() - 16));
    WARREN_CHECK(before_mac1(datagram).size() + 32 == size);
    return 0;
}
