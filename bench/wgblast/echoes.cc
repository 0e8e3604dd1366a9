#include "bench/wgblast/echoes.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "bench/wgblast/clock.h"

namespace warren::bench {

Echoes::Echoes(EchoSpec spec, Crowd& crowd, std::uint16_t identifier, Instant start)
    : spec_(std::move(spec)), crowd_(crowd), identifier_(identifier), pace_(start, spec_.rate) {
    crowd_.client(spec_.peer).hears_echoes = true;
    crowd_.listen(identifier_, this);
}

Echoes::~Echoes() {
    crowd_.listen(identifier_, nullptr);
}

void Echoes::step(Instant now) {
    if (now < pace_.due(sent_)) return;
    std::array<std::uint8_t, kEchoSize> packet{};
    write_echo_request(crowd_.client(spec_.peer).address, {identifier_, sent_}, packet);
    if (crowd_.send_packet(spec_.peer, packet)) ++sent_;
}

void Echoes::heard(Instant now, std::uint64_t stamp) {
    if (stamp < sent_) trips_.push_back(now - pace_.due(stamp));
}

nlohmann::json Echoes::result() const {
    nlohmann::json out = percentiles(trips_, sent_);
    out["name"] = spec_.name;
    return out;
}

nlohmann::json percentiles(std::vector<Duration> trips, std::uint64_t sent) {
    std::sort(trips.begin(), trips.end());
    nlohmann::json out{
        {"sent", sent}, {"heard", trips.size()}, {"lost", sent - std::min<std::uint64_t>(sent, trips.size())}};
    if (trips.empty()) return out;
    const auto at = [&](double share) {
        const auto place = static_cast<std::size_t>(share * static_cast<double>(trips.size()));
        return to_microseconds(trips[std::min(place, trips.size() - 1)]);
    };
    out["p50_us"] = at(0.5);
    out["p90_us"] = at(0.9);
    out["p99_us"] = at(0.99);
    out["p999_us"] = at(0.999);
    out["worst_us"] = at(1);
    return out;
}

}  // namespace warren::bench
