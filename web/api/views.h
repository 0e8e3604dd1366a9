// The answers of the API as JSON texts, in the shapes of web/api/openapi.json. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "access/users.h"
#include "base/time.h"
#include "health/health.h"
#include "ipc/web_look.h"
#include "web/login/viewer.h"
#include "web/model/census.h"
#include "web/model/past.h"
#include "web/model/series.h"
#include "web/model/system_facts.h"

namespace warren::web {

// What a stream sends in full.
struct Scope {
    Viewer viewer;
    std::string customer;            // with its peers
    std::vector<std::string> watch;  // ids
};

struct PageOf {
    std::size_t limit = 50;
    std::size_t offset = 0;
    std::size_t total = 0;
};

// "2026-11-23T06:55:10Z"
[[nodiscard]] std::string iso_time(WallTime at);

// Ids of those that there are; of all for who sees all.
[[nodiscard]] std::vector<std::string> customers_seen_by(const Viewer& viewer, const Census& census);

// What needs a person, as far as the viewer may know it.
[[nodiscard]] std::vector<health::Finding> findings_of(const Census& census, const SystemFacts& facts,
                                                       const Viewer& viewer, Now now);

// For anybody: the appliance's name and nothing else.
[[nodiscard]] std::string about_json(const SystemFacts& facts);
[[nodiscard]] std::string session_json(const Viewer& viewer, const SystemFacts& facts);
[[nodiscard]] std::string overview_json(const Census& census, const SystemFacts& facts, const Viewer& viewer, Now now);
[[nodiscard]] std::string customers_json(const Census& census, const std::vector<const CustomerEntry*>& rows,
                                         PageOf page);
[[nodiscard]] std::string customer_json(const Census& census, const CustomerEntry& customer, const SystemFacts& facts,
                                        const Viewer& viewer);
[[nodiscard]] std::string peers_json(const Census& census, const std::string& customer,
                                     const std::vector<const PeerEntry*>& rows, PageOf page, Now now);
[[nodiscard]] std::string peer_json(const std::string& customer, const PeerEntry& peer, Now now);
[[nodiscard]] std::string connections_json(const Census& census, const std::string& customer,
                                           const std::vector<const ConnectionEntry*>& rows, PageOf page);
// With its SAs.
[[nodiscard]] std::string connection_json(const std::string& customer, const ConnectionEntry& connection);
[[nodiscard]] std::string timeseries_json(const Ring& ring, std::int64_t step_seconds);
[[nodiscard]] std::string events_json(const std::vector<const Event*>& events, bool has_more);
[[nodiscard]] std::string outages_json(const OutageAnswer& answer, Now now);
[[nodiscard]] std::string traffic_json(const TrafficQuestion& question, const TrafficAnswer& answer);
[[nodiscard]] std::string system_json(const Census& census, const SystemFacts& facts, const Viewer& viewer, Now now);
// At most kMostRevisions; of `customer` ("": all), as far as the viewer may know: one with the role customer sees what
// was changed for its own customers while they had their present ids.
inline constexpr std::size_t kMostRevisions = 100;
[[nodiscard]] std::string revisions_json(const Census& census, const SystemFacts& facts, const Viewer& viewer,
                                         const std::string& customer, PageOf page);
// With what differs in each file. For who sees all.
[[nodiscard]] std::string revision_json(const ipc::WebRevision& revision, const Viewer& viewer);
// What there is in a customer's stack.
[[nodiscard]] std::string stack_json(const ipc::WebLooked& looked, const Viewer& viewer, WallTime at);
[[nodiscard]] std::string ready_json(const std::vector<std::string>& reasons);
// The changes after the tick `since` and the event `since_event`.
[[nodiscard]] std::string delta_json(const Census& census, const SystemFacts& facts, const Scope& scope,
                                     std::uint64_t since, std::uint64_t since_event, Now now);

}  // namespace warren::web
