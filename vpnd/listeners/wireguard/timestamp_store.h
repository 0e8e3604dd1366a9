// Each peer's latest accepted TAI64N, and how far ours are reserved, in a file that outlives this process: so that a
// replayed initiation is old also after a restart (conformance H7), and none of ours is (H9).
#pragma once

#include "crypto/keys.h"
#include "vpnd/listeners/kept/slot_file.h"
#include "vpnd/wireguard/tai64n.h"

namespace warren::vpnd {

// Only peers that proved who they are get a slot, so strangers cannot fill it. One thread.
class TimestampStore {
  public:
    // Keeps nothing: every timestamp is zero.
    TimestampStore() = default;
    // As SlotFile::open. 48 bytes are used per peer.
    [[nodiscard]] static Result<TimestampStore> open(UniqueFd file);

    // Zero when there is none. The same peer at two listeners is two.
    [[nodiscard]] wireguard::Tai64n find(const crypto::PublicKey& listener, const crypto::PublicKey& peer) const;
    // Fails when the file system is full.
    [[nodiscard]] Status store(const crypto::PublicKey& listener, const crypto::PublicKey& peer,
                               const wireguard::Tai64n& timestamp);
    [[nodiscard]] Status forget(const crypto::PublicKey& listener, const crypto::PublicKey& peer);

    // Timestamps of ours are not later than this, all listeners together. Zero when there is none, an error when what
    // is there is damaged: a later one than we ever sent would keep us from every peer that got it.
    [[nodiscard]] Result<wireguard::Tai64n> own() const;
    // An earlier one than before changes nothing; a damaged one is replaced.
    [[nodiscard]] Status store_own(const wireguard::Tai64n& timestamp);

  private:
    SlotFile file_;
};

}  // namespace warren::vpnd
