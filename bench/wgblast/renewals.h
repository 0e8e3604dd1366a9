// Scheduled handshakes of peers that already have sessions: rekeys, or a storm of valid peers.
#pragma once

#include <string>

#include "bench/wgblast/activity.h"
#include "bench/wgblast/crowd.h"
#include "bench/wgblast/pace.h"

namespace warren::bench {

struct RenewalSpec {
    std::string name;
    double rate = 1000;           // initiations per second; 0: as fast as `parallel` allows
    std::uint32_t parallel = 64;  // most at a time, if rate is 0
    std::uint32_t first_peer = 0;
    std::uint32_t peers = 1;
};

class Renewals final : public Activity {
  public:
    Renewals(RenewalSpec spec, Crowd& crowd, Instant start);

    void step(Instant now) override;
    [[nodiscard]] nlohmann::json result() const override;

  private:
    RenewalSpec spec_;
    Crowd& crowd_;
    Pace pace_;
    std::uint64_t sent_ = 0;
    std::uint64_t lost_ = 0;  // given up to make room for others
    Instant moved_;
    std::uint64_t completed_last_;
    HandshakeTally before_;
};

}  // namespace warren::bench
