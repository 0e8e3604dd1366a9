// Where each peer was last, in a file that outlives this process: so that we may begin after a restart.
#pragma once

#include <optional>

#include "base/ip.h"
#include "crypto/keys.h"
#include "vpnd/listeners/kept/slot_file.h"
#include "vpnd/wireguard/engine.h"

namespace warren::vpnd {

// Only peers that proved who they are get a slot. One thread.
class PeerStore {
  public:
    // Keeps nothing.
    PeerStore() = default;
    // As SlotFile::open. 92 bytes are used per peer.
    [[nodiscard]] static Result<PeerStore> open(UniqueFd file);

    // Nothing when there is none, or it is damaged. `configured`: the endpoint that the peer has in its configuration;
    // where that is not the one it was stored with, the operator has moved the peer meanwhile, and no endpoint is
    // returned.
    [[nodiscard]] std::optional<wireguard::LastKnown> find(const crypto::PublicKey& listener,
                                                           const crypto::PublicKey& peer,
                                                           const std::optional<Endpoint>& configured) const;
    // Fails when the file system is full. What differs only in a handshake that is little later is not written.
    [[nodiscard]] Status store(const crypto::PublicKey& listener, const crypto::PublicKey& peer,
                               const std::optional<Endpoint>& configured, const wireguard::LastKnown& kept);
    [[nodiscard]] Status forget(const crypto::PublicKey& listener, const crypto::PublicKey& peer);

    // A handshake that much later than the stored one is written though nothing else has changed.
    static constexpr Duration kHandshakeStep = std::chrono::minutes(10);

  private:
    SlotFile file_;
};

}  // namespace warren::vpnd
