// Peers whose outer address changes on a schedule: their next packet leaves from another socket.
#pragma once

#include <string>

#include "bench/wgblast/activity.h"
#include "bench/wgblast/crowd.h"
#include "bench/wgblast/pace.h"

namespace warren::bench {

struct RoamSpec {
    std::string name;
    double rate = 10;  // moves per second, of all peers together
    std::uint32_t first_peer = 0;
    std::uint32_t peers = 1;
};

class Roaming final : public Activity {
  public:
    Roaming(RoamSpec spec, Crowd& crowd, Instant start)
        : spec_(std::move(spec)), crowd_(crowd), pace_(start, spec_.rate) {}

    void step(Instant now) override {
        if (now < pace_.due(moves_)) return;
        Client& one = crowd_.client(spec_.first_peer + static_cast<std::uint32_t>(moves_++ % spec_.peers));
        one.socket = (one.socket + 1) % crowd_.wire().count();
    }
    [[nodiscard]] nlohmann::json result() const override;

  private:
    RoamSpec spec_;
    Crowd& crowd_;
    Pace pace_;
    std::uint64_t moves_ = 0;
};

}  // namespace warren::bench
