// Ephemeral keys made while there was time, so that a storm of handshakes does not wait for them.
#pragma once

#include <cstddef>
#include <vector>

#include "crypto/random.h"
#include "crypto/x25519.h"
#include "vpnd/control/engine.h"

namespace warren::wireguard {

// Each pair is given out once and leaves no copy here. They live in this process's memory only: none survives a crash,
// and vpnd's system call filter, which is in place before the first is made, ends a process that forks. One for all
// engines of the control worker.
class EphemeralPool final : public control::IdleWork {
  public:
    // 256 KB; with a full pool so many handshakes cost three multiplications instead of four.
    static constexpr std::size_t kCapacity = 4096;
    // Made in one go, a quarter of a millisecond.
    static constexpr std::size_t kStep = 8;

    // All its memory is taken now, so that it is locked with the rest. `random` must outlive the pool.
    explicit EphemeralPool(crypto::RandomSource& random) : random_(random) { pairs_.reserve(kCapacity); }

    // A pair that nobody had before: one that waits, else one made now.
    [[nodiscard]] crypto::KeyPair take();
    // Makes at most `count` more; a multiplication each.
    void refill(std::size_t count);
    [[nodiscard]] bool is_done() const override { return full(); }
    void step() override { refill(kStep); }
    [[nodiscard]] bool full() const { return pairs_.size() == kCapacity; }
    [[nodiscard]] std::size_t size() const { return pairs_.size(); }

  private:
    [[nodiscard]] crypto::KeyPair make() { return crypto::key_pair_of(crypto::generate_private_key(random_)); }

    crypto::RandomSource& random_;
    std::vector<crypto::KeyPair> pairs_;
};

}  // namespace warren::wireguard
