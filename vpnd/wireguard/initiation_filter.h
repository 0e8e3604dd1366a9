// Remembers initiations by their mac1, so that a replayed one costs no Diffie-Hellman (conformance C13).
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "vpnd/control/keyed_hash.h"
#include "vpnd/wireguard/messages.h"

namespace warren::wireguard {

// The last few thousand, in a fixed 32 KB that is taken with the first. mac1 covers all of an initiation but mac2, so
// equal macs are equal initiations. A new initiation is taken for an old one with a probability of 2^-30.
class InitiationFilter {
  public:
    explicit InitiationFilter(crypto::RandomSource& random) : hash_(random) {}

    [[nodiscard]] bool contains(const Mac& mac1) const;
    // The oldest of its set makes room.
    void insert(const Mac& mac1);

  private:
    static constexpr std::size_t kSets = 2048;
    static constexpr std::size_t kWays = 4;
    using Set = std::array<std::uint32_t, kWays>;  // tags, newest first, 0 = free

    struct Place {
        std::size_t set;
        std::uint32_t tag;
    };
    [[nodiscard]] Place place_of(const Mac& mac1) const;

    control::KeyedHash hash_;
    std::vector<Set> sets_;
};

}  // namespace warren::wireguard
