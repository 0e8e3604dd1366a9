#include "bench/wgblast/roster.h"

#include "crypto/blake2s.h"

namespace warren::bench {

crypto::KeyPair Roster::keys_of(std::uint32_t peer) const {
    std::array<std::uint8_t, 4> number{};
    store_le(number.data(), peer);
    return crypto::key_pair_of({crypto::Secret<32>(crypto::blake2s({as_bytes(seed), number}))});
}

std::uint32_t Roster::neighbour_of(std::uint32_t peer) const {
    const std::uint32_t place = peer % peers_per_customer;
    const std::uint32_t other = place ^ 1U;
    return peer - place + (other < peers_per_customer ? other : 0);
}

}  // namespace warren::bench
