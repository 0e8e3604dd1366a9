// IKE_SAs that began in an earlier process go on (docs/decisions/0017-ike-sas-outlive-vpnd.md).
#include <algorithm>
#include <utility>

#include "vpnd/ike/engine_state.h"

namespace warren::ike {

namespace {

bool allows_child(const Policy& policy, const ChildSuite& suite) {
    const auto has = [](const auto& list, const auto& one) {
        return std::find(list.begin(), list.end(), one) != list.end();
    };
    return std::any_of(policy.lines.begin(), policy.lines.end(), [&](const Acceptable& line) {
        return has(line.encryption, suite.encryption) && has(line.esn, suite.esn ? EsnId::kYes : EsnId::kNo) &&
               (suite.integrity == nullptr || has(line.integrity, suite.integrity));
    });
}

bool is_past(Instant at, Instant now) {
    return at >= Instant{0} && at <= now;
}

// What was made by somebody else with other keys would use counters twice.
std::optional<control::SessionRecord> counters_of(const control::SessionKeeper& keeper, const ChildSa& child) {
    for (control::SessionRecord& record : keeper.find(name_of_session(child.ours, child.theirs, child.created))) {
        if (record.local_id == child.ours && record.remote_id == child.theirs && record.created == child.created)
            return std::move(record);
    }
    return std::nullopt;
}

}  // namespace

void Engine::State::resume(Call& call, ConnectionEntry& entry) {
    const Connection* const connection = directory.find(entry.index);
    const CustomerConfig* const customer = directory.find(connection->customer);
    if (kept_sas == nullptr || kept_sessions == nullptr || customer == nullptr) return;
    std::vector<std::pair<Instant, std::uint32_t>> places;  // the oldest first
    for (const std::uint32_t place : kept_sas->find(ike::name_of(customer->name, connection->name))) {
        if (const auto record = kept_sas->read(place)) places.emplace_back(record->sa.created, place);
    }
    std::sort(places.begin(), places.end());
    std::vector<std::uint32_t> resumed;
    for (const auto& [created, place] : places) {
        auto record = kept_sas->read(place);
        if (!record || !may_resume(call, entry, *connection, *record)) continue;
        if (!resume_session(entry, *connection, *record)) continue;
        resumed.push_back(resume_sa(call, entry, *connection, place, std::move(record->sa)));
    }
    if (!resumed.empty()) settle_resumed(call, entry, *connection, resumed);
}

// Everything that a change of the configuration would have ended, and what is no IKE_SA of ours at all. What is refused
// here is ended with a Delete, by end_rest().
bool Engine::State::may_resume(const Call& call, const ConnectionEntry& entry, const Connection& connection,
                               const SaRecord& record) const {
    const IkeSa& sa = record.sa;
    const CustomerConfig& customer = *directory.find(connection.customer);
    const Instant now = call.instant();
    return record.owner.connection == ike::name_of(customer.name, connection.name) &&
           record.owner.config == digest_of(connection, customer) && !record.owner.is_going &&
           is_past(sa.created, now) && sa.expires_at > now && sa.proven_until > now &&
           sa.session < connection.max_sessions && connection.remote_identity.match(sa.peer_identity) != Match::kNone &&
           allows(connection.ike, sa.suite) && !by_spi.contains(sa.our_spi()) && is_room_for_sa(entry, connection);
}

// One session is one peer's, and an address one session's.
bool Engine::State::resume_session(ConnectionEntry& entry, const Connection& connection, const SaRecord& record) {
    const IkeSa& sa = record.sa;
    const Lease& lease = record.owner.lease;
    for (const auto& address : {lease.v4, lease.v6}) {
        if (address && !entry.pool.has(*address)) return false;
    }
    if (entry.sessions.size() <= sa.session) entry.sessions.resize(sa.session + std::size_t{1});
    Session& session = entry.sessions[sa.session];
    if (!session.ike_sas.empty()) {
        const IkeSa& other = *at(session.ike_sas.front());
        return other.peer_identity == sa.peer_identity && session.lease == lease;
    }
    const std::string holder = key_of(sa.peer_identity);
    for (const Family family : {Family::kV4, Family::kV6}) {
        const auto& wanted = family == Family::kV4 ? lease.v4 : lease.v6;
        if (!wanted) continue;
        const auto got = entry.pool.take(family, holder, wanted);
        (family == Family::kV4 ? session.lease.v4 : session.lease.v6) = got;
    }
    if (session.lease != lease) {
        for (const auto& address : {session.lease.v4, session.lease.v6}) {
            if (address) entry.pool.give_back(*address);
        }
        session.lease = {};
        return false;
    }
    if (connection.is_for_many()) session.identity = sa.peer_identity;
    session.begun = record.owner.session_began;
    return true;
}

IkeSa& Engine::State::add_inherited(Call& call, IkeSa inherited) {
    const std::uint32_t slot = add_sa().slot;
    sas[slot] = std::make_unique<IkeSa>(std::move(inherited));
    IkeSa& sa = *sas[slot];
    sa.slot = slot;
    sa.sealer->jump(kIvJump);
    sa.prefix = control::source_prefix_of(sa.remote.address);
    sa.last_heard = sa.last_sent = call.instant();
    name(sa, sa.our_spi());
    touch(sa);
    return sa;
}

std::uint32_t Engine::State::resume_sa(Call& call, ConnectionEntry& entry, const Connection& connection,
                                       std::uint32_t place, IkeSa inherited) {
    IkeSa& sa = add_inherited(call, std::move(inherited));
    kept_sas->take_over(place, connection.customer);
    sa.kept_at = place;
    sa.connection = connection.index;
    sa.customer = connection.customer;
    sa.takes_fragments = sa.takes_fragments && connection.fragmentation;
    // Not all are asked at once whether they are there.
    sa.last_heard = call.instant() - random_between(Duration::zero(), connection.dpd / 2, random);
    half_open.remember(call.instant(), sa.prefix);
    join(entry, sa);
    entry.was_up = true;
    if (connection.auth == Auth::kEapMschapv2) {  // it may have been removed meanwhile
        const std::vector<std::uint8_t>& name = sa.peer_identity.value;
        sa.proof = std::make_shared<const Proof>(UserAsk{connection.users, std::string(name.begin(), name.end())});
        sa.prove_at = next_proof = std::max(call.instant(), next_proof + kProofSpread);
    }
    if (sa.request != nullptr) {
        const ChildConfig* const child = child_config(connection, sa.request->name);
        const control::IndexEntry index{control::IndexKind::kHandshake, settings.listener,
                                        child == nullptr ? PeerIndex{} : child->peer_of(sa.session)};
        sa.request->peer = index.peer;
        SessionId& reserved = sa.request->new_child;
        if (reserved.valid() && !indexes.resume(reserved, index)) reserved = {};
    }
    // A kill while they moved from one to another leaves them with both.
    const auto is_there = [this](const ConnectionEntry& all, SessionId id) {
        return std::any_of(all.ike_sas.begin(), all.ike_sas.end(),
                           [&](std::uint32_t slot) { return at(slot)->find_ours(id) != nullptr; });
    };
    for (ChildSa& child : std::exchange(sa.children, {})) {
        if (resume_child(call, sa, connection, child)) {
            sa.children.push_back(std::move(child));
        } else if (!is_there(entry, child.ours)) {
            delete_refused_child(sa, child.ours);
        }
    }
    return sa.slot;
}

// Its networks are those of the configuration, and its counters are known.
bool Engine::State::resume_child(Call& call, const IkeSa& sa, const Connection& connection, ChildSa& child) {
    const ChildConfig* const config = child_config(connection, child.name);
    if (config == nullptr || child.config != digest_of(*config)) return false;
    const ChildSelectors may_carry = allowed(sa, connection, *config);
    const bool is_allowed = covers(may_carry.local, child.selectors.local) &&
                            covers(may_carry.remote, child.selectors.remote) && !child.selectors.is_empty() &&
                            allows_child(connection.child, child.suite);
    if (!is_allowed || !is_past(child.created, call.instant()) || child.expires_at <= call.instant()) return false;
    const auto counters = counters_of(*kept_sessions, child);
    if (!counters) return false;
    child.peer = config->peer_of(sa.session);
    child.worker = config->worker;
    // The data plane was ahead of us.
    if (counters->has_received && child.confirm_at != kNever) {
        child.is_sent_on = true;
        child.confirm_at = kNever;
    }
    return indexes.resume(child.ours, {control::IndexKind::kKeypair, settings.listener, child.peer});
}

// When all of a connection's are there: which child of a flow is sent on, over all IKE_SAs with the same peer.
void Engine::State::settle_resumed(Call& call, ConnectionEntry& entry, const Connection& connection,
                                   const std::vector<std::uint32_t>& resumed) {
    struct Place {
        IkeSa* sa = nullptr;
        ChildSa* child = nullptr;
    };
    std::vector<Place> all;
    for (const std::uint32_t slot : resumed) {
        for (ChildSa& child : at(slot)->children) all.push_back({at(slot), &child});
    }
    for (const Place& one : all) {
        const SessionId by = one.child->replaced_by;
        if (!by.valid() || std::any_of(all.begin(), all.end(), [&](const Place& p) { return p.child->ours == by; }))
            continue;
        // What took its place did not come.
        one.child->replaced_by = {};
        one.child->delete_at = kNever;
        one.child->rekey_at = call.instant();
    }
    // Of those that were sent on, else of those that nothing replaced, else of all, the newest.
    const auto rank = [](const ChildSa& child) {
        return std::tuple(child.is_sent_on, !child.replaced_by.valid() && child.confirm_at == kNever, child.created);
    };
    std::sort(all.begin(), all.end(), [&](const Place& a, const Place& b) {
        return std::tuple(a.child->peer, a.child->flow, rank(*b.child)) <
               std::tuple(b.child->peer, b.child->flow, rank(*a.child));
    });
    const ChildSa* before = nullptr;
    for (const Place& one : all) {
        ChildSa& child = *one.child;
        const bool is_first = before == nullptr || before->peer != child.peer || before->flow != child.flow;
        child.is_sent_on = is_first;
        child.was_sent_on = true;
        if (is_first) child.confirm_at = kNever;
        before = one.child;
        resume_packets(call, *one.sa, connection, child);
        PeerRecord* const record = record_of(entry, child.peer);
        if (record == nullptr) continue;
        if (!record->has_session) call.out.news.emplace_back(control::PeerResumed{child.peer});
        record->has_session = true;
        if (child.created > record->latest.instant)
            record->latest = {child.created, {call.now.wall.nanoseconds - (call.instant() - child.created).count()}};
    }
    for (const std::uint32_t slot : resumed) {
        IkeSa& sa = *at(slot);
        if (sa.data_at && sa.task() != Task::kTestPath) want(sa, {.task = Task::kTestPath});
        if (!sa.is_established()) continue;
        want_missing_children(call, sa, Duration::zero());
        if (sa.children.empty() && sa.ends_at == kNever) sa.ends_at = call.instant() + kChildlessLife;
    }
}

void Engine::State::resume_packets(Call& call, const IkeSa& sa, const Connection& connection, const ChildSa& child) {
    const auto counters = counters_of(*kept_sessions, child);
    dataplane::InstallSession session = session_of(sa, connection, child);
    session.send_when = child.is_sent_on             ? dataplane::SendWhen::kNowInSilence
                        : child.confirm_at != kNever ? dataplane::SendWhen::kAfterFirstReceived
                                                     : dataplane::SendWhen::kNever;
    session.first_counter = std::max<std::uint64_t>(counters->first_counter, 1);
    session.kept = counters->kept;
    const IkeSa::Place place = sa.data_at.value_or(IkeSa::Place{sa.remote, sa.local});
    post(call, child.worker, dataplane::SetEndpoint{child.peer, place.remote, place.local});
    post(call, child.worker, std::move(session));
    // The customer is with another worker now, or there is another number of workers.
    if (child.ours.worker() != child.worker)
        post(call, child.ours.worker(), dataplane::RouteSession{child.ours, child.worker});
}

// --- what does not go on -------------------------------------------------------------------------

std::size_t Engine::end_rest(Now now, control::Output& out) {
    Call call{now, out};
    const std::size_t ended = state_->end_rest(call);
    state_->finish(call);
    return ended;
}

// Its peer is told, as far as we still can.
std::size_t Engine::State::end_rest(Call& call) {
    if (kept_sas == nullptr) return 0;
    const std::vector<std::uint32_t> rest = kept_sas->rest();
    for (const std::uint32_t place : rest) {
        auto record = kept_sas->read(place);
        kept_sas->forget(place);
        if (!record || by_spi.contains(record->sa.our_spi())) continue;
        IkeSa& sa = add_inherited(call, std::move(record->sa));
        sa.children.clear();
        if (sa.request != nullptr) sa.request->new_child = {};
        sa.rekey_at = sa.expires_at = sa.reauth_at = sa.proven_until = kNever;
        sa.ends_at = call.instant() + kReplacedLife;
        want(sa, {.task = Task::kDeleteIke});
    }
    return rest.size();
}

// The peer has made what an earlier process asked for, and the keys are not to be had without that process. A child is
// deleted there, and another one made; the old one stays until then.
void Engine::State::take_orphan(Call& call, IkeSa& sa) {
    const std::unique_ptr<Request> request = take_request(sa);
    if (request->new_child.valid()) indexes.release(request->new_child);
    if (entry_of(sa.connection) == nullptr) return;
    if (request->task == Task::kRekeyIke) return end_sa(call, sa, control::LostBecause::kExpired);
    if (request->new_child.valid()) delete_refused_child(sa, request->new_child);
    ChildSa* const old = request->child.valid() ? sa.find_ours(request->child) : nullptr;
    if (request->child.valid() && (old == nullptr || old->replaced_by.valid())) return;
    want(sa, {.task = Task::kCreateChild, .child = request->child, .peer = request->peer, .name = request->name});
}

}  // namespace warren::ike
