// Sealed trains that wait to be sent: a shot.
#pragma once

#include <cstdint>
#include <vector>

#include "bench/wgblast/crowd.h"
#include "bench/wgblast/flow.h"

namespace warren::bench {

// Where a train lies in a shot.
struct ShotTrain {
    std::uint32_t peer = 0;
    std::size_t offset = 0;
    std::size_t size = 0;
    std::size_t segment_size = 0;
    std::uint32_t packets = 0;
};

// Memory is kept from shot to shot. Messages of a train are of one size, the last may be shorter.
class Shot {
  public:
    // Fills an empty shot with at least `packets` packets in trains of at most `longest`, sealed with the sessions as
    // they are now.
    void load(FlowWalk& walk, Crowd& crowd, const Roster& roster, std::uint32_t packets, std::uint32_t longest);

    [[nodiscard]] bool empty() const { return next_ == trains_.size(); }
    [[nodiscard]] const ShotTrain& front() const { return trains_[next_]; }
    [[nodiscard]] Bytes bytes(const ShotTrain& train) const { return Bytes(bytes_).subspan(train.offset, train.size); }
    void pop() { ++next_; }

  private:
    void append(FlowWalk& walk, Crowd& crowd, const Roster& roster, std::uint32_t longest);

    std::vector<std::uint8_t> bytes_;
    std::size_t used_ = 0;
    std::vector<ShotTrain> trains_;
    std::size_t next_ = 0;
    std::vector<crypto::AeadJob> jobs_;
};

}  // namespace warren::bench
