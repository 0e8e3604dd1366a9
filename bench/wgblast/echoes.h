// Round trips: echo requests on a fixed schedule. Each is measured from the moment at which it was due, so that a stall
// counts for every request that it delayed.
#pragma once

#include <vector>

#include "bench/wgblast/activity.h"
#include "bench/wgblast/crowd.h"
#include "bench/wgblast/pace.h"

namespace warren::bench {

struct EchoSpec {
    std::string name;
    std::uint32_t peer = 0;
    double rate = 1000;  // per second
};

class Echoes final : public Activity, public EchoListener {
  public:
    Echoes(EchoSpec spec, Crowd& crowd, std::uint16_t identifier, Instant start);
    ~Echoes() override;

    void step(Instant now) override;
    void heard(Instant now, std::uint64_t stamp) override;
    // Microseconds at p50, p90, p99, p99.9, the worst, and how many replies never arrived.
    [[nodiscard]] nlohmann::json result() const override;

  private:
    EchoSpec spec_;
    Crowd& crowd_;
    std::uint16_t identifier_;
    Pace pace_;
    std::uint64_t sent_ = 0;
    std::vector<Duration> trips_;
};

// The percentiles of these times; empty if there are none. Used for every kind of echo.
[[nodiscard]] nlohmann::json percentiles(std::vector<Duration> trips, std::uint64_t sent);

}  // namespace warren::bench
