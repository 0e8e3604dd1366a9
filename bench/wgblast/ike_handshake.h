// One peer's IKE_SA with the hub, by our own engine, in UDP to port 4500 from the first message on (RFC 7296 §2.23).
#pragma once

#include <memory>
#include <string>

#include "base/ip.h"
#include "bench/wgblast/handshake.h"
#include "bench/wgblast/roster.h"
#include "crypto/random.h"
#include "vpnd/control/index_table.h"
#include "vpnd/ike/engine.h"

namespace warren::bench {

class IkeHandshake final : public Handshake {
  public:
    // Of all peers: their SPIs differ.
    struct Common {
        Endpoint hub;
        std::string psk;
        control::IndexTable indexes;
        crypto::SystemRandom random;
    };

    // `common` outlives it.
    IkeHandshake(Common& common, const Roster& roster, std::uint32_t peer)
        : common_(common), roster_(roster), peer_(peer) {}

    [[nodiscard]] std::vector<std::uint8_t> begin(Now now, std::uint32_t index) override;
    [[nodiscard]] Reaction take(Now now, Bytes datagram) override;

  private:
    [[nodiscard]] ike::Connection connection() const;
    [[nodiscard]] Reaction collect(Now now);
    [[nodiscard]] ike::Answer answer(ike::Question question);

    Common& common_;
    const Roster& roster_;
    std::uint32_t peer_;
    std::unique_ptr<ike::Engine> engine_;
    control::Output out_;
};

}  // namespace warren::bench
