#include "bench/wgblast/flow.h"

#include <numeric>

namespace warren::bench {

FlowWalk::FlowWalk(Mix mix)
    : mix_(std::move(mix)), sequences_(std::size_t{mix_.peers} * mix_.flows), flow_of_(mix_.peers) {
    for (const std::size_t size : mix_.sizes) shapes_.emplace_back(mix_.transport, size);
    step_ = mix_.peers / 2 + 1;
    while (std::gcd(step_, mix_.peers) != 1) ++step_;
}

NextPacket FlowWalk::take() {
    const InnerShape& shape = shapes_[shape_];
    std::uint32_t& flow = flow_of_[place_];
    std::uint32_t& sequence = sequences_[std::size_t{place_} * mix_.flows + flow];
    const NextPacket packet{peer(), &shape, static_cast<std::uint16_t>(10'000 + flow % 50'000), sequence};
    sequence += static_cast<std::uint32_t>(shape.payload());
    flow = (flow + 1) % mix_.flows;
    shape_ = (shape_ + 1) % shapes_.size();
    if (++in_burst_ >= mix_.burst) {
        in_burst_ = 0;
        place_ = (place_ + step_) % mix_.peers;
    }
    return packet;
}

}  // namespace warren::bench
