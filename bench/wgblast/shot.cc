#include "bench/wgblast/shot.h"

#include <algorithm>

namespace warren::bench {

namespace {

constexpr std::size_t kTrainMaximum = 65'507 - 64;  // UDP payload, less room for the kernel's own headers

}  // namespace

void Shot::load(FlowWalk& walk, Crowd& crowd, const Roster& roster, std::uint32_t packets, std::uint32_t longest) {
    next_ = 0;
    used_ = 0;
    trains_.clear();
    const auto& sizes = walk.mix().sizes;
    const std::size_t largest = message_size(crowd.protocol(), *std::max_element(sizes.begin(), sizes.end()));
    bytes_.resize((packets + longest) * largest);  // before the first pointer into it
    jobs_.clear();
    std::uint32_t loaded = 0;
    while (loaded < packets) {
        append(walk, crowd, roster, longest);
        loaded += trains_.back().packets;
    }
    crowd.aead().seal(jobs_);
}

void Shot::append(FlowWalk& walk, Crowd& crowd, const Roster& roster, std::uint32_t longest) {
    ShotTrain train{walk.peer(), used_, 0, message_size(crowd.protocol(), walk.size()), 0};
    Client& client = crowd.client(train.peer);
    const std::uint32_t destination =
        walk.mix().to_neighbour ? roster.address_of(roster.neighbour_of(train.peer)) : walk.mix().destination;
    while (train.packets < longest && walk.peer() == train.peer) {
        const std::size_t size = message_size(crowd.protocol(), walk.size());
        if (size > train.segment_size || train.size + size > kTrainMaximum) break;
        const NextPacket packet = walk.take();
        std::uint8_t* const message = bytes_.data() + used_;
        jobs_.push_back(prepare(crowd.protocol(), client.session, message, packet.shape->size()));
        packet.shape->write({client.address, destination, packet.source_port, packet.sequence},
                            message + kMessageHeader);
        used_ += size;
        train.size += size;
        ++train.packets;
        if (size < train.segment_size) break;
    }
    trains_.push_back(train);
}

}  // namespace warren::bench
