#include "fleet/ownership/ownership.h"

#include <algorithm>
#include <utility>

namespace warren::fleet {

// --- what is known -------------------------------------------------------------------------------

// Answers and watches come in any order: what is older than what is known changes nothing.
void Ownership::learn(Instant now, GroupNumber number, const GroupRecord& record, Revision revision) {
    if (number >= settings_.groups) return;
    Group& group = groups_[number];
    if (revision < group.revision) return;
    group.revision = revision;
    group.is_broken = record.is_broken;
    if (record.is_broken) return;
    if (group.is_known && group.record == record) return;
    if (!group.is_known || group.record.owner != record.owner) group.ownerless_since = now;
    if (group.is_known && !group.record.owner.empty() && group.record.owner != record.owner) group.owner_since = now;
    // What an earlier process of ours has begun to give may still be given.
    if (record.changed != group.record.changed) group.is_given = !group.is_known && record.owner == settings_.me;
    group.is_known = true;
    group.record = record;
}

void Ownership::learn(Instant now, const std::string& name, const ReadAnswer::Beat& beat, Revision revision) {
    if (name == settings_.me) learn_double(now, beat);
    Node& node = nodes_[name];
    if (revision < node.revision) return;
    node.revision = revision;
    node.is_draining = beat.is_draining;
    node.can_serve = beat.can_serve;
    node.served = beat.served;
    node.weight = beat.weight;
    node.zone = beat.zone;
    if (beat.changed == node.changed) return;
    node.changed = beat.changed;
    node.first_seen = now;
}

// It may be this machine before its last start, or another one that a file was copied to.
void Ownership::learn_double(Instant now, const ReadAnswer::Beat& beat) {
    const bool is_other = !settings_.instance.empty() && !beat.instance.empty() && beat.instance != settings_.instance;
    if (!is_other || beat.changed <= double_changed_) return;
    double_changed_ = beat.changed;
    double_seen_ = now;
    double_is_first_ = beat.instance < settings_.instance;
    has_double_ = true;
}

void Ownership::yield_to_double(Actions& out) {
    if (!has_double_ || valid_until_ == kLongAgo) return;
    valid_until_ = kLongAgo;
    has_read_ = false;
    while (!serving_.empty()) stop(serving_.begin()->first, out);
}

bool Ownership::may_serve(const Group& group) const {
    return has_read_ && group.record.owner == settings_.me && !group.is_given;
}

bool Ownership::is_alive(Instant now, const std::string& name) const {
    if (name == settings_.me) return is_valid(now);
    const auto found = nodes_.find(name);
    return found != nodes_.end() && now - found->second.first_seen < settings_.take;
}

std::string Ownership::zone_of(const std::string& name) const {
    if (name == settings_.me) return settings_.zone;
    const auto found = nodes_.find(name);
    return found == nodes_.end() ? "" : found->second.zone;
}

std::vector<std::string> Ownership::ranked(Instant now, GroupNumber group, const std::string& but) const {
    std::vector<Place> places;
    for (const auto& [name, node] : nodes_) {
        if (name == settings_.me || name == but || node.is_draining || !node.can_serve) continue;
        if (is_alive(now, name)) places.push_back({name, node.weight, node.zone});
    }
    if (but != settings_.me && !is_draining_ && can_serve(now) && is_valid(now))
        places.push_back({settings_.me, settings_.weight, settings_.zone});
    sort_by_rank(group, zone_of(but), places);
    std::vector<std::string> names;
    for (Place& place : places) names.push_back(std::move(place.node));
    return names;
}

// --- time ----------------------------------------------------------------------------------------

void Ownership::run(Instant now, Actions& out) {
    settle(now, out);
}

// After each event: what follows from what is known and from the time. Validity comes first, so that an answer which
// waited for us while we did not run never hides that it ran out.
void Ownership::settle(Instant now, Actions& out) {
    lapse(now, out);
    yield_to_double(out);
    if (began_ == kLongAgo) began_ = now;
    if (!read_awaited_ && (!has_read_ || !knows_fence_)) send_read(now, out);
    if (now - read_sent_ >= read_pause()) send_read(now, out);
    if (knows_fence_ && !has_double_ && now >= beat_at_) {
        out.emplace_back(SendBeat{++number_, fence_});
        beat_at_ = now + settings_.beat;
    }
    if (change_ && now - change_->sent >= settings_.take) change_.reset();  // its answer is lost; a watch tells
    if (is_valid(now)) {
        serve_all(now, out);
        give(now, out);
        take(now, out);
    }
    plan_next(now);
}

Duration Ownership::read_pause() const {
    return read_awaited_ || has_double_ ? settings_.answer : settings_.again;
}

void Ownership::plan_next(Instant now) {
    next_ = knows_fence_ && !has_double_ ? beat_at_ : kNever;
    if (valid_until_ > now) next_ = std::min(next_, valid_until_);
    next_ = std::min(next_, read_sent_ + read_pause());
    if (!is_valid(now) || !has_read_ || change_ || giving_ || !can_serve(now)) return;
    if (change_at_ > now) next_ = std::min(next_, change_at_);
    if (arriving_ && arriving_->until > now) next_ = std::min(next_, arriving_->until);
    for (const auto& [number, group] : groups_) {
        for (const Instant at : {take_at(now, number, group), rests_until(group)}) {
            if (at > now) next_ = std::min(next_, at);
        }
    }
}

void Ownership::lapse(Instant now, Actions& out) {
    if (is_valid(now) || valid_until_ == kLongAgo) return;
    valid_until_ = kLongAgo;
    has_read_ = false;
    read_awaited_ = false;  // an answer that is on its way is older than the beat that comes
    while (!serving_.empty()) stop(serving_.begin()->first, out);
}

std::uint64_t Ownership::stop(GroupNumber group, Actions& out) {
    serving_.erase(group);
    groups_[group].fails_since = kNever;
    groups_[group].is_confirmed = false;
    groups_[group].peers = 0;
    out.emplace_back(Stop{group, ++number_});
    return number_;
}

void Ownership::send_read(Instant now, Actions& out) {
    read_awaited_ = true;
    read_sent_ = now;
    out.emplace_back(Read{++number_});
}

void Ownership::read_again(Instant now, Actions& out) {
    send_read(now, out);
    settle(now, out);
}

// --- beats ---------------------------------------------------------------------------------------

void Ownership::beat_answered(Instant now, const BeatAnswer& answer, Actions& out) {
    lapse(now, out);
    if (has_double_) return settle(now, out);
    if (!answer.accepted) {
        if (knows_fence_ && answer.fence != fence_) return settle(now, out);  // we know already
        // Somebody took us for dead. Everything that we know may be over.
        valid_until_ = kLongAgo;
        has_read_ = false;
        knows_fence_ = false;
        read_barrier_ = std::max(read_barrier_, answer.revision);
        while (!serving_.empty()) stop(serving_.begin()->first, out);
        send_read(now, out);
        return settle(now, out);
    }
    const bool was_valid = is_valid(now);
    valid_until_ = std::max(valid_until_, answer.sent + settings_.own);
    if (!is_valid(now)) {
        valid_until_ = kLongAgo;
        return settle(now, out);
    }
    if (!was_valid) {
        valid_since_ = now;
        has_read_ = false;
        read_barrier_ = std::max(read_barrier_, answer.revision);
        send_read(now, out);
    } else if (has_read_) {
        for (const auto& [group, epoch] : serving_) out.emplace_back(Serve{group, epoch, valid_until_});
    }
    settle(now, out);
}

void Ownership::read_answered(Instant now, const ReadAnswer& answer, Actions& out) {
    lapse(now, out);
    for (GroupNumber number = 0; number < settings_.groups; ++number) {
        const auto found = answer.groups.find(number);
        learn(now, number, found == answer.groups.end() ? GroupRecord() : found->second, answer.revision);
    }
    for (const auto& [name, beat] : answer.beats) learn(now, name, beat, answer.revision);
    forget_nodes(now, answer);
    if (has_double_ && now - double_seen_ >= settings_.take * (double_is_first_ ? 3 : 2)) has_double_ = false;
    if (answer.revision >= read_barrier_) {
        read_awaited_ = false;
        fence_ = answer.fence;
        knows_fence_ = true;
        has_read_ = true;
    }
    settle(now, out);
}

// A beat that is not there any more, whyever, may have been there a moment ago.
void Ownership::forget_nodes(Instant now, const ReadAnswer& answer) {
    std::erase_if(nodes_, [&](const auto& each) {
        if (each.second.revision >= answer.revision || answer.beats.contains(each.first)) return false;
        for (auto& [number, group] : groups_) {
            if (group.record.owner == each.first) group.ownerless_since = now;
        }
        return true;
    });
}

// --- groups --------------------------------------------------------------------------------------

void Ownership::group_seen(Instant now, GroupNumber group, const GroupRecord& record, Revision revision, Actions& out) {
    lapse(now, out);
    learn(now, group, record, revision);
    settle(now, out);
}

void Ownership::beat_seen(Instant now, const std::string& node, const ReadAnswer::Beat& beat, Revision revision,
                          Actions& out) {
    lapse(now, out);
    learn(now, node, beat, revision);
    settle(now, out);
}

void Ownership::serve_all(Instant now, Actions& out) {
    for (auto& [number, group] : groups_) {
        const auto served = serving_.find(number);
        const bool is_giving = giving_ && giving_->group == number;
        if (!may_serve(group) || is_giving) {
            if (served != serving_.end()) stop(number, out);
        } else if (served == serving_.end() || served->second != group.record.epoch) {
            serving_[number] = group.record.epoch;
            group.is_confirmed = false;
            group.fails_since = std::min(group.fails_since, now);
            out.emplace_back(Serve{number, group.record.epoch, valid_until_});
        }
    }
}

Instant Ownership::take_at(Instant now, GroupNumber number, const Group& group) const {
    const std::string& owner = group.record.owner;
    if (group.is_broken || (owner == settings_.me && !group.is_given)) return kNever;
    Instant gone = group.ownerless_since;
    if (owner == settings_.me) {
        // Given, and the answer is lost. What is written anew cannot be given by the old change any more.
        return change_ ? kNever : now;
    }
    if (group.record.changed != 0) {
        const auto found = nodes_.find(owner);
        if (found == nodes_.end()) {
            gone = std::max(valid_since_, group.ownerless_since) + settings_.take;  // it never had a beat
        } else {
            gone = found->second.first_seen + settings_.take;
        }
    }
    const std::vector<std::string> order = ranked(now, number, owner);
    const auto place = std::find(order.begin(), order.end(), settings_.me) - order.begin();
    return gone + settings_.later * place;
}

void Ownership::take(Instant now, Actions& out) {
    if (!has_read_ || !can_serve(now) || now < change_at_) return;
    for (const auto& [number, group] : groups_) {
        if (change_ || giving_) return;
        if (is_draining_ && group.record.owner != settings_.me) continue;
        if (take_at(now, number, group) > now) continue;
        const auto victim = nodes_.find(group.record.owner);
        const bool from_other = group.record.changed != 0 && group.record.owner != settings_.me;
        Change change;
        change.group = number;
        change.group_changed = group.record.changed;
        change.owner = settings_.me;
        change.epoch = group.record.epoch + 1;
        if (from_other) {
            change.victim = group.record.owner;
            change.beat_changed = victim == nodes_.end() ? 0 : victim->second.changed;
        }
        send(now, std::move(change), out);
    }
}

void Ownership::send(Instant now, Change change, Actions& out) {
    change.number = ++number_;
    change_ = InFlight{change.number, change, now};
    out.emplace_back(std::move(change));
}

void Ownership::change_answered(Instant now, const ChangeAnswer& answer, Actions& out) {
    lapse(now, out);
    if (!change_ || change_->number != answer.number) return settle(now, out);
    const Change done = change_->change;
    change_.reset();
    if (answer.accepted) {
        learn(now, done.group, {done.owner, done.epoch, answer.revision}, answer.revision);
    } else {
        send_read(now, out);  // what was known is not so
        change_at_ = now + settings_.refused +
                     Duration(rank(done.group, settings_.me) % static_cast<std::uint64_t>(settings_.refused.count()));
    }
    settle(now, out);
}

// --- stackd --------------------------------------------------------------------------------------

void Ownership::stackd_answered(Instant now, Actions& out) {
    lapse(now, out);
    stackd_until_ = now + settings_.own;
    settle(now, out);
}

void Ownership::served(Instant now, GroupNumber number, bool is_done, Actions& out) {
    lapse(now, out);
    if (const auto found = groups_.find(number); found != groups_.end() && serving_.contains(number)) {
        found->second.fails_since = is_done ? kNever : std::min(found->second.fails_since, now);
        found->second.is_confirmed = is_done;
    }
    settle(now, out);
}

bool Ownership::must_give(Instant now, GroupNumber number, const Group& group) const {
    if (!has_read_ || group.is_broken || group.record.owner != settings_.me) return false;
    if (!can_serve(now) && now - began_ >= settings_.own) return true;
    if (!serving_.contains(number)) return false;
    if (is_draining_ && have_arrived(now) && now >= rests_until(group)) return true;
    // Who does not serve it is as good as gone. But where no node can serve it, each gives it only so often.
    const bool may_fail = now >= rests_until(group) || now - group.failed_at >= settings_.rest;
    return may_fail && fails_for(now, group, settings_.own);
}

Instant Ownership::rests_until(const Group& group) const {
    return group.owner_since + settings_.rest;
}

bool Ownership::fails_for(Instant now, const Group& group, Duration length) {
    return group.fails_since <= now && now - group.fails_since >= length;
}

// --- giving --------------------------------------------------------------------------------------

std::string Ownership::move(Instant now, GroupNumber number, const std::string& to, Actions& out) {
    lapse(now, out);
    const auto found = groups_.find(number);
    if (found == groups_.end() || !serving_.contains(number)) return "this node does not serve that group";
    if (found->second.is_broken) return "its record in etcd is broken";
    if (const Instant until = rests_until(found->second);
        now < until && !fails_for(now, found->second, settings_.later))
        return keeps_owner(number, until - now);
    if (giving_ || change_ || now < change_at_)
        return "another group changes its owner right now; try again in a moment";
    const std::vector<std::string> order = ranked(now, number, settings_.me);
    if (order.empty()) return "there is no other node that could serve it";
    const std::string next = to.empty() ? order.front() : to;
    if (next == settings_.me) return "this node serves it already";
    if (std::find(order.begin(), order.end(), next) == order.end())
        return "node " + next +
               " is not known, gives no sign of life, drains, or cannot serve: its stackd does not answer";
    begin_giving(now, number, next, out);
    settle(now, out);
    return "";
}

void Ownership::wish_seen(Instant now, GroupNumber number, const Wish& wish, Actions& out) {
    lapse(now, out);
    if (const auto found = groups_.find(number); found != groups_.end()) {
        found->second.wish = wish;
        found->second.wish_until = now + settings_.wish;
    }
    settle(now, out);
}

// One that was made for another epoch asks for what is over.
void Ownership::give_as_wished(Instant now, Actions& out) {
    for (const auto& [number, group] : groups_) {
        if (giving_ || change_ || now < change_at_) return;
        const bool is_ours = group.record.owner == settings_.me && serving_.contains(number) && !group.is_broken;
        if (!is_ours || now >= group.wish_until || group.wish.epoch != group.record.epoch) continue;
        if (now < rests_until(group) && !group.wish.is_undo && !fails_for(now, group, settings_.later)) continue;
        const std::vector<std::string> order = ranked(now, number, settings_.me);
        if (std::find(order.begin(), order.end(), group.wish.to) != order.end())
            begin_giving(now, number, group.wish.to, out);
    }
}

void Ownership::peers_seen(Instant now, GroupNumber number, std::size_t peers, Actions& out) {
    lapse(now, out);
    if (const auto found = groups_.find(number); found != groups_.end() && serving_.contains(number))
        found->second.peers = peers;
    settle(now, out);
}

Held Ownership::held_by(const std::string& name, GroupNumber number) const {
    const auto node = nodes_.find(name);
    if (node == nodes_.end()) return {};
    const auto held = node->second.served.find(number);
    return held == node->second.served.end() ? Held() : held->second;
}

bool Ownership::have_arrived(Instant now) const {
    if (!arriving_ || now >= arriving_->until || !is_alive(now, arriving_->to)) return true;
    const Held held = held_by(arriving_->to, arriving_->group);
    return held.epoch >= arriving_->epoch && held.peers >= arriving_->peers;
}

std::map<GroupNumber, Held> Ownership::held() const {
    std::map<GroupNumber, Held> out;
    for (const auto& [number, epoch] : serving_) {
        const Group& group = groups_.at(number);
        if (group.is_confirmed) out[number] = {epoch, group.peers};
    }
    return out;
}

void Ownership::drain(Instant now, bool drains, Actions& out) {
    is_draining_ = drains;
    beat_at_ = now;  // the others learn it at once
    settle(now, out);
}

void Ownership::stopped(Instant now, GroupNumber group, std::uint64_t number, Actions& out) {
    lapse(now, out);
    if (giving_ && giving_->group == group && giving_->stop == number) giving_->is_stopped = true;
    settle(now, out);
}

void Ownership::give(Instant now, Actions& out) {
    // Whoever does not say that it has stopped has lost the address by then.
    if (giving_ && now - giving_->since > settings_.own + settings_.later) giving_->is_stopped = true;
    if (giving_ && giving_->is_stopped && !change_) {
        const Group& group = groups_[giving_->group];
        if (has_read_ && group.record.owner == settings_.me) {
            Change change;
            change.group = giving_->group;
            change.group_changed = group.record.changed;
            change.owner = giving_->to;
            change.epoch = group.record.epoch + 1;
            if (giving_->peers > 0)
                arriving_ = Arriving{change.group, change.owner, change.epoch, giving_->peers, now + settings_.settle};
            send(now, std::move(change), out);
        }
        giving_.reset();
    }
    give_as_wished(now, out);
    for (auto& [number, group] : groups_) {
        if (giving_ || change_ || now < change_at_) return;
        if (!must_give(now, number, group)) continue;
        const std::vector<std::string> order = ranked(now, number, settings_.me);
        if (order.empty()) continue;  // nobody else could serve it
        if (fails_for(now, group, settings_.own)) group.failed_at = now;
        begin_giving(now, number, order.front(), out);
    }
}

void Ownership::begin_giving(Instant now, GroupNumber number, const std::string& to, Actions& out) {
    Group& group = groups_[number];
    group.is_given = true;
    const std::size_t peers = group.peers;
    giving_ = Giving{number, to, now, stop(number, out), false, peers};
}

// --- for people ----------------------------------------------------------------------------------

std::vector<Ownership::NodeView> Ownership::nodes(Instant now) const {
    std::vector<NodeView> out;
    for (const auto& [name, node] : nodes_) {
        const bool is_me = name == settings_.me;
        out.push_back({name, is_alive(now, name), is_me ? is_draining_ : node.is_draining,
                       is_me ? can_serve(now) : node.can_serve, now - node.first_seen,
                       is_me ? settings_.weight : node.weight, zone_of(name)});
    }
    return out;
}

std::vector<Ownership::GroupView> Ownership::groups(Instant now) const {
    std::vector<GroupView> out;
    for (const auto& [number, group] : groups_) {
        const std::vector<std::string> order = ranked(now, number, group.record.owner);
        const bool is_ours = group.record.owner == settings_.me;
        Held held = held_by(group.record.owner, number);
        if (is_ours) held = {group.is_confirmed ? group.record.epoch : 0, group.peers};
        const bool is_well = group.record.epoch != 0 && held.epoch == group.record.epoch;
        const Instant until = is_alive(now, group.record.owner) ? std::max(rests_until(group), now) : now;
        out.push_back({number, group.record, serving_.contains(number), order.empty() ? "" : order.front(),
                       group.is_broken, is_well, is_well ? held.peers : 0, until - now});
    }
    return out;
}

std::string keeps_owner(GroupNumber group, Duration rest) {
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(rest).count();
    return "group " + std::to_string(group) + " has a new owner, and keeps it for another " + std::to_string(seconds) +
           " s";
}

}  // namespace warren::fleet
