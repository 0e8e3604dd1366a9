#include "bench/wgblast/load.h"

#include <nlohmann/json.hpp>

#include "bench/wgblast/clock.h"

namespace warren::bench {

Load::Load(LoadSpec spec, Crowd& crowd, const Roster& roster, std::uint16_t identifier, Instant start)
    : spec_(std::move(spec)),
      crowd_(crowd),
      roster_(roster),
      identifier_(identifier),
      walk_(spec_.mix),
      pace_(start, spec_.rate),
      window_(spec_.window),
      packets_before_(received_of(false)),
      bytes_before_(received_of(true)) {
    for (std::uint32_t i = 0; i < spec_.mix.peers && spec_.window > 0; ++i)
        crowd_.client(spec_.mix.first_peer + i).hears_echoes = true;
    crowd_.listen(identifier_, this);
}

Load::~Load() {
    crowd_.listen(identifier_, nullptr);
}

void Load::step(Instant now) {
    if (!window_.is_open(now) || now < pace_.due(window_.sent())) return;
    if (shot_.empty()) {
        shot_.load(walk_, crowd_, roster_, std::max(spec_.shot, 1U), spec_.train);
        if (spec_.shot > 0) {
            const Duration took = monotonic_now() - now;
            loading_ += took;
            pace_.pause(took);
            return;
        }
    }
    const ShotTrain& train = shot_.front();
    if (!crowd_.wire().send(crowd_.client(train.peer).socket, shot_.bytes(train), train.segment_size)) return;
    if (spec_.rate > 0) worst_lag_ = std::max(worst_lag_, now - pace_.due(window_.sent()));
    window_.sent(now, train.packets);
    sent_bytes_ += train.size;
    if (window_.packets() > 0 && window_.sent() - marked_ >= window_.packets() / 4) mark(train.peer);
    shot_.pop();
}

// The reply comes back after all earlier packets were handled.
void Load::mark(std::uint32_t peer) {
    std::array<std::uint8_t, kEchoSize> packet{};
    write_echo_request(crowd_.client(peer).address, {identifier_, window_.sent()}, packet);
    if (crowd_.send_packet(peer, packet)) marked_ = window_.sent();
}

// By the peers that receive the load.
std::uint64_t Load::received_of(bool bytes) const {
    std::uint64_t sum = 0;
    for (std::uint32_t i = 0; i < spec_.mix.peers; ++i) {
        const std::uint32_t peer = spec_.mix.first_peer + i;
        const Client& client = crowd_.client(spec_.mix.to_neighbour ? roster_.neighbour_of(peer) : peer);
        sum += bytes ? client.received_bytes : client.received_packets;
    }
    return sum;
}

nlohmann::json Load::result() const {
    return {{"name", spec_.name},
            {"sent_packets", window_.sent()},
            {"sent_bytes", sent_bytes_},
            {"received_packets", received_of(false) - packets_before_},
            {"received_bytes", received_of(true) - bytes_before_},
            {"stalls", window_.stalls()},
            {"worst_lag_us", to_microseconds(worst_lag_)},
            {"loading_s", to_seconds(loading_)}};
}

}  // namespace warren::bench
