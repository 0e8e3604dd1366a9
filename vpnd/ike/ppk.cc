// Postquantum preshared keys (RFC 8784): both say that they have some, then the initiator names one.
#include <algorithm>
#include <utility>

#include "vpnd/ike/engine_state.h"

namespace warren::ike {

namespace {

bool is_named(const NotifyPayload& notify, const Connection& connection) {
    const auto identity = ppk_identity_of(notify);
    const Bytes ours = as_bytes(connection.ppk_identity);
    return identity && std::equal(ours.begin(), ours.end(), identity->begin(), identity->end());
}

}  // namespace

// --- as responder --------------------------------------------------------------------------------

// RFC 8784 §3, table 1. Of a connection that nobody found, the same work.
PpkUse Engine::State::ppk_use_of(const IkeSa& sa, const Payloads& payloads, const Connection* connection) {
    const NotifyPayload* const identity = payloads.notify(NotifyType::kPpkIdentity);
    const bool is_required = connection != nullptr && connection->ppk_required;
    if (!sa.setup->uses_ppk || identity == nullptr) return is_required ? PpkUse::kRefused : PpkUse::kNone;
    if (connection == nullptr || (connection->ppk != kNoSecret && is_named(*identity, *connection)))
        return PpkUse::kMixed;
    const bool may_go_without = payloads.notify(NotifyType::kNoPpkAuth) != nullptr && !is_required;
    return may_go_without ? PpkUse::kWithout : PpkUse::kRefused;
}

PpkMixAsk Engine::State::ppk_question(const IkeSa& sa, const Connection* connection) {
    PpkMixAsk out;
    out.ppk = connection == nullptr ? kNoSecret : connection->ppk;
    out.prf = sa.suite.prf_hash();
    out.sk_d = sa.sk_d.clone();
    out.sk_pi = sa.setup->sk_pi.clone();
    out.sk_pr = sa.setup->sk_pr.clone();
    return out;
}

// From here on they are the IKE_SA's.
void Engine::State::take_mixed(IkeSa& sa, PpkMixAnswer& mixed) {
    sa.sk_d = std::move(mixed.sk_d);
    sa.setup->sk_pi = std::move(mixed.sk_pi);
    sa.setup->sk_pr = std::move(mixed.sk_pr);
    sa.setup->is_mixed = true;
}

// --- as initiator --------------------------------------------------------------------------------

// Both the keys with the PPK and those without are kept: the responder chooses.
void Engine::State::take_our_mixed(Call& call, IkeSa& sa, PpkMixAnswer mixed) {
    sa.setup->mixed = std::make_unique<PpkMixAnswer>(std::move(mixed));
    ask_our_auth(call, sa);
}

void Engine::State::add_ppk(Chain& chain, const IkeSa& sa, const Connection& connection) {
    if (sa.setup->mixed == nullptr) return;
    chain.notify(ppk_identity(as_bytes(connection.ppk_identity)));
    if (!sa.setup->no_ppk_auth.empty()) chain.notify(notify_of(NotifyType::kNoPpkAuth, sa.setup->no_ppk_auth.reveal()));
}

// Whether the responder uses the key that we named. Nothing: it must, and does not.
std::optional<bool> Engine::State::responder_uses_ppk(const IkeSa& sa, const Payloads& payloads,
                                                      const Connection& connection) {
    const bool uses = sa.setup->mixed != nullptr && payloads.notify(NotifyType::kPpkIdentity) != nullptr;
    if (!uses && connection.ppk_required) return std::nullopt;
    return uses;
}

}  // namespace warren::ike
