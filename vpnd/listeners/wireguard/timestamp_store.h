// Each peer's latest accepted TAI64N, in a file that outlives this process, so that a replayed initiation is old also
// after a restart (conformance H7).
#pragma once

#include <cstddef>

#include "base/fd.h"
#include "base/result.h"
#include "crypto/keys.h"
#include "vpnd/wireguard/tai64n.h"

namespace warren::vpnd {

// A hash table of fixed size. What was stored is in the kernel's page cache at once and survives kill -9. Only peers
// that proved who they are get a slot, so strangers cannot fill it. Slots of peers that are gone stay until their place
// is needed: a peer that comes back is still protected. One thread.
class TimestampStore {
  public:
    // Keeps nothing: every timestamp is zero.
    TimestampStore() = default;
    // Sizes the file when it is new; a file of another size or format is started afresh. The file is sparse: 48 bytes
    // are used per peer.
    [[nodiscard]] static Result<TimestampStore> open(UniqueFd file);

    // Zero when there is none. The same peer at two listeners is two.
    [[nodiscard]] wireguard::Tai64n find(const crypto::PublicKey& listener, const crypto::PublicKey& peer) const;
    // Fails when the file system is full.
    [[nodiscard]] Status store(const crypto::PublicKey& listener, const crypto::PublicKey& peer,
                               const wireguard::Tai64n& timestamp);

    static constexpr std::size_t kSlots = 1 << 17;

  private:
    UniqueFd file_;
};

}  // namespace warren::vpnd
