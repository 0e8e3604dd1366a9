// Sessions: which of a connection's peers an IKE_SA is with, and what of the data plane that peer has.
#include <algorithm>
#include <utility>

#include "vpnd/ike/engine_state.h"
#include "vpnd/ike/reach.h"

namespace warren::ike {

using Slots = std::vector<std::uint32_t>;

const std::vector<std::uint32_t>& ConnectionEntry::slots_of(std::uint32_t session) const {
    static const std::vector<std::uint32_t> kNone;
    return session < sessions.size() ? sessions[session].ike_sas : kNone;
}

void Engine::State::join(ConnectionEntry& entry, const IkeSa& sa) {
    entry.ike_sas.push_back(sa.slot);
    if (entry.sessions.size() <= sa.session) entry.sessions.resize(sa.session + std::size_t{1});
    entry.sessions[sa.session].ike_sas.push_back(sa.slot);
}

void Engine::State::leave(Call& call, ConnectionEntry& entry, const IkeSa& sa) {
    if (std::erase(entry.ike_sas, sa.slot) == 0) return;
    Session& session = entry.sessions[sa.session];
    std::erase(session.ike_sas, sa.slot);
    if (!session.ike_sas.empty()) return;
    session.free_since = call.instant();
    for (const auto& address : {session.lease.v4, session.lease.v6}) {
        if (address) entry.pool.give_back(*address);
    }
    session.lease = {};
}

// --- which one -----------------------------------------------------------------------------------

// One peer has one session; each that is there when it comes again has an IKE_SA that takes the other's place. Of many
// peers, several may have the same identity: one that says that it has forgotten all others, or comes from where one of
// them is, takes their places (RFC 7296 §2.4); and when all sessions are taken, that of its oldest.
std::optional<std::uint32_t> Engine::State::take_session(Call& call, ConnectionEntry& entry,
                                                         const Connection& connection, const IkeSa& sa,
                                                         const Identity& peer, bool is_initial_contact) {
    if (!connection.is_for_many()) {
        const auto& slots = entry.slots_of(0);
        const bool is_anothers = std::any_of(slots.begin(), slots.end(), [&](std::uint32_t slot) {
            const IkeSa& other = *at(slot);
            return other.is_established() && !other.is_going() && !(other.peer_identity == peer);
        });
        if (is_anothers) return std::nullopt;
        return 0;
    }
    std::optional<std::uint32_t> oldest;
    for (std::uint32_t number = 0; number < entry.sessions.size(); ++number) {
        const Session& session = entry.sessions[number];
        if (session.ike_sas.empty() || !(session.identity == peer)) continue;
        const bool is_there = std::any_of(session.ike_sas.begin(), session.ike_sas.end(),
                                          [&](std::uint32_t slot) { return at(slot)->remote == sa.remote; });
        if (is_initial_contact || is_there) {
            free_session(call, entry, number, is_initial_contact);
        } else if (!oldest || session.begun < entry.sessions[*oldest].begun) {
            oldest = number;
        }
    }
    auto out = find_free_session(entry, connection, peer);
    if (!out && oldest) {
        free_session(call, entry, *oldest, false);
        out = oldest;
    }
    for (std::uint32_t number = 0; !out && number < entry.sessions.size(); ++number) {
        const auto& slots = entry.sessions[number].ike_sas;
        const bool is_going =
            std::all_of(slots.begin(), slots.end(), [&](std::uint32_t slot) { return at(slot)->is_going(); });
        if (!is_going) continue;
        free_session(call, entry, number, true);
        out = number;
    }
    if (!out) return std::nullopt;
    begin_session(call, entry, connection, *out, peer);
    return out;
}

// Its own of before, else one that nobody had, else the one that is free for longest.
std::optional<std::uint32_t> Engine::State::find_free_session(const ConnectionEntry& entry,
                                                              const Connection& connection, const Identity& peer) {
    std::optional<std::uint32_t> longest;
    for (std::uint32_t number = 0; number < entry.sessions.size() && number < connection.max_sessions; ++number) {
        const Session& session = entry.sessions[number];
        if (!session.ike_sas.empty()) continue;
        if (session.identity == peer) return number;
        if (!longest || session.free_since < entry.sessions[*longest].free_since) longest = number;
    }
    if (entry.sessions.size() < connection.max_sessions) return static_cast<std::uint32_t>(entry.sessions.size());
    return longest;
}

void Engine::State::begin_session(Call& call, ConnectionEntry& entry, const Connection& connection,
                                  std::uint32_t number, const Identity& peer) {
    if (entry.sessions.size() <= number) entry.sessions.resize(number + std::size_t{1});
    Session& session = entry.sessions[number];
    session.identity = peer;
    session.begun = call.instant();
    for (const ChildConfig& child : connection.children)
        post(call, child.worker, dataplane::CountAnew{child.peer_of(number)});
}

// The peer is told, unless it has forgotten them.
void Engine::State::free_session(Call& call, ConnectionEntry& entry, std::uint32_t number, bool is_forgotten) {
    for (const std::uint32_t slot : std::vector<std::uint32_t>(entry.slots_of(number))) {
        IkeSa* const sa = at(slot);
        if (sa == nullptr) continue;
        if (is_forgotten) {
            remove_sa(call, *sa, control::LostBecause::kDeleted);
        } else {
            end_sa(call, *sa, control::LostBecause::kDeleted);
        }
    }
}

// --- what it has leased --------------------------------------------------------------------------

ChildSelectors Engine::State::allowed(const IkeSa& sa, const Connection& connection, const ChildConfig& child) {
    const ConnectionEntry& entry = *entry_of(connection.index);
    const bool is_known = sa.session < entry.sessions.size();
    return allowed_of(connection, child, is_known ? entry.sessions[sa.session].lease : Lease());
}

// An address of one family is enough (RFC 7296 §2.19). It asks once, with IKE_AUTH.
std::optional<NotifyType> Engine::State::configure(Call& call, const IkeSa& sa, const Connection& connection,
                                                   const Payloads& payloads, Chain& chain) {
    if (connection.pool.empty()) return std::nullopt;
    const auto* const payload = payloads.find<CpPayload>();
    const auto request = payload == nullptr ? std::nullopt : read_request(*payload);
    if (!request || !(request->v4.is_asked || request->v6.is_asked)) return NotifyType::kFailedCpRequired;
    ConnectionEntry& entry = *entry_of(connection.index);
    Session& session = entry.sessions[sa.session];
    const std::string holder = key_of(session.identity);
    Pool::Past past;
    if (settings.leases != nullptr) {
        past.own = settings.leases->addresses_of(connection.index, holder);
        past.is_anothers = [&](const IpAddress& address) {
            return settings.leases->is_anothers(connection.index, address, holder);
        };
    }
    for (const Family family : {Family::kV4, Family::kV6}) {
        std::optional<IpAddress>& leased = family == Family::kV4 ? session.lease.v4 : session.lease.v6;
        const CfgRequest::Address& asked = request->of(family);
        if (!asked.is_asked || leased) continue;
        leased = entry.pool.take(family, holder, asked.wanted, past);
        if (leased && settings.leases != nullptr) settings.leases->note(call.now, connection.index, holder, *leased);
    }
    if (session.lease.empty()) return NotifyType::kInternalAddressFailure;
    SelectorList local;
    for (const ChildConfig& child : connection.children)
        local.insert(local.end(), child.local.begin(), child.local.end());
    add_reply(chain, *request, session.lease, connection.clients, local);
    return std::nullopt;
}

// --- what leads to it ----------------------------------------------------------------------------

// One peer's networks are in the customer's view. Of many, each is led to by what its children carry.
void Engine::State::lead(Call& call, const ConnectionEntry& entry, PeerRecord& record) {
    const Connection* const connection = directory.find(entry.index);
    if (connection == nullptr || (!connection->is_for_many() && record.prefixes.empty())) return;
    std::vector<Prefix> wanted;
    for (const std::uint32_t slot : connection->is_for_many() ? entry.slots_of(record.session) : Slots()) {
        for (const ChildSa& child : at(slot)->children) {
            if (child.peer != record.peer || wanted.size() >= kMostReach) continue;
            const ChildConfig* const config = child_config(*connection, child.name);
            if (config == nullptr) continue;
            const std::vector<Prefix> more = reach_of(child.selectors.remote, config->routes);
            wanted.insert(wanted.end(), more.begin(), more.end());
        }
    }
    std::sort(wanted.begin(), wanted.end());
    wanted.erase(std::unique(wanted.begin(), wanted.end()), wanted.end());
    const auto missing_in = [](const std::vector<Prefix>& list) {
        return [&list](const Prefix& one) { return !std::binary_search(list.begin(), list.end(), one); };
    };
    for (const std::uint32_t worker : connection->workers) {
        for (const Prefix& prefix : record.prefixes) {
            if (missing_in(wanted)(prefix))
                post(call, worker, dataplane::DropPrefix{connection->customer, prefix, record.peer});
        }
        for (const Prefix& prefix : wanted) {
            if (missing_in(record.prefixes)(prefix))
                post(call, worker, dataplane::PutPrefix{connection->customer, prefix, record.peer});
        }
    }
    record.prefixes = std::move(wanted);
}

// Other routes, or other workers: those that have the customer only now know nothing of it.
void Engine::State::lead_anew(Call& call, ConnectionEntry& entry, bool has_other_workers) {
    for (PeerRecord& record : entry.peers) {
        if (has_other_workers) record.prefixes.clear();
        lead(call, entry, record);
    }
}

}  // namespace warren::ike
