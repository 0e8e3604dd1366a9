// Keys and inner addresses of peers by number, so that the generator and the hub's configuration agree without a file.
#pragma once

#include <cstdint>
#include <string>

#include "crypto/x25519.h"

namespace warren::bench {

inline constexpr std::uint32_t kStackAddress = 0x0a000001;  // 10.0.0.1, of every customer's stack

// Peer n is number n % peers_per_customer of customer n / peers_per_customer. All customers have the same addresses.
struct Roster {
    std::string seed;
    std::uint32_t peers_per_customer = 1;
    std::uint32_t first_peer = 0;  // number of the first that this generator plays; of a whole number of customers

    // The private key is HASH(seed || n): for measurements only.
    [[nodiscard]] crypto::KeyPair keys_of(std::uint32_t peer) const;
    // 10.0.1.0 and up, host byte order.
    [[nodiscard]] std::uint32_t address_of(std::uint32_t peer) const { return 0x0a000100 + peer % peers_per_customer; }
    // The other peer of a pair in one customer.
    [[nodiscard]] std::uint32_t neighbour_of(std::uint32_t peer) const;
};

}  // namespace warren::bench
