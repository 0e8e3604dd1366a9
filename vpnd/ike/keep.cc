// IKE_SAs are kept for a successor of this process (docs/decisions/0017-ike-sas-outlive-vpnd.md).
#include <utility>

#include "crypto/blake2s.h"
#include "vpnd/ike/engine_state.h"

namespace warren::ike {

void Engine::keep_in(SaKeeper* places, const control::SessionKeeper* counters) {
    state_->keep_in(places, counters);
}

void Engine::State::keep_in(SaKeeper* places, const control::SessionKeeper* counters) {
    kept_sas = places;
    kept_sessions = counters;
    for (const auto& sa : sas) {
        if (sa == nullptr) continue;
        sa->kept_at.reset();
        keep(*sa);
    }
}

SaOwner Engine::State::owner_of(const IkeSa& sa, const Connection& connection) const {
    const CustomerConfig* const customer = directory.find(connection.customer);
    SaOwner out;
    out.connection = ike::name_of(customer == nullptr ? std::string_view() : customer->name, connection.name);
    out.config = digest_of(connection, customer == nullptr ? CustomerConfig() : *customer);
    // A certificate that is to be looked at again is not in the record: the next process could not.
    const bool is_doubted = sa.proof != nullptr && std::holds_alternative<VerifyPeerAsk>(*sa.proof) &&
                            (sa.prove_at != kNever || sa.ask_for == AskFor::kProof);
    out.is_going = sa.is_going() || is_doubted;
    const ConnectionEntry& entry = *entry_of(connection.index);
    if (sa.session >= entry.sessions.size()) return out;
    out.lease = entry.sessions[sa.session].lease;
    out.session_began = entry.sessions[sa.session].begun;
    return out;
}

void Engine::State::keep(IkeSa& sa) {
    if (kept_sas == nullptr) return;
    const Connection* const connection = directory.find(sa.connection);
    const bool may_go_on = !sa.is_gone && (sa.state == IkeState::kEstablished || sa.state == IkeState::kRekeyed) &&
                           sa.sealer && connection != nullptr;
    if (!may_go_on) return stop_keeping(sa);
    if (!sa.kept_at) sa.kept_at = kept_sas->allocate(sa.customer);
    if (sa.kept_at && !kept_sas->write(*sa.kept_at, owner_of(sa, *connection), sa)) stop_keeping(sa);
}

void Engine::State::stop_keeping(IkeSa& sa) {
    if (sa.kept_at) kept_sas->free(*std::exchange(sa.kept_at, std::nullopt));
}

// --- the counters of children --------------------------------------------------------------------

std::optional<control::KeptPeer> Engine::kept_session(const dataplane::InstallSession& session) const {
    const ConnectionEntry* const entry = state_->entry_of(session.peer);
    if (state_->kept_sas == nullptr || entry == nullptr) return std::nullopt;
    return control::KeptPeer{name_of_session(session.local_id, session.remote_id, session.created),
                             state_->directory.find(entry->index)->customer,
                             {},
                             true};
}

control::PeerName name_of_session(SessionId ours, std::uint32_t theirs, Instant created) {
    std::array<std::uint8_t, 16> bytes{};
    store_le(bytes.data(), ours.value);
    store_le(bytes.data() + 4, theirs);
    store_le(bytes.data() + 8, static_cast<std::uint64_t>(created.nanoseconds));
    return crypto::blake2s_mac(as_bytes("warren kept child"), {bytes});
}

}  // namespace warren::ike
