// What time and the data plane's events bring about.
#include <algorithm>
#include <utility>
#include <variant>

#include "vpnd/ike/engine_state.h"

namespace warren::ike {

void Engine::handle_timeout(Now now, control::Output& out) {
    Call call{now, out};
    State& state = *state_;
    state.forget_late_ephemerals(now.instant);
    state.retire_due(call);
    state.deadlines.take_due(now.instant, kTimersPerCall, state.due);
    for (const std::uint32_t slot : state.due) {
        if (IkeSa* const sa = state.at(slot)) state.on_due(call, *sa);
    }
    state.due.clear();
    state.connection_deadlines.take_due(now.instant, kTimersPerCall, state.due);
    for (const std::uint32_t index : state.due) {
        if (ConnectionEntry* const entry = state.entry_of(ConnectionIndex{index})) state.on_due(call, *entry);
    }
    state.due.clear();
    state.finish(call);
}

void Engine::handle_event(Now now, const dataplane::Event& event, control::Output& out) {
    Call call{now, out};
    state_->handle_event(call, event);
    state_->finish(call);
}

Instant Engine::next_deadline() const {
    const Instant ephemerals = state_->for_later.empty() ? kNever : state_->for_later.front().until;
    const Instant leaving = state_->leaving.empty() ? kNever : state_->leaving.front().until;
    return std::min({state_->deadlines.next(), state_->connection_deadlines.next(), ephemerals, leaving});
}

// --- wishes --------------------------------------------------------------------------------------

void Engine::State::want(IkeSa& sa, Wish wish) {
    touch(sa);
    const auto is_same = [&](const auto& other) {
        return other.task == wish.task && other.child == wish.child && other.name == wish.name;
    };
    if (std::any_of(sa.wishes.begin(), sa.wishes.end(), is_same)) return;
    if (sa.request != nullptr && is_same(*sa.request)) return;
    // What is to go goes first.
    const bool is_urgent = wish.task == Task::kDeleteIke || wish.task == Task::kDeleteChild;
    if (is_urgent) {
        sa.wishes.insert(sa.wishes.begin(), std::move(wish));
    } else if (sa.wishes.size() < kMostWishes) {
        sa.wishes.push_back(std::move(wish));
    }
}

void Engine::State::start_next(Call& call, IkeSa& sa) {
    const bool may_start = sa.sealer && sa.request == nullptr && sa.ask == 0 && !sa.window.is_waiting() &&
                           (sa.state == IkeState::kEstablished || sa.state == IkeState::kRekeyed);
    if (!may_start) return;
    for (auto wish = sa.wishes.begin(); wish != sa.wishes.end();) {
        if (wish->not_before > call.instant()) {
            ++wish;
            continue;
        }
        const Wish next = std::move(*wish);
        wish = sa.wishes.erase(wish);
        if (sa.state == IkeState::kRekeyed && next.task != Task::kDeleteIke) continue;
        const ChildSa* const child = next.child.valid() ? sa.find_ours(next.child) : nullptr;
        const bool is_void = next.child.valid() && child == nullptr && !next.is_forgotten;
        const bool is_made = next.task == Task::kRekeyChild || next.task == Task::kCreateChild;
        const bool is_replaced = is_made && child != nullptr && child->replaced_by.valid();
        if (is_void || is_replaced) continue;
        begin_request(call, sa, next);
        if (sa.request != nullptr) return;
        wish = sa.wishes.begin();  // it came to nothing, and others may have been added
    }
}

// --- deadlines -----------------------------------------------------------------------------------

Instant Engine::State::soft_deadline(Instant now, Duration life) {
    return now + random_between(life - life * kSoftJitterPercent / 100, life, random);
}

Instant Engine::State::probe_due(const IkeSa& sa, const Connection& connection) {
    if (sa.request != nullptr || sa.ask != 0) return kNever;
    const Instant silent = connection.dpd == Duration::zero() ? kNever : sa.last_heard + connection.dpd;
    return std::min(sa.probe_at, silent);
}

Instant Engine::State::keepalive_due(const IkeSa& sa) {
    return sa.we_are_behind_nat ? sa.last_sent + kNatKeepaliveInterval : kNever;
}

Instant Engine::State::deadline_of(const IkeSa& sa) {
    Instant next = std::min(
        {sa.window.deadline(), sa.ask_until, sa.ends_at, sa.rekey_at, sa.expires_at, sa.reassembly.deadline()});
    const Connection* const connection = directory.find(sa.connection);
    if (sa.is_established() && connection != nullptr)
        next = std::min(
            {next, sa.reauth_at, sa.proven_until, proof_due(sa), probe_due(sa, *connection), keepalive_due(sa)});
    for (const ChildSa& child : sa.children)
        next = std::min({next, child.rekey_at, child.expires_at, child.confirm_at, child.delete_at});
    if (sa.request == nullptr && sa.ask == 0) {
        for (const Wish& wish : sa.wishes) next = std::min(next, wish.not_before);
    }
    return next;
}

void Engine::State::on_due(Call& call, IkeSa& sa) {
    const Instant now = call.instant();
    touch(sa);
    if (sa.ask_until <= now) {
        const AskFor what_for = sa.ask_for;
        close_ask(sa);
        ask_failed(call, sa, what_for);
        take_waiting(call, sa);
        if (sa.is_gone) return;
    }
    if (sa.window.deadline() <= now) {
        if (const Datagrams* const again = sa.window.again(now, random)) {
            send_all(call, sa, *again);
        } else {
            return on_silence(call, sa);
        }
    }
    if (sa.expires_at <= now || (sa.is_established() && sa.connection.valid() && sa.proven_until <= now))
        return end_sa(call, sa, control::LostBecause::kExpired);
    if (sa.ends_at <= now) {
        on_ended(call, sa);
        if (sa.is_gone) return;
    }
    if (sa.reassembly.deadline() <= now) sa.reassembly.clear();
    if (sa.rekey_at <= now) {
        sa.rekey_at = kNever;
        want(sa, {.task = Task::kRekeyIke});
    }
    on_children_due(call, sa);
    const Connection* const connection = directory.find(sa.connection);
    if (!sa.is_established() || connection == nullptr) return;
    if (sa.reauth_at <= now) reauthenticate(call, sa, *connection);
    if (probe_due(sa, *connection) <= now) {
        sa.probe_at = kNever;
        want(sa, {.task = Task::kProbe});
    }
    if (keepalive_due(sa) <= now) {
        call.out.messages.push_back({sa.remote, sa.local, 0, {0xff}, sa.local_port});
        sa.last_sent = now;
    }
}

// The new IKE_SA takes the place of this one when it is there (RFC 4478 §3).
void Engine::State::reauthenticate(Call& call, IkeSa& sa, const Connection& connection) {
    sa.reauth_at = call.instant() + kReauthAgain;
    ConnectionEntry& entry = *entry_of(sa.connection);
    if (entry.is_stopped) return;
    const std::string child(sa.children.empty() ? first_child(connection) : sa.children.front().name);
    (void)begin(call, entry, child, {}, true);
}

void Engine::State::on_children_due(Call& call, IkeSa& sa) {
    const Instant now = call.instant();
    std::vector<SessionId> expired;
    for (ChildSa& child : sa.children) {
        if (child.confirm_at <= now) confirm(call, sa, child);
        if (child.rekey_at <= now) {
            child.rekey_at = kNever;
            want(sa, {.task = Task::kRekeyChild, .child = child.ours, .peer = child.peer, .name = child.name});
        }
        if (child.delete_at <= now) {
            child.delete_at = kNever;
            want(sa, {.task = Task::kDeleteChild, .child = child.ours});
        }
        if (child.expires_at <= now) expired.push_back(child.ours);
    }
    for (const SessionId id : expired) {
        retire(call, sa, id, control::LostBecause::kExpired);
        delete_refused_child(sa, id);
    }
    if (expired.empty() || !sa.is_established()) return;
    want_missing_children(call, sa, Duration::zero());
    if (sa.children.empty()) sa.ends_at = now + kChildlessLife;
}

// Of a connection that is always to be up: its children that are not there, nor asked for by us.
void Engine::State::want_missing_children(Call& call, IkeSa& sa, Duration after) {
    const Connection* const connection = directory.find(sa.connection);
    if (!sa.is_usable() || connection == nullptr || connection->start != Start::kAlways) return;
    for (const ChildConfig& child : connection->children) {
        const bool is_there = std::any_of(sa.children.begin(), sa.children.end(),
                                          [&](const ChildSa& one) { return one.name == child.name; });
        const bool comes = sa.request != nullptr && sa.request->name == child.name;
        if (is_there || comes) continue;
        want(sa, {.task = Task::kCreateChild,
                  .peer = child.peer_of(sa.session),
                  .name = child.name,
                  .not_before = call.instant() + after});
    }
}

// A request of ours was sent often enough.
void Engine::State::on_silence(Call& call, IkeSa& sa) {
    const Task task = sa.request == nullptr ? Task::kInit : sa.request->task;
    if (sa.state == IkeState::kInitSent || sa.state == IkeState::kAuthSent)
        return fail_attempt(call, sa, DropReason::kIkePeerSilent, std::string(name_of(task)));
    if (sa.is_established()) {
        count(DropReason::kIkePeerSilent);
        note_attempt(call, sa, DropReason::kIkePeerSilent, std::string(name_of(task)));
    }
    remove_sa(call, sa, control::LostBecause::kSilent);
}

void Engine::State::on_ended(Call& call, IkeSa& sa) {
    sa.ends_at = kNever;
    // The one that was to stay is gone.
    const std::uint64_t winner = std::exchange(sa.loses_to, 0);
    if (winner != 0 && !by_spi.contains(winner) && !sa.children.empty()) return;
    if (sa.state == IkeState::kEstablished || sa.state == IkeState::kRekeyed) {
        sa.ends_at = call.instant() + kReplacedLife;
        return want(sa, {.task = Task::kDeleteIke});
    }
    if (sa.eap != nullptr) note_eap(call, sa, sa.remote, DropReason::kIkeEapAbandoned, {});
    remove_sa(call, sa, control::LostBecause::kSilent);
}

void Engine::State::on_due(Call& call, ConnectionEntry& entry) {
    entry.next_attempt = kNever;
    schedule(entry);
    const Connection* const connection = directory.find(entry.index);
    if (connection == nullptr || connection->start != Start::kAlways || entry.is_stopped) return;
    (void)begin(call, entry, first_child(*connection), {});
}

// --- the data plane ------------------------------------------------------------------------------

void Engine::State::handle_event(Call& call, const dataplane::Event& event) {
    const PeerIndex peer = std::visit([](const auto& any) { return any.peer; }, event);
    ConnectionEntry* const entry = entry_of(peer);
    if (entry == nullptr) return;
    if (const auto* const need = std::get_if<dataplane::NeedSession>(&event)) return on_need(call, *entry, *need);
    const auto* const confirmed = std::get_if<dataplane::SessionConfirmed>(&event);
    const auto* const activity = std::get_if<dataplane::PeerActivity>(&event);
    const auto* const roamed = std::get_if<dataplane::PeerRoamed>(&event);
    PeerRecord* const record = record_of(*entry, peer);
    if (record == nullptr) return;
    if (activity != nullptr) {
        record->last_heard = std::max(record->last_heard, activity->last_received);
        record->last_sent = std::max(record->last_sent, activity->last_sent);
    }
    for (const std::uint32_t slot : entry->slots_of(record->session)) {
        IkeSa& sa = *at(slot);
        bool has_peer = false;
        for (ChildSa& child : sa.children) {
            has_peer = has_peer || child.peer == peer;
            if (confirmed != nullptr && child.ours == confirmed->local_id) note_sent_on(sa, child);
        }
        if (!has_peer) continue;
        if (activity != nullptr) {
            look_at(sa);
        } else {
            touch(sa);
        }
        if (activity != nullptr) {
            sa.last_heard = std::max(sa.last_heard, activity->last_received);
            sa.last_sent = std::max(sa.last_sent, activity->last_sent);
        }
        if (roamed != nullptr && (sa.remote != roamed->remote || sa.local != roamed->local)) {
            sa.remote = roamed->remote;
            sa.local = roamed->local;
            move_endpoint(call, sa);
        }
    }
}

// Which of a peer's sessions is past its limit is not said, so all of them are renewed that are not young.
void Engine::State::on_need(Call& call, ConnectionEntry& entry, const dataplane::NeedSession& need) {
    const Connection* const connection = directory.find(entry.index);
    const PeerRecord* const record = record_of(entry, need.peer);
    if (connection == nullptr || record == nullptr) return;
    IkeSa* usable = nullptr;
    for (const std::uint32_t slot : entry.slots_of(record->session)) {
        IkeSa& sa = *at(slot);
        if (!sa.is_usable()) continue;
        usable = &sa;
        for (const ChildSa& child : sa.children) {
            if (child.peer != need.peer || child.replaced_by.valid()) continue;
            if (need.packet && child.selectors.carries(*need.packet)) return;
            if (!need.packet && call.instant() - child.created >= kYoungest)
                want(sa, {.task = Task::kRekeyChild, .child = child.ours, .peer = child.peer, .name = child.name});
        }
    }
    if (!need.packet) return;
    if (record->not_before > call.instant()) return;
    const Lease lease = record->session < entry.sessions.size() ? entry.sessions[record->session].lease : Lease();
    const auto config = std::find_if(connection->children.begin(), connection->children.end(), [&](const auto& child) {
        return child.peer_of(record->session) == need.peer &&
               allowed_of(*connection, child, lease).carries(*need.packet);
    });
    if (config == connection->children.end()) return;
    if (usable != nullptr) {
        return want(*usable,
                    {.task = Task::kCreateChild, .peer = need.peer, .name = config->name, .packet = need.packet});
    }
    if (connection->start == Start::kResponder || entry.is_stopped) return;
    if (entry.failures > 0 && entry.next_attempt > call.instant() && entry.next_attempt != kNever) return;
    (void)begin(call, entry, config->name, need.packet);
}

}  // namespace warren::ike
