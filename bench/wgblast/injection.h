// Unsealed packets from a host into its tunnel device: super-packets as the host's TCP would send them, or UDP packets.
#pragma once

#include <string>

#include "bench/wgblast/activity.h"
#include "bench/wgblast/crowd.h"
#include "bench/wgblast/flow.h"
#include "bench/wgblast/foreign_socket.h"
#include "bench/wgblast/pace.h"
#include "bench/wgblast/window.h"

namespace warren::bench {

struct InjectionSpec {
    std::string name;
    std::string network_namespace;
    std::string device;
    std::uint32_t source = kStackAddress;  // host byte order
    bool to_peers = true;                  // of `mix`, in turn; else to its destination
    Mix mix;                               // one size
    double rate = 0;
    std::uint64_t window = 0;
    std::uint32_t train = 44;  // segments of a super-packet; 1: single packets
};

class Injection final : public Activity {
  public:
    // `crowd` and `roster` outlive it. Without peers in `crowd`, nothing is counted here, and the window stays open.
    Injection(InjectionSpec spec, ForeignSocket socket, Crowd* crowd, const Roster& roster, Instant start);

    void step(Instant now) override;
    [[nodiscard]] nlohmann::json result() const override;

  private:
    void build(std::uint32_t destination, std::uint32_t packets);
    [[nodiscard]] std::uint64_t received_of(bool bytes) const;

    InjectionSpec spec_;
    ForeignSocket socket_;
    Crowd* crowd_;
    const Roster& roster_;
    InnerShape shape_;
    Pace pace_;
    Window window_;
    std::vector<std::uint8_t> packet_;
    std::uint32_t turn_ = 0;
    std::uint32_t sequence_ = 0;
    std::uint64_t refused_ = 0;
    std::uint64_t packets_before_;
    std::uint64_t bytes_before_;
};

}  // namespace warren::bench
