#include "web/past_link.h"

#include <algorithm>
#include <utility>

#include "base/log.h"

namespace warren::web {

namespace {

Result<PastAnswer> none(std::string why) {
    return tl::unexpected(Error{ErrorCode::kUnavailable, std::move(why)});
}

}  // namespace

void PastLink::handle(Now now, const ipc::WebPast& message, std::vector<UniqueFd> descriptors) {
    if (state_ == State::kOpening || state_ == State::kOpen) return;
    if (descriptors.size() != 2) {
        if (!message.problem.empty()) set_problem(now.wall, message.problem);
        state_ = State::kNone;
        return;
    }
    state_ = State::kOpening;
    keeper_.open(std::move(descriptors[0]), std::move(descriptors[1]));
}

bool PastLink::is_settled(Now now) {
    if (state_ == State::kOpen || state_ == State::kNone || census_.has_snapshot()) return true;
    if (started_ == kNever) started_ = now.instant;
    if (now.instant - started_ < kPatience) return false;
    give_up("the database did not open in time");
    set_problem(now.wall, "the database did not open in time; statusd uses it after its next start");
    return true;
}

void PastLink::give_up(const std::string& reason) {
    log(LogLevel::kWarn, "past_not_used", {{"reason", reason}});
    state_ = State::kNone;
    facts_.has_past = false;
    pending_ = {};
    has_pending_ = false;
    census_.stop_past();
}

void PastLink::set_problem(WallTime at, std::string problem) {
    if (problem == facts_.past_problem) return;
    if (facts_.past_problem.empty()) facts_.past_problem_since = at;
    if (problem.empty()) {
        log(LogLevel::kInfo, "past_written_again");
    } else {
        log(LogLevel::kError, "past_not_written", {{"reason", problem}});
    }
    facts_.past_problem = std::move(problem);
}

void PastLink::read_news(Now now) {
    for (PastKeeper::News& news : keeper_.take()) {
        if (auto* opened = std::get_if<PastKeeper::Restored>(&news)) restored(now, std::move(opened->past));
        if (const auto* done = std::get_if<PastKeeper::Written>(&news)) written(now, done->status);
        if (const auto* one = std::get_if<PastKeeper::Answered>(&news)) answered(now, *one);
    }
}

void PastLink::restored(Now now, Result<RestoredPast> past) {
    if (state_ != State::kOpening) return;  // too late
    if (!past) {
        state_ = State::kUnknown;  // another one may come
        if (past.error().code == ErrorCode::kInvalid) return report_broken_(past.error().what);
        give_up(past.error().what);
        return set_problem(now.wall, past.error().what);
    }
    // Whose an id is was decided without it. A new one, after one that broke, has nothing of anybody.
    if (census_.has_snapshot() && !(past->events.empty() && past->keys.empty()))
        return give_up("it came too late; the next statusd uses it");
    log(LogLevel::kInfo, "past_opened",
        {{"events", std::to_string(past->events.size())}, {"customers", std::to_string(past->keys.size())}});
    state_ = State::kOpen;
    facts_.has_past = true;
    written_tick_ = 0;
    census_.restore(std::move(*past));
    set_problem(now.wall, {});
}

void PastLink::written(Now now, const Status& status) {
    if (state_ != State::kOpen) return;
    if (status) {
        pending_ = {};
        has_pending_ = false;
        set_problem(now.wall, {});
        return;
    }
    set_problem(now.wall, status.error().what);
    retry_at_ = now.instant + kRetry;
    if (status.error().code != ErrorCode::kInvalid) return;
    give_up(status.error().what);
    report_broken_(status.error().what);
}

void PastLink::count(Now now) {
    const std::int64_t minute = now.wall.nanoseconds / 60'000'000'000;
    if (minute_ != 0 && minute > minute_) census_.end_minute(minute_);
    minute_ = minute;  // the clock may have been set back
}

PastBatch PastLink::collect() {
    PastBatch out = census_.collect_past(written_tick_, kEventsAtOnce);
    written_tick_ = census_.tick();
    if (out.dropped_events > 0)
        log(LogLevel::kError, "past_events_dropped",
            {{"events", std::to_string(out.dropped_events)}, {"reason", "too many waited for the disk"}});
    return out;
}

void PastLink::write(Now now) {
    for (auto one = waiting_.begin(); one != waiting_.end();) {
        const auto late = one++;
        if (now.instant - late->second.since > kAnswer)
            answered(now, {late->first, none("it does not answer in time")});
    }
    if (state_ == State::kOpen && census_.has_lost_track()) give_up("more ids changed owner than can wait");
    if (state_ != State::kOpen || !census_.has_snapshot()) return;
    count(now);
    if (keeper_.is_writing() || now.instant < retry_at_) return;
    if (!has_pending_) {
        pending_ = collect();
        if (pending_.empty()) return;
        has_pending_ = true;
    }
    keeper_.write(pending_, now);
}

bool PastLink::knows_owners_for(const PastQuestion& question) const {
    // A batch that is being written may still fail.
    if (!census_.owes_steps() && (!has_pending_ || pending_.steps.empty())) return true;
    if (const auto* events = std::get_if<EventQuestion>(&question)) return events->with_disowned;
    if (const auto* outages = std::get_if<OutageQuestion>(&question)) return outages->with_disowned;
    // A chart has no rows that say whose they are: it must not mix two companies, whoever looks.
    return std::get<TrafficQuestion>(question).customer.empty();
}

void PastLink::ask(Now now, PastQuery query, std::function<void(Reply)> answer) {
    if (!knows_owners_for(query.question))
        return answer(router_.finish_past(query, none("whose an id is now is not written yet"), now));
    const PastKeeper::Id id = ++last_id_;
    if (!facts_.has_past || !keeper_.ask(id, query.question))
        return answer(router_.finish_past(query, none("too many questions wait"), now));
    waiting_.emplace(id, Waiting{std::move(query), std::move(answer), now.instant});
}

void PastLink::answered(Now now, const PastKeeper::Answered& answered) {
    auto found = waiting_.extract(answered.id);
    if (!found.empty()) found.mapped().answer(router_.finish_past(found.mapped().query, answered.answer, now));
    if (state_ != State::kOpen || answered.answer || answered.answer.error().code != ErrorCode::kInvalid) return;
    set_problem(now.wall, answered.answer.error().what);
    give_up(answered.answer.error().what);
    report_broken_(answered.answer.error().what);
}

void PastLink::stop(Now now, Duration patience) {
    waiting_.clear();
    if (state_ == State::kOpen && census_.has_snapshot() && !keeper_.is_writing()) {
        count(now);
        census_.end_minute(minute_);  // the next statusd adds to it
        if (!has_pending_) pending_ = collect();
        if (!pending_.empty()) keeper_.write(std::move(pending_), now);
    }
    keeper_.stop(patience);
}

}  // namespace warren::web
