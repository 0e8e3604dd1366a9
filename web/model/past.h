// What statusd keeps beyond its own life, and what it asks about it, as values: web/past has the database. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "base/renames.h"
#include "base/result.h"
#include "base/time.h"
#include "web/model/events.h"
#include "web/model/outages.h"

namespace warren::web {

// The past is kept for so long.
inline constexpr Duration kPastKept = std::chrono::hours(24 * 30);

// One step of whose an id is: customers that got another id, then ids that another company has from now on.
struct IdentityStep {
    std::vector<Rename> renames;
    std::set<std::string> disowned;
};

// The state that something was seen in last, in the words of name_of().
struct PastState {
    std::string customer;
    std::string name;  // a peer, or a connection; "": the customer itself
    bool is_connection = false;
    std::string state;
    WallTime since;
};

// Bytes of one minute.
struct PastMinute {
    struct Sum {
        std::string customer;  // "": all together; there is always one
        std::uint64_t rx = 0;
        std::uint64_t tx = 0;
    };
    std::int64_t minute = 0;  // since 1970
    std::vector<Sum> sums;    // of those that had any
};

// By which a customer is known again: connection_key() and the public keys of its peers.
using PastKeys = std::map<std::string, std::set<std::string>, std::less<>>;

// What is written at once, in this order.
struct PastBatch {
    std::vector<IdentityStep> steps;
    PastKeys keys;
    std::vector<PastState> states;  // of what has no event yet
    bool has_all_states = false;    // what is not in `states` is not there any more
    std::vector<Event> events;      // oldest first, with the ids that customers have after `steps`
    std::vector<PastMinute> minutes;
    std::uint64_t dropped_events = 0;  // before `events`: too many waited

    [[nodiscard]] bool empty() const {
        return steps.empty() && keys.empty() && states.empty() && events.empty() && minutes.empty() && !has_all_states;
    }
};

// What the next statusd begins with.
struct RestoredPast {
    std::vector<Event> events;  // the latest, oldest first
    std::uint64_t last_event = 0;
    PastKeys keys;  // of every id with a past that is the present customer's, also without keys
    std::vector<PastState> states;
};

// --- questions ---

struct EventQuestion {
    std::vector<std::string> customers;  // empty: all
    bool with_disowned = false;          // also of others that had the ids
    std::optional<std::string> peer;
    std::optional<std::string> connection;
    std::optional<EventKind> kind;
    std::optional<WallTime> since;
    std::optional<WallTime> until;
    std::uint64_t before = UINT64_MAX;  // ids
    std::size_t limit = 100;

    [[nodiscard]] bool accepts(const Event& event) const;
};

struct OutageQuestion {
    std::vector<std::string> customers;
    bool with_disowned = false;
    std::optional<std::string> name;  // of a peer or a connection
    WallTime since;
    WallTime until;
    std::size_t limit = 1000;
};

enum class TrafficRange : std::uint8_t { kHour, kDay, kWeek, kMonth };
inline constexpr std::array<std::string_view, 4> kTrafficRanges{"hour", "day", "week", "month"};
struct TrafficSteps {
    std::int64_t seconds;
    std::int64_t count;
};
[[nodiscard]] TrafficSteps steps_of(TrafficRange range);

struct TrafficQuestion {
    std::string customer;  // "": all together
    TrafficRange range = TrafficRange::kHour;
    std::int64_t first_step = 0;  // since 1970
};
// The last steps that are complete.
[[nodiscard]] TrafficQuestion traffic_question(std::string customer, TrafficRange range, WallTime now);

using PastQuestion = std::variant<EventQuestion, OutageQuestion, TrafficQuestion>;

struct TrafficAnswer {
    // A step without a value: nobody counted.
    std::vector<std::optional<std::pair<std::uint64_t, std::uint64_t>>> bytes;  // rx, tx
};
struct OutageAnswer {
    std::vector<Outage> outages;  // latest first
    bool has_more = false;
};
// What the reader has, as the question wants it.
[[nodiscard]] OutageAnswer select_outages(OutageReader& reader, const OutageQuestion& question);
using PastAnswer = std::variant<std::vector<Event>, OutageAnswer, TrafficAnswer>;

}  // namespace warren::web
