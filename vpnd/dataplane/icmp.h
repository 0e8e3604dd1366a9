// ICMP errors that the tunnel owes a stack (wireguard.md D6): destination unreachable and packet too big.
#pragma once

#include <algorithm>
#include <array>
#include <optional>

#include "base/time.h"
#include "vpnd/dataplane/customer_view.h"
#include "vpnd/dataplane/inner_packet.h"

namespace warren::dataplane {

// A rate limit: `burst` at once, then `per_second`.
class TokenBucket {
  public:
    static constexpr std::int64_t kPerSecond = 100;
    static constexpr std::int64_t kBurst = 50;

    [[nodiscard]] bool has_token(Instant now) const { return after_taking(now) <= now; }
    // Goes with has_token().
    void take(Instant now) { paid_until_ = after_taking(now); }

  private:
    // Tokens come back one per price of time; a full bucket is paid until kBurst prices ago.
    [[nodiscard]] Instant after_taking(Instant now) const {
        constexpr Duration kPrice = std::chrono::nanoseconds(std::chrono::seconds(1)) / kPerSecond;
        return std::max(paid_until_, now - kPrice * kBurst) + kPrice;
    }

    Instant paid_until_ = kLongAgo;
};

enum class IcmpError : std::uint8_t {
    kNoPeer,      // ICMP host unreachable (RFC 792), ICMPv6 address unreachable (RFC 4443 §3.1)
    kNoEndpoint,  // the same
    kTooBig,      // ICMP fragmentation needed (RFC 1191), ICMPv6 packet too big (RFC 4443 §3.2)
};

// No ICMP error is longer than the smallest MTU of IPv6 (RFC 4443 §2.4(c)); over IPv4 576 bytes (RFC 1812 §4.3.2.3).
inline constexpr std::size_t kIcmpMaximum = 1280;

struct IcmpPacket {
    std::array<std::uint8_t, kIcmpMaximum> space;
    std::size_t size = 0;
    [[nodiscard]] Bytes bytes() const { return Bytes(space).first(size); }
};

// Writes the error about `offender` to be sent back to its source, from the stack's own address of that family. False, when there must be
// none: about ICMP errors, multicast, broadcast, fragments but the first, or a source that is no host (RFC 1122 §3.2.2, RFC 4443 §2.4(e));
// or when the stack has no such address. `mtu` is told with kTooBig.
[[nodiscard]] bool write_icmp_error(IcmpError error, const InnerPacket& offender, const CustomerView& customer, std::size_t mtu,
                                    IcmpPacket& out);

}  // namespace warren::dataplane
