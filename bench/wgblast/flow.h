// The packets of a load: sizes in a fixed mix, from some peers, in bursts, in one flow or many.
#pragma once

#include <cstdint>
#include <vector>

#include "bench/wgblast/inner.h"
#include "bench/wgblast/roster.h"

namespace warren::bench {

struct Mix {
    Transport transport = Transport::kTcp;
    std::vector<std::size_t> sizes;  // inner packets, in turn
    std::uint32_t flows = 1;         // of each peer, a packet each in turn
    std::uint32_t first_peer = 0;
    std::uint32_t peers = 1;
    std::uint32_t burst = 44;                   // packets of one peer before the next peer's turn
    bool to_neighbour = false;                  // to another peer of the customer, else:
    std::uint32_t destination = kStackAddress;  // host byte order
};

// One packet to make.
struct NextPacket {
    std::uint32_t peer = 0;
    const InnerShape* shape = nullptr;
    std::uint16_t source_port = 0;
    std::uint32_t sequence = 0;
};

// Walks through peers, flows and sizes without end. Successive peers are far apart in number, so that caches do not
// help by chance.
class FlowWalk {
  public:
    explicit FlowWalk(Mix mix);

    // The size of the next packet, without a step.
    [[nodiscard]] std::uint32_t peer() const { return mix_.first_peer + place_; }
    [[nodiscard]] std::size_t size() const { return shapes_[shape_].size(); }
    [[nodiscard]] NextPacket take();
    [[nodiscard]] const Mix& mix() const { return mix_; }

  private:
    Mix mix_;
    std::vector<InnerShape> shapes_;
    std::vector<std::uint32_t> sequences_;  // of each peer and flow
    std::uint32_t step_ = 1;                // to the next peer; coprime to their number
    std::uint32_t place_ = 0;
    std::uint32_t in_burst_ = 0;
    std::size_t shape_ = 0;
    std::vector<std::uint32_t> flow_of_;  // of each peer: the flow whose turn it is
};

}  // namespace warren::bench
