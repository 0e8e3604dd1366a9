// Connections: what is configured, when we begin, what becomes of their IKE_SAs.
#include <algorithm>
#include <utility>

#include "vpnd/ike/engine_state.h"

namespace warren::ike {

namespace {

bool is_another(const Connection& a, const Connection& b) {
    const bool has_another_trust = a.auth == Auth::kEapTls && a.trust != b.trust;
    return a.customer != b.customer || a.auth != b.auth || a.psk != b.psk || has_another_trust || a.ppk != b.ppk ||
           a.ppk_identity != b.ppk_identity || a.ppk_required != b.ppk_required ||
           a.local_identity != b.local_identity || !(a.remote_identity == b.remote_identity) ||
           a.remote_address != b.remote_address;
}

bool is_coming_up(const IkeSa& sa) {
    return sa.state == IkeState::kInitSent || sa.state == IkeState::kAuthSent || sa.state == IkeState::kEstablished;
}

}  // namespace

void Engine::put_customer(Now now, CustomerConfig config, control::Output& out) {
    Call call{now, out};
    state_->put_customer(call, std::move(config));
    state_->finish(call);
}

void Engine::remove_customer(CustomerIndex customer) {
    state_->directory.remove_customer(customer);
}

void Engine::put_connection(Now now, Connection config, control::Output& out) {
    Call call{now, out};
    state_->put_connection(call, std::move(config));
    state_->finish(call);
}

void Engine::remove_connection(Now now, ConnectionIndex connection, control::Output& out) {
    Call call{now, out};
    state_->remove_connection(call, connection);
    state_->finish(call);
}

bool Engine::initiate(Now now, ConnectionIndex connection, control::Output& out) {
    ConnectionEntry* const entry = state_->entry_of(connection);
    if (entry == nullptr) return false;
    Call call{now, out};
    entry->is_stopped = false;
    entry->failures = 0;
    const Connection& config = *state_->directory.find(connection);
    const bool begun = state_->begin(call, *entry, State::first_child(config), std::nullopt);
    state_->finish(call);
    return begun;
}

bool Engine::rekey(Now now, ConnectionIndex connection, Rekey what, control::Output& out) {
    ConnectionEntry* const entry = state_->entry_of(connection);
    if (entry == nullptr) return false;
    Call call{now, out};
    bool has_one = false;
    for (const std::uint32_t slot : entry->ike_sas) {
        IkeSa& sa = *state_->at(slot);
        if (!sa.is_usable()) continue;
        has_one = true;
        for (const ChildSa& child : sa.children) {
            if (what != Rekey::kIkeSas && !child.replaced_by.valid())
                state_->want(sa,
                             {.task = Task::kRekeyChild, .child = child.ours, .peer = child.peer, .name = child.name});
        }
        if (what != Rekey::kChildren) state_->want(sa, {.task = Task::kRekeyIke});
    }
    state_->finish(call);
    return has_one;
}

bool Engine::terminate(Now now, ConnectionIndex connection, control::Output& out) {
    ConnectionEntry* const entry = state_->entry_of(connection);
    if (entry == nullptr) return false;
    Call call{now, out};
    const bool has_one = !entry->ike_sas.empty();
    entry->is_stopped = true;
    entry->next_attempt = kNever;
    state_->schedule(*entry);
    state_->end_all(call, *entry, control::LostBecause::kStopped);
    state_->finish(call);
    return has_one;
}

void Engine::remove_peer(Now now, PeerIndex peer, control::Output& out) {
    ConnectionEntry* const entry = state_->entry_of(peer);
    if (entry == nullptr) return;
    Call call{now, out};
    const PeerRecord* const known = State::record_of(*entry, peer);
    for (const std::uint32_t slot : entry->slots_of(known == nullptr ? 0 : known->session)) {
        IkeSa& sa = *state_->at(slot);
        std::vector<SessionId> ids;
        for (const ChildSa& child : sa.children) {
            if (child.peer == peer) ids.push_back(child.ours);
        }
        for (const SessionId id : ids) {
            state_->retire(call, sa, id, control::LostBecause::kStopped);
            state_->delete_refused_child(sa, id);
        }
    }
    state_->retire_leaving(call, peer);
    std::erase_if(entry->peers, [&](const PeerRecord& record) { return record.peer == peer; });
    state_->connection_of_peer[peer.value] = {};
    state_->refusals.forget(peer);
    state_->finish(call);
}

// --- configuration -------------------------------------------------------------------------------

void Engine::State::put_customer(Call& call, CustomerConfig config) {
    const CustomerConfig* const present = directory.find(config.customer);
    const bool is_another = present != nullptr && present->identity != config.identity;
    const bool is_renamed = present != nullptr && present->name != config.name;
    const CustomerIndex customer = config.customer;
    directory.put_customer(std::move(config));
    if (!is_another && !is_renamed) return;
    for (const auto& entry : entries) {
        const Connection* const connection = entry == nullptr ? nullptr : directory.find(entry->index);
        if (connection == nullptr || connection->customer != customer) continue;
        if (is_another && !connection->local_identity) end_all(call, *entry, control::LostBecause::kStopped);
        touch_all(*entry);  // a successor of this process finds them by that name
    }
}

void Engine::State::put_connection(Call& call, Connection config) {
    const ConnectionIndex index = config.index;
    const Connection* const present = directory.find(index);
    if (present != nullptr && *present == config) return;
    if (entries.size() <= index.value) entries.resize(index.value + std::size_t{1});
    if (entries[index.value] == nullptr) {
        entries[index.value] = std::make_unique<ConnectionEntry>();
        entries[index.value]->index = index;
    }
    ConnectionEntry& entry = *entries[index.value];
    entry.is_stopped = present != nullptr && is_another(*present, config);
    if (entry.is_stopped) end_all(call, entry, control::LostBecause::kStopped);
    entry.is_stopped = false;
    const bool is_new = present == nullptr;
    const Connection before = is_new ? Connection{} : *present;
    directory.put(std::move(config));
    const Connection& connection = *directory.find(index);
    put_records(entry, connection);
    entry.pool.configure(connection.pool, std::max<std::size_t>(connection.max_sessions, kLeastLeasesKept));
    tell_endpoints(call, connection);
    if ((connection.auth == Auth::kCertificate && connection.trust != before.trust) ||
        (connection.auth == Auth::kEapMschapv2 && connection.users != before.users))
        prove_again(call, entry);
    update_children(call, entry, before);
    if (is_new) {
        resume(call, entry);
    } else {
        touch_all(entry);
    }
    lead_anew(call, entry, connection.workers != before.workers);
    want_connection(call, entry, Duration::zero());
}

// Of each peer of its children, in each session. Children may share one.
void Engine::State::put_records(ConnectionEntry& entry, const Connection& connection) {
    std::vector<PeerRecord> records;
    for (std::uint32_t session = 0; session < connection.max_sessions; ++session) {
        for (const ChildConfig& child : connection.children) {
            const PeerIndex peer = child.peer_of(session);
            if (connection_of_peer.size() <= peer.value) connection_of_peer.resize(peer.value + std::size_t{1});
            connection_of_peer[peer.value] = entry.index;
            const PeerRecord* const known = record_of(entry, peer);
            records.push_back(known != nullptr ? *known : PeerRecord{.peer = peer});
            records.back().session = session;
        }
    }
    const auto by_peer = [](const PeerRecord& one, const PeerRecord& other) { return one.peer < other.peer; };
    std::sort(records.begin(), records.end(), by_peer);
    const auto is_same = [](const PeerRecord& one, const PeerRecord& other) { return one.peer == other.peer; };
    records.erase(std::unique(records.begin(), records.end(), is_same), records.end());
    for (const PeerRecord& record : std::exchange(entry.peers, std::move(records))) {
        if (record_of(entry, record.peer) != nullptr || connection_of_peer[record.peer.value] != entry.index) continue;
        connection_of_peer[record.peer.value] = {};
        refusals.forget(record.peer);
    }
}

// Children that are gone or changed are deleted; new ones are made where we may begin.
void Engine::State::update_children(Call& call, ConnectionEntry& entry, const Connection& before) {
    const Connection& connection = *directory.find(entry.index);
    for (const std::uint32_t slot : std::vector<std::uint32_t>(entry.ike_sas)) {
        IkeSa* const there = at(slot);
        if (there == nullptr) continue;
        IkeSa& sa = *there;
        const bool has_left_pool = [&] {
            const Lease& lease = entry.sessions[sa.session].lease;
            return (lease.v4 && !entry.pool.has(*lease.v4)) || (lease.v6 && !entry.pool.has(*lease.v6));
        }();
        if (sa.session >= connection.max_sessions || has_left_pool) {
            end_sa(call, sa, control::LostBecause::kStopped);
            continue;
        }
        std::vector<SessionId> old;
        for (const ChildSa& child : sa.children) {
            const ChildConfig* const was = child_config(before, child.name);
            const ChildConfig* const is = child_config(connection, child.name);
            const bool is_same =
                was != nullptr && is != nullptr && was->carries_same(*is) && is->peer_of(sa.session) == child.peer;
            if (!is_same) old.push_back(child.ours);
        }
        for (const SessionId id : old) {
            retire(call, sa, id, control::LostBecause::kStopped);
            delete_refused_child(sa, id);
        }
        if (!old.empty()) {
            for (const ChildConfig& child : before.children) retire_leaving(call, child.peer_of(sa.session));
        }
        if (!sa.is_usable()) continue;
        want_missing_children(call, sa, Duration::zero());
        if (sa.children.empty() && sa.ends_at == kNever) sa.ends_at = call.instant() + kChildlessLife;
    }
}

// Packets for a peer that we may call wait for it; else there is nobody yet. Nothing leads to one of many that is not
// there.
void Engine::State::tell_endpoints(Call& call, const Connection& connection) {
    const bool may_begin = connection.remote_address && connection.start != Start::kResponder;
    for (const ChildConfig& child : connection.children) {
        const PeerRecord* const record = record_of(*entry_of(connection.index), child.peer);
        if (record != nullptr && record->has_session) continue;
        if (!may_begin) {
            post(call, child.worker, dataplane::ForgetEndpoint{child.peer});
            post(call, child.worker, dataplane::PurgeStaged{child.peer});
            continue;
        }
        post(call, child.worker, dataplane::SetEndpoint{child.peer, {*connection.remote_address, kNatPort, 0}, {}});
    }
}

void Engine::State::remove_connection(Call& call, ConnectionIndex index) {
    ConnectionEntry* const entry = entry_of(index);
    if (entry == nullptr) return;
    entry->is_stopped = true;
    end_all(call, *entry, control::LostBecause::kStopped);
    for (const ChildConfig& child : directory.find(index)->children)
        post(call, child.worker, dataplane::ForgetEndpoint{child.peer});
    for (const PeerRecord& record : entry->peers) {
        refusals.forget(record.peer);
        if (connection_of_peer[record.peer.value] == index) connection_of_peer[record.peer.value] = {};
    }
    connection_deadlines.set(index.value, kNever);
    directory.remove(index);
    entries[index.value].reset();
}

void Engine::State::touch_all(const ConnectionEntry& entry) {
    for (const std::uint32_t slot : entry.ike_sas) touch(*at(slot));
}

void Engine::State::end_all(Call& call, ConnectionEntry& entry, control::LostBecause because) {
    for (const std::uint32_t slot : std::vector<std::uint32_t>(entry.ike_sas)) {
        if (IkeSa* const sa = at(slot)) end_sa(call, *sa, because);
    }
}

void Engine::State::end_sa(Call& call, IkeSa& sa, control::LostBecause because) {
    if (sa.is_gone || sa.state == IkeState::kClosed) return;
    if (sa.state == IkeState::kDeleting) {
        // It is told already. What comes of it is no connection's any more, as its index may be another's soon.
        if (ConnectionEntry* const left = entry_of(sa.connection)) leave(call, *left, sa);
        sa.connection = {};
        return;
    }
    const bool may_tell = sa.sealer && (sa.state == IkeState::kEstablished || sa.state == IkeState::kRekeyed);
    if (!may_tell) return remove_sa(call, sa, because);
    while (!sa.children.empty()) retire(call, sa, sa.children.back().ours, because);
    sa.wishes.clear();
    sa.held.reset();
    close_ask(sa);
    if (sa.request != nullptr && !sa.request->is_sent) drop_request(sa);  // its key does not come any more
    sa.rekey_at = sa.expires_at = sa.probe_at = sa.reauth_at = sa.proven_until = sa.prove_at = kNever;
    sa.ends_at = call.instant() + kReplacedLife;
    want(sa, {.task = Task::kDeleteIke});
    ConnectionEntry* const entry = entry_of(sa.connection);
    sa.connection = {};
    if (entry == nullptr) return;
    leave(call, *entry, sa);
    want_connection(call, *entry, kTemporaryLeast);
}

// --- our own attempts ----------------------------------------------------------------------------

bool Engine::State::begin(Call& call, ConnectionEntry& entry, std::string_view child,
                          std::optional<dataplane::FlowKey> packet, bool in_place_of_another) {
    const Connection* const connection = directory.find(entry.index);
    // With EAP clients begin; and of many peers none is the one to begin with.
    if (connection == nullptr || !connection->remote_address || is_eap(connection->auth) || connection->is_for_many())
        return false;
    const bool is_there = std::any_of(entry.ike_sas.begin(), entry.ike_sas.end(),
                                      [&](std::uint32_t slot) { return is_coming_up(*at(slot)); });
    if ((is_there && !in_place_of_another) || !make_room_for_sa(call, entry, *connection)) return false;
    IkeSa& sa = add_sa();
    sa.state = IkeState::kInitSent;
    sa.is_initiator = true;
    name(sa, new_spi());
    sa.connection = entry.index;
    sa.customer = connection->customer;
    sa.remote = {*connection->remote_address, kIkePort, 0};
    sa.local_port = settings.ike_port;
    sa.prefix = control::source_prefix_of(*connection->remote_address);
    sa.created = call.instant();
    sa.setup = std::make_unique<Setup>();
    sa.setup->name = child;
    sa.setup->packet = std::move(packet);
    join(entry, sa);
    entry.next_attempt = kNever;
    schedule(entry);
    ++begun;
    note_changed(call, entry);
    begin_init(call, sa);
    return !sa.is_gone;
}

void Engine::State::note_failure(Call& call, ConnectionEntry& entry) {
    const Duration usual = std::min(kRetryMost, kRetryLeast * (1U << std::min(entry.failures, 10U)));
    ++entry.failures;
    entry.next_attempt = call.instant() + random_between(usual - usual / 10, usual, random);
    schedule(entry);
}

// One that is always to be up is begun, in turn with all others; unless it is, or is about to.
void Engine::State::want_connection(Call& call, ConnectionEntry& entry, Duration after) {
    const Connection* const connection = directory.find(entry.index);
    const bool is_wanted = connection != nullptr && connection->start == Start::kAlways && connection->remote_address &&
                           !entry.is_stopped && entry.next_attempt == kNever;
    if (!is_wanted || std::any_of(entry.ike_sas.begin(), entry.ike_sas.end(),
                                  [&](std::uint32_t slot) { return is_coming_up(*at(slot)); }))
        return;
    entry.next_attempt = pace.reserve(call.instant(), kOurInits) + after;
    schedule(entry);
}

void Engine::State::settle_duplicates(Call& call, IkeSa& sa, bool is_initial_contact) {
    const ConnectionEntry& entry = *entry_of(sa.connection);
    for (const std::uint32_t slot : std::vector<std::uint32_t>(entry.slots_of(sa.session))) {
        IkeSa& other = *at(slot);
        if (slot == sa.slot || !other.is_established() || !(other.peer_identity == sa.peer_identity)) continue;
        // Both called: the one with the lowest nonce is one too many, as after a rekey. Each says INITIAL_CONTACT then.
        const bool have_crossed = other.is_initiator != sa.is_initiator && call.instant() - other.created < kCrossed;
        if (!have_crossed && is_initial_contact) {
            remove_sa(call, other, control::LostBecause::kDeleted);  // the peer has forgotten it (RFC 7296 §2.4)
            continue;
        }
        IkeSa& loser = have_crossed && sa.nonce < other.nonce ? sa : other;
        if (have_crossed && !loser.is_initiator) {
            loser.loses_to = (&loser == &sa ? other : sa).our_spi();
            loser.ends_at = call.instant() + kReplacedLife;  // the peer deletes it
        } else {
            want(loser, {.task = Task::kDeleteIke});
        }
    }
}

// --- for people ----------------------------------------------------------------------------------

void Engine::State::note_attempt(Call& call, const IkeSa& sa, std::optional<DropReason> failure, std::string detail,
                                 Attempt attempt, const Finding* finding) {
    AttemptNote note;
    note.attempt = std::move(attempt);
    note.attempt.at = call.now;
    note.attempt.peer = sa.remote;
    note.attempt.is_ours = sa.is_initiator;
    note.attempt.failure = failure;
    if (note.attempt.peer_identity.empty() && !sa.peer_identity.empty())
        note.attempt.peer_identity = to_string(sa.peer_identity);
    note.detail = std::move(detail);
    ConnectionEntry* entry = entry_of(sa.connection);
    if (finding != nullptr) {
        note.customer = finding->customer;
        note.missing = finding->missing;
        entry = finding->connection == nullptr ? nullptr : entry_of(finding->connection->index);
    }
    if (entry == nullptr) return note_stranger(call, std::move(note));
    entry->attempts.add(std::move(note));
    if (failure) ++entry->all_failures;
    note_changed(call, *entry);
}

void Engine::State::note_changed(Call& call, const ConnectionEntry& entry) {
    if (!entry.peers.empty()) call.out.news.emplace_back(control::ConnectionChanged{entry.peers.front().peer});
}

void Engine::State::note_stranger(Call& call, AttemptNote note) {
    if (stranger_notes.take(call.instant(), kAttemptsOfStrangers)) strangers.add(std::move(note));
}

}  // namespace warren::ike
