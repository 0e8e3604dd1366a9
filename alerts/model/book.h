// Which conditions somebody was told of: tells of each once, again when it gets worse, and once when it is over. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "alerts/model/alert.h"
#include "alerts/model/conditions.h"
#include "base/time.h"

namespace warren::alerts {

class Book {
  public:
    // A condition must have been seen for so long by this process, so that what a restart of ours or of vpnd makes
    // look bad for a moment is not told.
    static constexpr Duration kSettle = std::chrono::seconds(5);

    struct Open {
        Severity severity = Severity::kWarning;
        std::string text;
        WallTime since{};
        WallTime told{};
        bool operator==(const Open&) const = default;
    };
    // What of the past is needed: everything else is seen anew.
    struct Kept {
        std::map<Subject, Open> open;  // at most kMostConditions + kRoomForOthers
        std::uint64_t last_id = 0;
        std::set<WallTime> events;  // of those that stackd has: which were told
        bool operator==(const Kept&) const = default;
    };
    Book() = default;
    explicit Book(Kept kept) : kept_(std::move(kept)) {}

    // `roll`: for the words of what is over. A witness that is not in `heard` says nothing: what it is asked for stays
    // as it was.
    [[nodiscard]] std::vector<Alert> update(Now now, const Conditions& conditions, const std::set<Witness>& heard,
                                            const Roll* roll);
    // What happened once: the latest of it, each told once. What is not among them is forgotten.
    struct Event {
        WallTime at{};  // differs for each
        Subject subject;
        Severity severity = Severity::kWarning;
        std::string text;
    };
    [[nodiscard]] std::vector<Alert> happened(WallTime now, const std::vector<Event>& latest);
    // One that is nobody's business but the receiver's.
    [[nodiscard]] Alert test(WallTime now);

    [[nodiscard]] bool is_told(const Subject& subject) const { return kept_.open.contains(subject); }
    [[nodiscard]] const Kept& kept() const { return kept_; }

  private:
    [[nodiscard]] std::uint64_t next_id(WallTime now);

    Kept kept_;
    std::map<Subject, Instant> seen_;   // conditions that are not open, and since when
    std::map<Subject, Instant> began_;  // of those that this process told: the wall clock may jump
};

}  // namespace warren::alerts
