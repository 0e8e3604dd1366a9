// The rekey of an IKE_SA (RFC 7296 §1.3.2, §2.18, §2.8.2): its children move to the new one.
#include <algorithm>
#include <utility>

#include "vpnd/ike/engine_state.h"

namespace warren::ike {

IkeSa& Engine::State::make_successor(Call& call, const IkeSa& old, bool we_asked, const IkeSpis& spis,
                                     const IkeSuite& suite, const crypto::SharedSecret& secret, const Nonces& nonces) {
    const Connection& connection = *directory.find(old.connection);
    IkeSa& sa = add_sa();
    sa.state = IkeState::kEstablished;
    sa.is_initiator = we_asked;
    sa.spis = spis;
    name(sa, sa.our_spi());
    sa.connection = old.connection;
    sa.session = old.session;
    sa.customer = old.customer;
    sa.our_identity = old.our_identity;
    sa.peer_identity = old.peer_identity;
    sa.suite = suite;
    sa.nonce = lowest_nonce(nonces.initiator, nonces.responder);
    sa.remote = old.remote;
    sa.local = old.local;
    sa.local_port = old.local_port;
    sa.prefix = old.prefix;
    sa.peer_is_behind_nat = old.peer_is_behind_nat;
    sa.we_are_behind_nat = old.we_are_behind_nat;
    sa.has_nat_traversal = old.has_nat_traversal;
    sa.takes_fragments = old.takes_fragments;
    sa.has_mobike = old.has_mobike;
    sa.data_at = old.data_at;
    sa.tested = old.tested;
    sa.last_heard = old.last_heard;
    sa.created = call.instant();
    sa.rekey_at = soft_deadline(call.instant(), connection.lifetimes.ike_rekey);
    sa.expires_at = call.instant() + connection.lifetimes.ike_rekey * kHardPercent / 100;
    sa.reauth_at = old.reauth_at;
    sa.proven_until = old.proven_until;
    sa.prove_at = old.prove_at;
    sa.proof = old.proof;
    IkeKeys keys = derive_rekeyed_ike_keys(suite, old.suite.prf_hash(), old.sk_d, secret, nonces, spis);
    sa.sealer.emplace(std::move(we_asked ? keys.sk_i : keys.sk_r));
    sa.receive_key = std::move(we_asked ? keys.sk_r : keys.sk_i);
    sa.sk_d = std::move(keys.sk_d);
    ConnectionEntry& entry = *entry_of(old.connection);
    join(entry, sa);
    ++entry.rekeys;
    note_changed(call, entry);
    return sa;
}

// And what was wished for them.
void Engine::State::move_children(IkeSa& from, IkeSa& to) {
    std::move(from.children.begin(), from.children.end(), std::back_inserter(to.children));
    from.children.clear();
    for (Wish& wish : from.wishes) {
        if (wish.task != Task::kRekeyIke && wish.task != Task::kDeleteIke && wish.task != Task::kProbe)
            want(to, std::move(wish));
    }
    from.wishes.clear();
    to.ends_at = kNever;
    if (to.children.empty()) to.ends_at = from.ends_at;
    touch(from);
    touch(to);
}

std::optional<Question> Engine::State::answer_ike_rekey(Call& call, IkeSa& sa, const Incoming& in) {
    const auto refuse = [&](DropReason reason, const Notify& notify) {
        count(reason);
        respond(call, sa, in, notify);
        return std::nullopt;
    };
    const Connection* const connection = directory.find(sa.connection);
    const Collision collision = collision_of(sa.task(), PeerAsks::kRekeyIke);
    if (connection == nullptr || collision == Collision::kRefuseForNow ||
        !is_room_for_sa(*entry_of(connection->index), *connection))
        return refuse(DropReason::kIkeTemporaryFailure, notify_of(NotifyType::kTemporaryFailure));
    const SaPayload& offer = *in.payloads.find<SaPayload>();
    const KePayload& ke = *in.payloads.find<KePayload>();
    const auto choice = choose_ike(offer, connection->ike, true);
    if (!choice || choice->spi == 0)
        return refuse(DropReason::kIkeNoProposal, notify_of(NotifyType::kNoProposalChosen));
    const Algorithm& group = *choice->suite.key_exchange;
    const auto wanted = static_cast<KeyExchangeId>(group.id);
    if (ke.method != wanted) return refuse(DropReason::kIkeInvalidKe, invalid_ke_payload(wanted));
    const Bytes peer_nonce = in.payloads.find<NoncePayload>()->nonce;
    const bool is_sound = ke.public_value.size() == crypto::public_value_size(group.method) &&
                          peer_nonce.size() >= choice->suite.least_nonce();
    if (is_sound && in.answer == nullptr) {
        if (!may_ask(sa)) return std::nullopt;
        return KeyExchangeAsk{
            .method = group.method, .key = {}, .peer_value = {ke.public_value.begin(), ke.public_value.end()}};
    }
    auto* const exchange = in.answer == nullptr ? nullptr : std::get_if<KeyExchangeAnswer>(in.answer);
    if (exchange == nullptr || exchange->secret.empty() || exchange->key.method() != group.method) {
        count(DropReason::kIkeKeyExchangeFailed);
        respond(call, sa, in, notify_of(NotifyType::kInvalidSyntax));
        close(call, sa, control::LostBecause::kDeleted);
        return std::nullopt;
    }

    std::array<std::uint8_t, 32> our_nonce{};
    random.fill(our_nonce);
    const IkeSpis spis{choice->spi, new_spi()};
    IkeSa& successor = make_successor(call, sa, false, spis, choice->suite, exchange->secret, {peer_nonce, our_nonce});
    Chain chain;
    const Proposal answer = choice->answer(spis.responder);
    chain.sa({&answer, 1});
    chain.nonce(our_nonce);
    chain.ke(wanted, exchange->key.public_value());
    respond(call, sa, in, chain);
    move_children(sa, successor);
    sa.state = IkeState::kRekeyed;
    sa.replaced_by = successor.our_spi();
    sa.rekey_at = sa.expires_at = kNever;
    sa.ends_at = call.instant() + kReplacedLife;  // the peer deletes it
    return std::nullopt;
}

std::optional<Question> Engine::State::take_ike_rekey(Call& call, IkeSa& sa, const Incoming& in) {
    const auto choice = accept_ike(*in.payloads.find<SaPayload>(), sa.request->offered);
    const auto* const ke = in.payloads.find<KePayload>();
    const Bytes peer_nonce = in.payloads.find<NoncePayload>()->nonce;
    const Algorithm* const group = choice ? choice->suite.key_exchange : nullptr;
    bool is_sound = group != nullptr && group == sa.request->group && choice->spi != 0 && ke != nullptr &&
                    ke->method == static_cast<KeyExchangeId>(group->id) &&
                    ke->public_value.size() == crypto::public_value_size(group->method) &&
                    peer_nonce.size() >= choice->suite.least_nonce();
    if (is_sound && in.answer == nullptr) {
        if (!may_ask(sa)) return std::nullopt;
        return KeyExchangeAsk{.method = group->method,
                              .key = std::move(sa.request->key),
                              .peer_value = {ke->public_value.begin(), ke->public_value.end()}};
    }
    auto* const exchange = in.answer == nullptr ? nullptr : std::get_if<KeyExchangeAnswer>(in.answer);
    is_sound = is_sound && exchange != nullptr && !exchange->secret.empty();
    const std::unique_ptr<Request> request = take_request(sa);
    if (!is_sound || directory.find(sa.connection) == nullptr) {
        // The peer has an IKE_SA that we cannot use.
        count(DropReason::kIkeInvalidSyntax);
        end_sa(call, sa, control::LostBecause::kExpired);
        return std::nullopt;
    }
    const IkeSpis spis{request->new_spi, choice->spi};
    IkeSa& ours = make_successor(call, sa, true, spis, choice->suite, exchange->secret, {request->nonce, peer_nonce});
    const auto found = by_spi.find(sa.replaced_by);
    IkeSa* const theirs = sa.replaced_by == 0 || found == by_spi.end() ? nullptr : at(found->second);
    if (theirs != nullptr && ours.nonce < theirs->nonce) {
        // Both were made, and ours is the one too many: we delete it, and the peer the old one.
        want(ours, {.task = Task::kDeleteIke});
        return std::nullopt;
    }
    if (theirs != nullptr) {
        move_children(*theirs, ours);
        theirs->state = IkeState::kRekeyed;
        theirs->rekey_at = theirs->expires_at = kNever;
        theirs->ends_at = call.instant() + kReplacedLife;
    }
    move_children(sa, ours);
    sa.state = IkeState::kRekeyed;
    sa.rekey_at = sa.expires_at = kNever;
    sa.ends_at = call.instant() + kReplacedLife;
    want(sa, {.task = Task::kDeleteIke});
    return std::nullopt;
}

}  // namespace warren::ike
