// Round trips of plain echo requests by the host's routes, through the tunnel of a client program.
#pragma once

#include <vector>

#include "base/fd.h"
#include "base/ip.h"
#include "base/result.h"
#include "bench/wgblast/activity.h"
#include "bench/wgblast/pace.h"

namespace warren::bench {

struct PingSpec {
    std::string name;
    IpAddress destination;  // IPv4
    double rate = 1000;     // per second, on a fixed schedule
};

// Sleeps between its steps to leave the core to client programs, and runs alone. A late reply delays no later request,
// so each is measured from the moment when it was sent.
class Pings final : public Activity {
  public:
    [[nodiscard]] static Result<std::unique_ptr<Pings>> create(PingSpec spec, std::uint16_t identifier, Instant start);

    void step(Instant now) override;
    [[nodiscard]] nlohmann::json result() const override;

  private:
    Pings(PingSpec spec, std::uint16_t identifier, UniqueFd fd, Instant start);

    PingSpec spec_;
    std::uint16_t identifier_;
    UniqueFd fd_;
    Pace pace_;
    std::vector<Instant> sent_;
    std::vector<Duration> trips_;
};

}  // namespace warren::bench
