// How a peer comes to a session with the hub.
#pragma once

#include <optional>
#include <vector>

#include "base/bytes.h"
#include "base/time.h"
#include "bench/wgblast/session.h"

namespace warren::bench {

class Handshake {
  public:
    struct Reaction {
        std::vector<std::vector<std::uint8_t>> messages;  // to be sent
        std::optional<Session> session;                   // that is ready
        bool has_cookie = false;                          // the next attempt carries one
    };
    virtual ~Handshake() = default;

    // The first message of a new attempt, which takes the place of the one before; empty: there is none. `index` names
    // it where the protocol lets us choose.
    [[nodiscard]] virtual std::vector<std::uint8_t> begin(Now now, std::uint32_t index) = 0;
    // A message of the hub other than data.
    [[nodiscard]] virtual Reaction take(Now now, Bytes datagram) = 0;
};

}  // namespace warren::bench
