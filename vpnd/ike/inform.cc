// INFORMATIONAL (RFC 7296 §1.4): deletions, and whether the peer is there.
#include <algorithm>
#include <utility>

#include "vpnd/ike/engine_state.h"

namespace warren::ike {

void Engine::State::answer_informational(Call& call, IkeSa& sa, const Incoming& in) {
    bool ends = in.payloads.notify(NotifyType::kAuthenticationFailed) != nullptr;  // RFC 7296 §2.21.2
    if (ends) {
        count(DropReason::kIkePeerRefused);
        note_attempt(call, sa, DropReason::kIkePeerRefused, name_of(NotifyType::kAuthenticationFailed));
    }
    std::vector<std::uint32_t> ours;
    bool is_child_gone = false;
    for (const Payload& payload : in.payloads) {
        const auto* const deletion = std::get_if<DeletePayload>(&payload);
        if (deletion == nullptr) continue;
        if (deletion->protocol == ProtocolId::kIke) ends = true;
        if (deletion->protocol != ProtocolId::kEsp) continue;
        for (std::size_t at = 0; at < deletion->count(); ++at) {
            const ChildSa* const child = sa.find_theirs(deletion->esp_spi(at));
            if (child == nullptr) {
                count(DropReason::kIkeChildNotFound);
                continue;
            }
            const SessionId id = child->ours;
            const bool is_same = sa.request != nullptr && sa.request->child == id;
            const PeerAsks asks = is_same ? PeerAsks::kDeleteSameChild : PeerAsks::kDeleteOtherChild;
            if (collision_of(sa.task(), asks) != Collision::kAnswerEmpty) ours.push_back(id.value);
            is_child_gone = true;
            // Both rekey it, and the answer to ours is still to come.
            if (is_same && child->replaced_by.valid()) sa.request->rival = child->replaced_by;
            retire(call, sa, id, control::LostBecause::kDeleted);
        }
    }
    Chain chain;
    if (!ours.empty() && !ends) chain.delete_esp(ours);
    if (!ends) answer_mobike(call, sa, in, chain);
    respond(call, sa, in, chain);
    if (ends) return close(call, sa, control::LostBecause::kDeleted);
    if (!sa.is_established() || !is_child_gone) return;
    want_missing_children(call, sa, kTemporaryLeast);
    if (sa.children.empty()) sa.ends_at = call.instant() + kChildlessLife;
}

void Engine::State::take_informational(Call& call, IkeSa& sa, const Incoming& in) {
    const std::unique_ptr<Request> request = take_request(sa);
    if (request->task == Task::kDeleteIke) return remove_sa(call, sa, control::LostBecause::kStopped);
    if (request->task == Task::kTestPath) return take_path_test(call, sa, *request, in.payloads);
    if (request->task != Task::kDeleteChild) return;
    retire(call, sa, request->child, control::LostBecause::kStopped);
    if (sa.children.empty() && sa.is_established() && sa.ends_at == kNever)
        sa.ends_at = call.instant() + kChildlessLife;
}

void Engine::State::send_delete_child(Call& call, IkeSa& sa) {
    const std::uint32_t spi = sa.request->child.value;
    sa.request->is_sent = true;
    send_request(call, sa, ExchangeType::kInformational, Chain().delete_esp({&spi, 1}));
}

void Engine::State::send_delete_ike(Call& call, IkeSa& sa) {
    sa.state = IkeState::kDeleting;
    sa.wishes.clear();
    sa.rekey_at = sa.expires_at = sa.ends_at = kNever;
    while (!sa.children.empty()) retire(call, sa, sa.children.back().ours, control::LostBecause::kStopped);
    sa.request->is_sent = true;
    send_request(call, sa, ExchangeType::kInformational, Chain().delete_ike());
}

void Engine::State::close(Call& call, IkeSa& sa, control::LostBecause because) {
    // The peer takes back an IKE_SA that it made while ours of the same old one is still under way: that will have the
    // children (RFC 7296 §2.8.2).
    if (ConnectionEntry* const entry = entry_of(sa.connection)) {
        for (const std::uint32_t slot : entry->slots_of(sa.session)) {
            IkeSa& old = *at(slot);
            if (old.replaced_by != sa.our_spi() || old.task() != Task::kRekeyIke) continue;
            move_children(sa, old);
            old.state = IkeState::kEstablished;
            old.replaced_by = 0;
            old.expires_at = call.instant() + kReplacedLife;
            break;
        }
    }
    while (!sa.children.empty()) retire(call, sa, sa.children.back().ours, because);
    drop_request(sa);
    close_ask(sa);
    sa.held.reset();
    sa.response_waiting.reset();
    sa.wishes.clear();
    if (sa.setup != nullptr && !sa.is_initiator) by_init.erase(load_le<std::uint64_t>(sa.setup->init_key.data()));
    sa.setup.reset();
    // As every attempt that failed, until its answer is forgotten (conformance KD3).
    if (sa.eap != nullptr) half_open.add(sa.slot, sa.prefix, false);
    end_eap(sa);
    sa.sk_d.clear();  // no key is made of it any more; the others prove repetitions
    sa.state = IkeState::kClosed;
    sa.rekey_at = sa.expires_at = sa.probe_at = kNever;
    sa.ends_at = call.instant() + kClosedLife;
    touch(sa);
    ConnectionEntry* const entry = entry_of(sa.connection);
    if (entry == nullptr) return;
    leave(call, *entry, sa);
    sa.connection = {};
    entry->closed.push_back(sa.our_spi());
    if (entry->closed.size() > kMostClosed) {
        const auto oldest = by_spi.find(entry->closed.front());
        entry->closed.erase(entry->closed.begin());
        if (oldest != by_spi.end()) remove_sa(call, *at(oldest->second), control::LostBecause::kDeleted);
    }
    want_connection(call, *entry, kTemporaryLeast);
}

}  // namespace warren::ike
