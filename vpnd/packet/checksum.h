// The Internet checksum (RFC 1071). Sums are kept as they lie in memory, so no byte is swapped (RFC 1071 §2(B)).
#pragma once

#include "base/bytes.h"
#include "base/ip.h"

namespace warren::dataplane {

// A sum that is not folded yet. Sums of pieces may be added when every piece but the last has an even length.
using ChecksumSum = std::uint64_t;

[[nodiscard]] ChecksumSum checksum_sum(Bytes bytes);
// Copies and sums in one pass; `to` has room for `from` and does not overlap it.
[[nodiscard]] ChecksumSum checksum_copy(std::uint8_t* to, Bytes from);

// To 16 bits, in memory order: store it with store_le.
[[nodiscard]] inline std::uint16_t checksum_fold(ChecksumSum sum) {
    sum = (sum & 0xffffffffU) + (sum >> 32);
    sum = (sum & 0xffffffffU) + (sum >> 32);
    sum = (sum & 0xffffU) + (sum >> 16);
    sum = (sum & 0xffffU) + (sum >> 16);
    return static_cast<std::uint16_t>(sum);
}
// What a header's checksum field holds.
[[nodiscard]] inline std::uint16_t checksum_finish(ChecksumSum sum) {
    return static_cast<std::uint16_t>(~checksum_fold(sum));
}

// A 16-bit number that is in host order, as it adds to a sum.
[[nodiscard]] inline ChecksumSum checksum_number(std::uint16_t value) {
    return byte_swap(value);
}

// The pseudo-header of TCP and UDP: addresses, protocol and length (RFC 9293 §3.1, RFC 8200 §8.1). `addresses` are
// both, as in the header.
[[nodiscard]] inline ChecksumSum checksum_pseudo_header(Bytes addresses, std::uint8_t protocol, std::size_t length) {
    return checksum_sum(addresses) + checksum_number(protocol) + checksum_number(static_cast<std::uint16_t>(length)) +
           checksum_number(static_cast<std::uint16_t>(length >> 16));
}

}  // namespace warren::dataplane
