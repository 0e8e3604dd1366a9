// Hostile datagrams at a fixed rate, from spoofed addresses.
#pragma once

#include <vector>

#include "base/ip.h"
#include "bench/wgblast/activity.h"
#include "bench/wgblast/crowd.h"
#include "bench/wgblast/pace.h"

namespace warren::bench {

enum class FloodKind : std::uint8_t {
    kInitiations,  // valid mac1, no mac2, other fields random: each would cost a Diffie-Hellman
    kGuessedMac2,  // the same with a random mac2
    kBadMac1,      // initiations whose mac1 is random
    kForgedData,   // data with a valid receiver index of the victim and a wrong tag
    kIkeSaInits,   // valid IKE_SA_INIT requests, each with another SPI
};

struct FloodSpec {
    std::string name;
    FloodKind kind = FloodKind::kInitiations;
    double rate = 100'000;  // per second
    IpAddress first_source;
    std::uint32_t sources = 65'536;  // addresses, from first_source on; they must be local to the namespace
    std::uint32_t victim = 0;        // peer, of kForgedData
    std::size_t size = 1420;         // inner packet, of kForgedData
    std::uint16_t port = 0;          // destination; 0: the hub's own port
};

class Flood final : public Activity {
  public:
    [[nodiscard]] static Result<std::unique_ptr<Flood>> create(FloodSpec spec, Crowd& crowd, const Endpoint& hub,
                                                               const crypto::PublicKey& hub_key, Instant start);
    void step(Instant now) override;
    [[nodiscard]] nlohmann::json result() const override;

  private:
    static constexpr std::size_t kBatch = 16;
    Flood(FloodSpec spec, Crowd& crowd, const Endpoint& hub, UniqueFd fd, Instant start);
    void refresh(std::vector<std::uint8_t>& message);

    FloodSpec spec_;
    Crowd& crowd_;
    Endpoint hub_;
    UniqueFd fd_;
    Pace pace_;
    crypto::Hash mac1_key_{};
    std::vector<std::vector<std::uint8_t>> messages_;  // kBatch of them
    std::uint64_t number_ = 0;
    std::uint64_t sent_ = 0;
    Duration worst_lag_{};
};

}  // namespace warren::bench
