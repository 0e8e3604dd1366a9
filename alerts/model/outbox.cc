#include "alerts/model/outbox.h"

#include <algorithm>
#include <map>
#include <string_view>
#include <tuple>
#include <utility>

namespace warren::alerts {

namespace {

bool contains(const std::vector<std::uint64_t>& ids, std::uint64_t id) {
    return std::find(ids.begin(), ids.end(), id) != ids.end();
}

std::size_t most_in_batch(Receiver receiver) {
    return receiver == Receiver::kMail ? Outbox::kMostWaiting : Outbox::kMostInBatch;
}

}  // namespace

std::string_view name_of(Receiver receiver) {
    switch (receiver) {
        case Receiver::kWebhook: return "webhook";
        case Receiver::kSyslog: return "syslog";
        case Receiver::kMail: return "mail";
    }
    return "";
}

void Outbox::configure(const std::array<bool, kReceivers.size()>& present) {
    for (std::size_t i = 0; i < lanes_.size(); ++i) {
        lanes_[i].present = present[i];
        if (present[i]) continue;
        for (Waiting& waiting : kept_.waiting) waiting.owed[i] = false;
        kept_.dropped[i] = 0;
    }
    forget_settled();
}

void Outbox::try_again(Receiver receiver) {
    lane(receiver).not_before = kLongAgo;
    lane(receiver).failures = lane(receiver).refusals = 0;
    lane(receiver).most = kMostWaiting;
}

void Outbox::add(Instant now, const Alert& alert) {
    Waiting waiting{alert, {}};
    for (std::size_t i = 0; i < lanes_.size(); ++i) waiting.owed[i] = lanes_[i].present;
    kept_.waiting.push_back(std::move(waiting));
    added_[alert.id] = now;
    forget_settled();
    while (kept_.waiting.size() > kMostWaiting) drop_one_of_too_many();
}

bool Outbox::is_in_flight(std::uint64_t id) const {
    return std::any_of(lanes_.begin(), lanes_.end(), [id](const Lane& one) { return contains(one.in_flight, id); });
}

void Outbox::drop_one_of_too_many() {
    std::map<std::string_view, std::size_t> counts;
    for (const Waiting& waiting : kept_.waiting) ++counts[waiting.alert.subject.customer];
    counts[""] = 0;
    // The least of these goes; of equal ones the first, which is the oldest.
    const auto rank = [&](const Waiting& waiting) {
        return std::make_tuple(is_in_flight(waiting.alert.id),
                               kept_.waiting.size() - counts[waiting.alert.subject.customer], waiting.alert.severity);
    };
    auto least = kept_.waiting.begin();
    auto least_rank = rank(*least);
    for (auto at = least + 1; at != kept_.waiting.end(); ++at) {
        if (auto its = rank(*at); its < least_rank) {
            least = at;
            least_rank = its;
        }
    }
    for (std::size_t i = 0; i < lanes_.size(); ++i) drop(*least, i);
    forget_settled();
}

void Outbox::drop(Waiting& waiting, std::size_t receiver) {
    if (!std::exchange(waiting.owed[receiver], false)) return;
    ++kept_.dropped[receiver];
    ++lanes_[receiver].dropped;
}

void Outbox::drop_old(Now now) {
    for (Waiting& waiting : kept_.waiting) {
        // Of an earlier process the wall clock alone says how old. One that was set back makes alerts of the future:
        // those are old enough, too.
        const auto added = added_.find(waiting.alert.id);
        const std::int64_t age = added == added_.end() ? now.wall.nanoseconds - waiting.alert.at.nanoseconds
                                                       : (now.instant - added->second).count();
        if (age < Duration(kMostAge).count() && age > -Duration(kMostAge).count()) continue;
        for (std::size_t i = 0; i < lanes_.size(); ++i) {
            if (!contains(lanes_[i].in_flight, waiting.alert.id)) drop(waiting, i);
        }
    }
    forget_settled();
}

void Outbox::forget_settled() {
    std::erase_if(kept_.waiting, [this](const Waiting& waiting) {
        const bool is_owed = std::any_of(waiting.owed.begin(), waiting.owed.end(), [](bool owed) { return owed; });
        if (!is_owed) added_.erase(waiting.alert.id);
        return !is_owed;
    });
}

std::optional<Outbox::Batch> Outbox::next(Now now, Receiver to) {
    Lane& mine = lane(to);
    if (!mine.present || !mine.in_flight.empty() || now.instant < mine.not_before) return std::nullopt;
    drop_old(now);
    Batch batch{to, {}, kept_.dropped[static_cast<std::size_t>(to)]};
    for (const Waiting& waiting : kept_.waiting) {
        if (batch.alerts.size() >= std::min(mine.most, most_in_batch(to))) break;
        if (waiting.owed[static_cast<std::size_t>(to)]) batch.alerts.push_back(waiting.alert);
    }
    if (batch.alerts.empty()) return std::nullopt;
    for (const Alert& alert : batch.alerts) mine.in_flight.push_back(alert.id);
    mine.told_dropped = batch.dropped;
    return batch;
}

void Outbox::finish(Instant now, Receiver receiver, Delivery delivery) {
    const auto number = static_cast<std::size_t>(receiver);
    Lane& mine = lane(receiver);
    const std::vector<std::uint64_t> ids = std::exchange(mine.in_flight, {});
    if (delivery == Delivery::kRefused) return refuse(now, receiver, ids);
    if (delivery == Delivery::kDone) {
        for (Waiting& waiting : kept_.waiting) {
            if (contains(ids, waiting.alert.id) && std::exchange(waiting.owed[number], false)) ++mine.delivered;
        }
        kept_.dropped[number] -= std::min(kept_.dropped[number], mine.told_dropped);
        forget_settled();
        mine.failures = mine.refusals = 0;
        mine.most = std::min(2 * mine.most, kMostWaiting);
        mine.not_before = receiver == Receiver::kMail ? now + kBetweenMails : kLongAgo;
        return;
    }
    mine.not_before = now + std::min<Duration>(kFirstPause * (1U << std::min(mine.failures, 10U)), kMostPause);
    ++mine.failures;
}

// Of many it is not known which one the receiver does not take: smaller batches find it.
void Outbox::refuse(Instant now, Receiver receiver, const std::vector<std::uint64_t>& ids) {
    Lane& mine = lane(receiver);
    mine.not_before = now + kFirstPause;
    if (ids.size() != 1) {
        mine.most = std::max<std::size_t>(ids.size() / 2, 1);
        return;
    }
    if (std::exchange(mine.refused, ids.front()) != ids.front()) mine.refusals = 0;
    if (++mine.refusals < kMostRefusals) {
        mine.not_before = now + std::min<Duration>(kFirstPause * (1U << (mine.refusals - 1)), kMostPause);
        return;
    }
    for (Waiting& waiting : kept_.waiting) {
        if (waiting.alert.id == ids.front()) drop(waiting, static_cast<std::size_t>(receiver));
    }
    forget_settled();
    mine.failures = mine.refusals = 0;
}

Instant Outbox::next_deadline() const {
    Instant out = kNever;
    for (const Receiver receiver : kReceivers) {
        if (lane(receiver).in_flight.empty() && waiting_for(receiver) > 0)
            out = std::min(out, lane(receiver).not_before);
    }
    return out;
}

std::size_t Outbox::waiting_for(Receiver receiver) const {
    return static_cast<std::size_t>(
        std::count_if(kept_.waiting.begin(), kept_.waiting.end(),
                      [receiver](const Waiting& waiting) { return waiting.owed[static_cast<std::size_t>(receiver)]; }));
}

}  // namespace warren::alerts
