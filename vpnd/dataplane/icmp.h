// ICMP errors that the tunnel owes a stack (conformance D6): destination unreachable and packet too big.
#pragma once

#include <array>
#include <optional>

#include "base/token_bucket.h"
#include "vpnd/dataplane/customer_view.h"
#include "vpnd/packet/inner_packet.h"

namespace warren::dataplane {

// Errors into one stack.
inline constexpr TokenRate kIcmpErrorRate{.per_second = 100, .burst = 50};

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

// Writes the error about `offender` to be sent back to its source, from the stack's own address of that family. False,
// when there must be none: about ICMP errors, multicast, broadcast, fragments but the first, or a source that is no
// host (RFC 1122 §3.2.2, RFC 4443 §2.4(e)); or when the stack has no such address. `mtu` is told with kTooBig.
[[nodiscard]] bool write_icmp_error(IcmpError error, const InnerPacket& offender, const CustomerView& customer,
                                    std::size_t mtu, IcmpPacket& out);

}  // namespace warren::dataplane
