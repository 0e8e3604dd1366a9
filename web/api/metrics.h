// Metrics for Prometheus, text format 0.0.4. Peer metrics have the names that common dashboards use. Pure.
#pragma once

#include <string>

#include "web/api/views.h"
#include "web/model/census.h"
#include "web/model/system_facts.h"

namespace warren::web {

// The number of peers listed; a metric counts those left out. The sums per customer include all peers.
inline constexpr std::size_t kMaxMetricPeers = 20'000;

[[nodiscard]] std::string metrics_text(const Census& census, const SystemFacts& facts, const Viewer& viewer, Now now);

}  // namespace warren::web
