#include "bench/wgblast/renewals.h"

#include <nlohmann/json.hpp>

#include "bench/wgblast/clock.h"

namespace warren::bench {

namespace {
constexpr Duration kLost = std::chrono::milliseconds(200);
}

Renewals::Renewals(RenewalSpec spec, Crowd& crowd, Instant start)
    : spec_(std::move(spec)),
      crowd_(crowd),
      pace_(start, spec_.rate),
      moved_(start),
      completed_last_(crowd.handshakes().completed),
      before_(crowd.handshakes()) {}

void Renewals::step(Instant now) {
    if (now < pace_.due(sent_)) return;
    if (spec_.rate <= 0) {
        const std::uint64_t completed = crowd_.handshakes().completed;
        if (completed != completed_last_) moved_ = now;
        completed_last_ = completed;
        // A handshake that was given up may still complete.
        const auto under_way =
            static_cast<std::int64_t>(sent_ - lost_) - static_cast<std::int64_t>(completed - before_.completed);
        if (under_way >= static_cast<std::int64_t>(spec_.parallel)) {
            if (now - moved_ < kLost) return;
            lost_ += static_cast<std::uint64_t>(under_way);
            moved_ = now;
        }
    }
    const std::uint32_t peer = spec_.first_peer + static_cast<std::uint32_t>(sent_ % spec_.peers);
    crowd_.initiate(both_clocks(), peer);
    ++sent_;
}

nlohmann::json Renewals::result() const {
    const HandshakeTally& after = crowd_.handshakes();
    return {{"name", spec_.name},
            {"initiations", after.initiations - before_.initiations},
            {"completed", after.completed - before_.completed},
            {"cookies", after.cookies - before_.cookies}};
}

}  // namespace warren::bench
