// Joins packets of one flow into super-packets for a TUN, as the kernel's own receive offload would.
#pragma once

#include "vpnd/dataplane/inner_packet.h"
#include "vpnd/dataplane/output.h"

namespace warren::dataplane {

// One data worker; between two finish() calls it refers to the packets added and to `out`.
class Coalescer {
  public:
    // Appends the packet to `out`, joined to an earlier write where that changes nothing for the stack.
    void add(CustomerIndex customer, PeerIndex peer, const InnerPacket& packet, bool takes_udp_segments, Output& out);
    // Completes the headers of what was joined. Nothing added later is joined to anything before.
    void finish(Output& out);
};

}  // namespace warren::dataplane
