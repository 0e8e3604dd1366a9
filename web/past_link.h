// The census and the database of the past: what is written when, and who gets which answer.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/time.h"
#include "ipc/web_messages.h"
#include "web/api/router.h"
#include "web/model/census.h"
#include "web/model/system_facts.h"
#include "web/past/keeper.h"

namespace warren::web {

// One thread; never waits for the disk, but at the end for a moment.
class PastLink {
  public:
    // A database that is not there by then is not used: snapshots do not wait for longer.
    static constexpr Duration kPatience = std::chrono::seconds(10);
    static constexpr Duration kAnswer = std::chrono::seconds(10);  // then a question gets 503

    // The references must outlive it. `report_broken`: the database cannot be used, for stackd. Before the system calls
    // are restricted.
    PastLink(Census& census, SystemFacts& facts, Router& router, std::function<void(std::string)> report_broken)
        : census_(census), facts_(facts), router_(router), report_broken_(std::move(report_broken)) {}

    void handle(Now now, const ipc::WebPast& message, std::vector<UniqueFd> descriptors);
    // Snapshots may be used: the past is restored, or will not be.
    [[nodiscard]] bool is_settled(Now now);
    // Readable when read_news() has something to do.
    [[nodiscard]] int fd() const { return keeper_.fd(); }
    void read_news(Now now);
    // Call it after each snapshot, and every 2 s: writes what is new.
    void write(Now now);
    // While the database still takes a former owner of an id for the present one, only who may see both gets an answer.
    void ask(Now now, PastQuery query, std::function<void(Reply)> answer);
    // Writes the rest, as far as the disk takes it within `patience`.
    void stop(Now now, Duration patience);

  private:
    static constexpr std::size_t kEventsAtOnce = 5000;
    static constexpr Duration kRetry = std::chrono::seconds(10);

    struct Waiting {
        PastQuery query;
        std::function<void(Reply)> answer;
        Instant since;
    };
    void restored(Now now, Result<RestoredPast> past);
    void written(Now now, const Status& status);
    void answered(Now now, const PastKeeper::Answered& answered);
    [[nodiscard]] bool knows_owners_for(const PastQuestion& question) const;
    void give_up(const std::string& reason);
    void set_problem(WallTime at, std::string problem);
    // Call it often: closes the minutes that are over.
    void count(Now now);
    [[nodiscard]] PastBatch collect();

    Census& census_;
    SystemFacts& facts_;
    Router& router_;
    std::function<void(std::string)> report_broken_;
    PastKeeper keeper_;
    enum class State : std::uint8_t { kUnknown, kOpening, kOpen, kNone };
    State state_ = State::kUnknown;
    Instant started_ = kNever;
    PastBatch pending_;  // what the last write did not take
    bool has_pending_ = false;
    Instant retry_at_ = kLongAgo;
    std::uint64_t written_tick_ = 0;
    std::int64_t minute_ = 0;
    std::map<PastKeeper::Id, Waiting> waiting_;
    PastKeeper::Id last_id_ = 0;
};

}  // namespace warren::web
