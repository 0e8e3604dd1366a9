#include "vpnd/wireguard/ephemeral_pool.h"

#include <algorithm>
#include <utility>

namespace warren::wireguard {

crypto::KeyPair EphemeralPool::take() {
    if (pairs_.empty()) return make();
    crypto::KeyPair pair = std::move(pairs_.back());  // moving wipes what was there
    pairs_.pop_back();
    return pair;
}

void EphemeralPool::refill(std::size_t count) {
    for (std::size_t i = std::min(count, kCapacity - pairs_.size()); i > 0; --i) pairs_.push_back(make());
}

}  // namespace warren::wireguard
