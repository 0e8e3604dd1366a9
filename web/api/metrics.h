// What Prometheus reads: text format 0.0.4. The names of peers' metrics are those that common boards use. Pure.
#pragma once

#include <string>

#include "web/api/views.h"
#include "web/model/census.h"
#include "web/model/system_facts.h"

namespace warren::web {

// Peers that are listed one by one; how many are left out is a metric too. Sums per customer are of all.
inline constexpr std::size_t kMaxMetricPeers = 20'000;

[[nodiscard]] std::string metrics_text(const Census& census, const SystemFacts& facts, const Viewer& viewer, Now now);

}  // namespace warren::web
