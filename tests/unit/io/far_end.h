// The far end of a session, in its framing: what a packet loop's datagrams are to the peer.
#pragma once

#include <optional>
#include <vector>

#include "base/bytes.h"
#include "vpnd/dataplane/framing/framing.h"
#include "vpnd/dataplane/install.h"

namespace warren::io::test {

// One session of the rig: each customer has one with each worker, and new ones in each of its lives.
struct SessionName {
    std::uint32_t customer = 0;
    std::uint32_t worker = 0;
    std::uint32_t life = 0;
};

// One framing. Another one becomes a row of far_ends(); the tests of the loop then run with it too. The first byte of
// every key is the customer, by which the rig tells whose packets cost what.
class FarEnd {
  public:
    virtual ~FarEnd() = default;
    [[nodiscard]] virtual const dataplane::Framing& framing() const = 0;
    // Our side of the session, which may send at once.
    [[nodiscard]] virtual dataplane::InstallSession session(const SessionName& name) const = 0;
    // Message number `number` to us. An empty packet is a keepalive.
    [[nodiscard]] virtual std::vector<std::uint8_t> seal(const SessionName& name, std::uint64_t number,
                                                         Bytes packet) const = 0;
    // The packet in a message from us, with WireGuard's padding; nothing when the message is not of this session.
    [[nodiscard]] virtual std::optional<std::vector<std::uint8_t>> open(const SessionName& name,
                                                                        Bytes message) const = 0;
};

[[nodiscard]] const FarEnd& wireguard_far_end();
// Every framing that the data plane has, and the made-up one of tests/toy.
[[nodiscard]] std::vector<const FarEnd*> far_ends();

}  // namespace warren::io::test
