// A hash that strangers cannot predict, for tables whose keys they choose.
#pragma once

#include <array>
#include <cstdint>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/ip.h"
#include "crypto/random.h"
#include "crypto/short_hash.h"

namespace warren::control {

// Keyed with 16 random bytes of its own.
class KeyedHash {
  public:
    explicit KeyedHash(crypto::RandomSource& random) { random.fill(key_); }

    [[nodiscard]] std::uint64_t of(Bytes data) const { return crypto::short_hash(key_, data); }

    // As the hash function of a standard table.
    std::size_t operator()(const IpAddress& address) const { return of(address.bytes()); }
    std::size_t operator()(CustomerIndex customer) const {
        std::array<std::uint8_t, 4> bytes{};
        store_le(bytes.data(), customer.value);
        return of(bytes);
    }

  private:
    crypto::ShortHashKey key_{};
};

}  // namespace warren::control
