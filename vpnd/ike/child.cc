// Children that the peer asks for: with IKE_AUTH, and by CREATE_CHILD_SA, new or in the place of another (RFC 7296
// §1.3.1, §1.3.3, §2.8, §2.9).
#include <algorithm>
#include <utility>

#include "vpnd/ike/engine_state.h"

namespace warren::ike {

namespace {

SelectorList list_of(const TsPayload& payload) {
    SelectorList out;
    for (const TrafficSelector& selector : payload.selectors) out.push_back(selector);
    return out;
}

// The first pair is what the peer needs most (RFC 7296 §2.9).
bool has_first_pair(const ChildSelectors& selectors, const SelectorList& local, const SelectorList& remote) {
    return !local.empty() && !remote.empty() && covers(selectors.local, {local.data(), 1}) &&
           covers(selectors.remote, {remote.data(), 1});
}

DropReason reason_of(NotifyType notify) {
    switch (notify) {
        case NotifyType::kTsUnacceptable: return DropReason::kIkeTsUnacceptable;
        case NotifyType::kNoAdditionalSas: return DropReason::kIkeChildrenFull;
        case NotifyType::kInvalidKePayload: return DropReason::kIkeInvalidKe;
        case NotifyType::kChildSaNotFound: return DropReason::kIkeChildNotFound;
        case NotifyType::kTemporaryFailure: return DropReason::kIkeTemporaryFailure;
        default: return DropReason::kIkeNoProposal;
    }
}

}  // namespace

OrNotify<ChildPlan> Engine::State::plan_child(Call& call, IkeSa& sa, const Connection& connection,
                                              const Payloads& payloads, Pfs pfs, const ChildSa* rekeyed) {
    const SaPayload& offer = *payloads.find<SaPayload>();
    const SelectorList remote = list_of(*payloads.find<TsiPayload>());
    const SelectorList local = list_of(*payloads.find<TsrPayload>());
    const auto refuse = [&](NotifyType notify, std::string offered, std::string accepted) {
        Attempt attempt;
        attempt.offered = std::move(offered);
        attempt.accepted = std::move(accepted);
        note_attempt(call, sa, reason_of(notify), {}, std::move(attempt));
        return tl::unexpected(notify);
    };
    // ESP without UDP is not ours to take.
    if (sa.local_port != settings.nat_port) {
        count(DropReason::kIkeNoEncapsulation);
        return refuse(NotifyType::kNoProposalChosen, "ESP without UDP", "ESP in UDP");
    }

    ChildPlan plan;
    for (const ChildConfig& child : connection.children) {
        if (rekeyed != nullptr && child.name != rekeyed->name) continue;
        ChildSelectors narrowed = narrow(allowed(sa, connection, child), local, remote);
        if (narrowed.is_empty()) continue;
        const bool is_best = has_first_pair(narrowed, local, remote);
        if (plan.config != nullptr && !is_best) continue;
        plan.config = &child;
        plan.selectors = std::move(narrowed);
        if (is_best) break;
    }
    // One that takes another's place is no narrower (RFC 7296 §2.9.2, conformance KS3).
    const bool is_narrower = plan.config != nullptr && rekeyed != nullptr &&
                             !(covers(plan.selectors.local, rekeyed->selectors.local) &&
                               covers(plan.selectors.remote, rekeyed->selectors.remote));
    if (plan.config == nullptr || is_narrower) {
        std::string ours;
        for (const ChildConfig& child : connection.children) {
            const ChildSelectors both = allowed(sa, connection, child);
            ours += (ours.empty() ? "" : "; ") + to_string(both.local) + " with " + to_string(both.remote);
        }
        return refuse(NotifyType::kTsUnacceptable, to_string(local) + " with " + to_string(remote), std::move(ours));
    }

    const auto live = std::count_if(sa.children.begin(), sa.children.end(),
                                    [](const ChildSa& child) { return !child.replaced_by.valid(); });
    const bool is_full = (rekeyed == nullptr && static_cast<std::size_t>(live) >= kMostChildren) ||
                         sa.children.size() >= kMostChildrenWithReplaced;
    const auto flow = rekeyed != nullptr ? std::optional(rekeyed->flow)
                                         : flow_for(sa, plan.config->peer_of(sa.session), plan.selectors);
    if (is_full || !flow) return tl::unexpected(NotifyType::kNoAdditionalSas);
    plan.flow = *flow;

    auto choice = choose_child(offer, connection.child, pfs, payloads.find<KePayload>() != nullptr);
    if (!choice) return refuse(NotifyType::kNoProposalChosen, text_of(offer), text_of(connection.child));
    plan.choice = std::move(*choice);
    return plan;
}

// When the child fails, the IKE_SA stays (RFC 7296 §1.2, conformance KA12).
void Engine::State::answer_first_child(Call& call, IkeSa& sa, const Connection& connection, const Incoming& in,
                                       Chain& chain) {
    if (const auto refusal = configure(call, sa, connection, in.payloads, chain)) {
        count(DropReason::kIkePoolEmpty);
        note_attempt(call, sa, DropReason::kIkePoolEmpty, name_of(*refusal));
        chain.notify(notify_of(*refusal));
        sa.ends_at = call.instant() + kChildlessLife;
        return;
    }
    const auto plan = plan_child(call, sa, connection, in.payloads, Pfs::kNone, nullptr);
    if (!plan) {
        count(reason_of(plan.error()));
        chain.notify(notify_of(plan.error()));
        sa.ends_at = call.instant() + kChildlessLife;
        return;
    }
    NewChild child;
    child.ours = new_child_spi(sa, *plan->config);
    child.theirs = plan->choice.spi;
    child.config = plan->config;
    child.suite = plan->choice.suite;
    child.selectors = plan->selectors;
    child.flow = plan->flow;
    child.send_when = dataplane::SendWhen::kNow;
    child.nonces = {sa.setup->peer_nonce, sa.setup->our_nonce};
    const Proposal answer = plan->choice.answer(child.ours.value);
    chain.sa({&answer, 1});
    chain.ts(PayloadType::kTsi, plan->selectors.remote);
    chain.ts(PayloadType::kTsr, plan->selectors.local);
    install(call, sa, std::move(child));
}

std::optional<Question> Engine::State::answer_child(Call& call, IkeSa& sa, const Incoming& in) {
    const auto refuse = [&](const Notify& notify) {
        count(reason_of(notify.type));
        respond(call, sa, in, notify);
        return std::nullopt;
    };
    const Connection* const connection = directory.find(sa.connection);
    if (connection == nullptr) return refuse(notify_of(NotifyType::kTemporaryFailure));

    PeerAsks asks = PeerAsks::kCreateChild;
    ChildSa* rekeyed = nullptr;
    if (const NotifyPayload* const notify = in.payloads.notify(NotifyType::kRekeySa)) {
        const auto spi = esp_spi_of(*notify);
        if (spi) rekeyed = sa.find_theirs(*spi);
        if (rekeyed == nullptr) {
            Notify answer = notify_of(NotifyType::kChildSaNotFound);
            if (spi) answer = child_sa_not_found(*spi);
            return refuse(answer);
        }
        const bool is_same = sa.request != nullptr && sa.request->child == rekeyed->ours;
        asks = is_same ? PeerAsks::kRekeySameChild : PeerAsks::kRekeyOtherChild;
    }
    const Collision collision = collision_of(sa.task(), asks);
    // A second rekey of one child before the first has ended.
    const bool is_again = rekeyed != nullptr && rekeyed->replaced_by.valid();
    if (collision == Collision::kRefuseForNow || is_again) return refuse(notify_of(NotifyType::kTemporaryFailure));
    return answer_child_with(call, sa, in, *connection, rekeyed);
}

std::optional<Question> Engine::State::answer_child_with(Call& call, IkeSa& sa, const Incoming& in,
                                                         const Connection& connection, ChildSa* rekeyed) {
    const auto refuse = [&](const Notify& notify) {
        count(reason_of(notify.type));
        respond(call, sa, in, notify);
        return std::nullopt;
    };
    const auto plan = plan_child(call, sa, connection, in.payloads, connection.pfs, rekeyed);
    if (!plan) return refuse(notify_of(plan.error()));
    const Algorithm* const group = plan->choice.suite.key_exchange;
    const auto* const ke = in.payloads.find<KePayload>();
    const Bytes peer_nonce = in.payloads.find<NoncePayload>()->nonce;
    if (peer_nonce.size() < sa.suite.least_nonce()) {
        count(DropReason::kIkeInvalidSyntax);
        respond(call, sa, in, notify_of(NotifyType::kInvalidSyntax));
        close(call, sa, control::LostBecause::kDeleted);
        return std::nullopt;
    }
    KeyExchangeAnswer* exchange = nullptr;
    if (group != nullptr) {
        const auto wanted = static_cast<KeyExchangeId>(group->id);
        if (ke == nullptr || ke->method != wanted) return refuse(invalid_ke_payload(wanted));
        const bool is_sound = ke->public_value.size() == crypto::public_value_size(group->method);
        if (is_sound && in.answer == nullptr) {
            if (!may_ask(sa)) return std::nullopt;
            return KeyExchangeAsk{
                .method = group->method, .key = {}, .peer_value = {ke->public_value.begin(), ke->public_value.end()}};
        }
        exchange = in.answer == nullptr ? nullptr : std::get_if<KeyExchangeAnswer>(in.answer);
        if (exchange == nullptr || exchange->secret.empty() || exchange->key.method() != group->method) {
            count(DropReason::kIkeKeyExchangeFailed);
            respond(call, sa, in, notify_of(NotifyType::kInvalidSyntax));
            close(call, sa, control::LostBecause::kDeleted);
            return std::nullopt;
        }
    }

    std::array<std::uint8_t, 32> our_nonce{};
    random.fill(our_nonce);
    NewChild child;
    child.ours = new_child_spi(sa, *plan->config);
    child.theirs = plan->choice.spi;
    child.config = plan->config;
    child.suite = plan->choice.suite;
    child.selectors = plan->selectors;
    child.flow = plan->flow;
    // What the peer does not know of yet is not sent on while there is something else (RFC 7296 §2.8).
    const bool waits = is_flow_sent_on(sa, plan->config->peer_of(sa.session), plan->flow);
    child.send_when = waits ? dataplane::SendWhen::kAfterFirstReceived : dataplane::SendWhen::kNow;
    child.secret = exchange == nullptr ? nullptr : &exchange->secret;
    child.nonces = {peer_nonce, our_nonce};

    Chain chain;
    const Proposal answer = plan->choice.answer(child.ours.value);
    chain.sa({&answer, 1});
    chain.nonce(our_nonce);
    if (exchange != nullptr) chain.ke(static_cast<KeyExchangeId>(group->id), exchange->key.public_value());
    chain.ts(PayloadType::kTsi, plan->selectors.remote);
    chain.ts(PayloadType::kTsr, plan->selectors.local);
    const SessionId old = rekeyed == nullptr ? SessionId{} : rekeyed->ours;
    ChildSa& made = install(call, sa, std::move(child));
    made.nonce = lowest_nonce(peer_nonce, our_nonce);
    if (waits) made.confirm_at = call.instant() + kSendOnOldAtMost;
    if (old.valid()) {
        // The peer deletes it. If it does not, we do.
        const SessionId successor = made.ours;
        ChildSa& replaced = *sa.find_ours(old);
        replaced.replaced_by = successor;
        replaced.rekey_at = kNever;
        replaced.delete_at = call.instant() + kReplacedLife;
    }
    sa.ends_at = kNever;
    respond(call, sa, in, chain);
    return std::nullopt;
}

}  // namespace warren::ike
