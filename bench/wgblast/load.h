// Data from peers through the tunnel, to the stack or through the stack to another peer.
#pragma once

#include <string>

#include "bench/wgblast/activity.h"
#include "bench/wgblast/pace.h"
#include "bench/wgblast/shot.h"
#include "bench/wgblast/window.h"

namespace warren::bench {

struct LoadSpec {
    std::string name;
    Mix mix;
    double rate = 0;           // packets/s on a fixed schedule; 0: as fast as the window allows
    std::uint64_t window = 0;  // most packets in flight; 0: no limit
    std::uint32_t train = 44;  // most packets in one send
    std::uint32_t shot = 0;    // packets to seal in advance; 0: each train is sealed when due
};

class Load final : public Activity, public EchoListener {
  public:
    // `crowd` and `roster` outlive it. `identifier` is for its echo requests only.
    Load(LoadSpec spec, Crowd& crowd, const Roster& roster, std::uint16_t identifier, Instant start);
    ~Load() override;

    void step(Instant now) override;
    void heard(Instant now, std::uint64_t stamp) override { window_.arrived(now, stamp); }
    [[nodiscard]] nlohmann::json result() const override;

  private:
    void mark(std::uint32_t peer);
    [[nodiscard]] std::uint64_t received_of(bool bytes) const;

    LoadSpec spec_;
    Crowd& crowd_;
    const Roster& roster_;
    std::uint16_t identifier_;
    FlowWalk walk_;
    Shot shot_;
    Pace pace_;
    Window window_;
    std::uint64_t marked_ = 0;  // packets sent at the last mark
    std::uint64_t sent_bytes_ = 0;
    std::uint64_t packets_before_;
    std::uint64_t bytes_before_;
    Duration worst_lag_{};  // behind the schedule
    Duration loading_{};    // spent on shots
};

}  // namespace warren::bench
