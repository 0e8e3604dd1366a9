// A customer's CAs, revocation lists or users are others by now: whether those who are here may still be. A list that
// is renewed every day ends no tunnel but those of whom it names.
#include <algorithm>
#include <utility>

#include "vpnd/ike/engine_state.h"

namespace warren::ike {

// One after the other, whosever they are: others are asked of meanwhile.
void Engine::State::prove_again(Call& call, ConnectionEntry& entry) {
    for (const std::uint32_t slot : std::vector<std::uint32_t>(entry.ike_sas)) {
        IkeSa* const sa = at(slot);
        if (sa == nullptr) continue;
        if (!sa->is_established()) {  // the former CAs are being asked
            end_sa(call, *sa, control::LostBecause::kStopped);
            continue;
        }
        // An earlier process had its certificate, and it has to be shown again.
        next_proof = std::max(call.instant(), next_proof + kProofSpread);
        if (sa->proof == nullptr) {
            sa->proven_until = std::min(sa->proven_until, next_proof);
        } else {
            sa->prove_at = next_proof;
        }
        touch(*sa);
    }
}

Instant Engine::State::proof_due(const IkeSa& sa) {
    return sa.ask == 0 ? sa.prove_at : kNever;
}

SecretId Engine::State::prover_of(const IkeSa& sa, const Connection& connection) {
    return std::holds_alternative<VerifyPeerAsk>(*sa.proof) ? connection.trust : connection.users;
}

void Engine::State::start_proof(Call& call, IkeSa& sa) {
    const Connection* const connection = directory.find(sa.connection);
    if (connection == nullptr || !sa.is_established() || proof_due(sa) > call.instant()) return;
    // They leave half of the room to those who come.
    const auto customers = asks_of_customer.find(sa.customer);
    const bool is_room = is_room_for_ask(sa) && open_asks.size() < kMostOpenAsks / 2 &&
                         (customers == asks_of_customer.end() || customers->second < kMostOpenAsksOfCustomer / 2);
    if (!is_room) {
        sa.prove_at = call.instant() + kAskAgain;
        return;
    }
    sa.prove_at = kNever;
    sa.proved_by = prover_of(sa, *connection);
    if (const auto* const certificate = std::get_if<VerifyPeerAsk>(sa.proof.get())) {
        VerifyPeerAsk question = *certificate;
        question.trusts = {sa.proved_by};
        return ask(call, sa, AskFor::kProof, std::move(question));
    }
    UserAsk question = std::get<UserAsk>(*sa.proof);
    question.users = sa.proved_by;
    ask(call, sa, AskFor::kProof, std::move(question));
}

// While authd is away nobody loses its tunnel.
void Engine::State::take_proof(Call& call, IkeSa& sa, const Answer& answer) {
    const Connection* const connection = directory.find(sa.connection);
    if (connection == nullptr) return;
    const auto* const verified = std::get_if<VerifyPeerAnswer>(&answer);
    const auto* const user = std::get_if<UserAnswer>(&answer);
    const bool is_former = sa.proved_by != prover_of(sa, *connection);  // they have changed again meanwhile
    if (is_former || (verified == nullptr && user == nullptr)) {
        sa.prove_at = call.instant() + (is_former ? Duration::zero() : kAskAgain);
        return;
    }
    if (verified != nullptr && verified->verdict == PeerVerdict::kTrusted)
        return limit_to_certificate(call, sa, verified->not_after);
    if (user != nullptr && user->is_known) return;
    const DropReason reason = verified != nullptr ? DropReason::kIkeCertificateRefused : DropReason::kIkeEapFailed;
    count(reason);
    note_attempt(call, sa, reason,
                 verified != nullptr ? text_of(verified->verdict) : "it is not among the customer's users any more");
    end_sa(call, sa, control::LostBecause::kExpired);
}

}  // namespace warren::ike
