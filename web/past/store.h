// The database of the past: what is written, read back and thrown away. Why it is laid out like this:
// docs/decisions/0020-a-past-in-statusd.md
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "base/time.h"
#include "web/model/past.h"
#include "web/past/database.h"
#include "web/past/file_system.h"

namespace warren::web {

// One thread. Errors as Database: after kInvalid the file is of no use. kUnsupported: it is of a later version.
class PastStore {
  public:
    static constexpr std::size_t kRestored = 20'000;  // events
    // Pages of 4 kB: 1 GB. Old rows go before that.
    static constexpr std::int64_t kMostPages = 262'144;

    // Two descriptors as WebPast has them. An empty database gets its tables. `most_pages` other than kMostPages: for
    // tests.
    [[nodiscard]] static Result<std::unique_ptr<PastStore>> open(UniqueFd database, UniqueFd log,
                                                                 std::int64_t most_pages = kMostPages);

    [[nodiscard]] Result<RestoredPast> restore();
    // All of it or nothing. What is on the disk afterwards survives a power cut.
    [[nodiscard]] Status write(const PastBatch& batch);
    [[nodiscard]] Result<PastAnswer> answer(const PastQuestion& question);
    // What a wall clock may be believed: one that is wrong makes everything look old, or not begun yet.
    enum class Clock : std::uint8_t { kDoubtful, kTrue, kTrueAfterAhead };
    // Throws away some of what is too old, or of the oldest when there is too much. True: there may be more. By a
    // doubtful clock nothing is too old; by one that was ahead, traffic after now goes.
    [[nodiscard]] Result<bool> trim(WallTime now, Clock clock = Clock::kTrue);

  private:
    using Numbers = std::map<std::string, std::int64_t, std::less<>>;

    PastStore(UniqueFd database, UniqueFd log) : files_(std::move(database), std::move(log)) {}
    [[nodiscard]] Status prepare(std::int64_t most_pages);
    [[nodiscard]] Status read_numbers();
    [[nodiscard]] Status take_step(const IdentityStep& step);
    // The customer with the id now, or the last one that had it before.
    [[nodiscard]] Result<std::int64_t> number_of(const std::string& customer, bool is_former);
    [[nodiscard]] Result<std::int64_t> add_customer(const std::string& customer, bool is_former);
    [[nodiscard]] Status give_up(const std::string& customer);
    [[nodiscard]] Status write_event(const Event& event);
    [[nodiscard]] Status write_ahead(const std::vector<Event>& events);
    [[nodiscard]] Status write_state(const PastState& state, std::int64_t customer);
    [[nodiscard]] Status write_minute(const PastMinute& minute);
    [[nodiscard]] Status roll_up(std::int64_t minute);
    // Of those that have one of the ids, or had it.
    [[nodiscard]] Result<std::vector<std::int64_t>> numbers_of(const std::vector<std::string>& customers,
                                                               bool with_former);
    [[nodiscard]] std::optional<std::uint64_t> id_bound(const std::optional<WallTime>& until) const;
    [[nodiscard]] Result<PastAnswer> find(const EventQuestion& question);
    [[nodiscard]] Result<PastAnswer> find(const OutageQuestion& question);
    // What is down since before this time (nanoseconds since 1970), from its state: its event may be gone, or too far.
    [[nodiscard]] Status read_open(OutageReader& reader, const OutageQuestion& question,
                                   const std::vector<std::int64_t>& numbers, std::int64_t before);
    [[nodiscard]] Result<PastAnswer> find(const TrafficQuestion& question);
    // Of the oldest that are not after `now`: those before `before`, nanoseconds since 1970. How many.
    [[nodiscard]] Result<std::int64_t> trim_events(std::int64_t before, std::int64_t now);
    [[nodiscard]] Status delete_later_steps(std::int64_t seconds);

    PastFiles files_;
    Database database_;
    Numbers present_;  // id -> number
    Numbers former_;   // the last one that had it
    std::int64_t most_pages_ = kMostPages;
    std::int64_t ahead_ = 0;  // the highest id that is later than its event's time, by more than kSlack
    // Prepared once.
    Statement add_event_, add_state_, drop_state_, rename_state_, add_minute_, read_step_;
};

}  // namespace warren::web
