// A shot: sealed trains that wait to be sent.
#pragma once

#include <cstdint>
#include <vector>

#include "bench/wgblast/crowd.h"
#include "bench/wgblast/flow.h"

namespace warren::bench {

// The place of a train in a shot.
struct ShotTrain {
    std::uint32_t peer = 0;
    std::size_t offset = 0;
    std::size_t size = 0;
    std::size_t segment_size = 0;
    std::uint32_t packets = 0;
};

// Memory is reused from shot to shot. The messages of a train have one size, but the last may be shorter.
class Shot {
  public:
    // Fills an empty shot with at least `packets` packets in trains of at most `longest`, sealed with the current
    // sessions.
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
