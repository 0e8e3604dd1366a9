// Asks: how many are open, whose they are, and what goes on with their answers.
#include <utility>

#include "vpnd/ike/engine_state.h"

namespace warren::ike {

std::vector<Ask> Engine::take_asks() {
    return std::exchange(state_->outbox, {});
}

void Engine::handle_answer(Now now, AskId id, Answer answer, control::Output& out) {
    Call call{now, out};
    state_->handle_answer(call, id, std::move(answer));
    state_->finish(call);
}

AskId Engine::State::open_ask(OpenAsk ask, Question question) {
    const AskId id = ++last_ask;
    if (ask.prefix) ++asks_of_prefix[*ask.prefix];
    if (ask.customer.valid()) ++asks_of_customer[ask.customer];
    if (ask.is_strangers) ++asks_of_strangers;
    open_asks[id] = ask;
    outbox.push_back({id, std::move(question), ask.is_strangers || ask.slot == UINT32_MAX});
    return id;
}

// Strangers leave room to those who are or were here, in all and of the customer that they name.
bool Engine::State::is_room_for_ask(const IkeSa& sa) const {
    const auto prefix = asks_of_prefix.find(sa.prefix);
    const auto customer = asks_of_customer.find(sa.customer);
    const std::size_t most_of_customer = sa.is_stranger() ? kMostOpenAsksOfCustomersStrangers : kMostOpenAsksOfCustomer;
    return open_asks.size() < kMostOpenAsks && (!sa.is_stranger() || asks_of_strangers < kMostOpenAsksOfStrangers) &&
           (prefix == asks_of_prefix.end() || prefix->second < kMostOpenAsksOfPrefix) &&
           (customer == asks_of_customer.end() || customer->second < most_of_customer);
}

bool Engine::State::may_ask(const IkeSa& sa) {
    const bool is_room = is_room_for_ask(sa);
    if (!is_room) count(DropReason::kIkeAsksFull);
    return is_room;
}

void Engine::State::ask(Call& call, IkeSa& sa, AskFor what_for, Question question) {
    sa.ask = open_ask({sa.slot, sa.prefix, sa.customer, sa.is_stranger()}, std::move(question));
    sa.ask_for = what_for;
    sa.ask_until = call.instant() + kAskLife;
    touch(sa);
}

void Engine::State::close_ask(IkeSa& sa) {
    sa.ask_until = kNever;
    sa.ask_for = AskFor::kNothing;
    const auto found = open_asks.find(std::exchange(sa.ask, 0));
    if (found == open_asks.end()) return;
    const auto subtract = [](auto& counts, const auto& key) {
        const auto count = counts.find(key);
        if (count != counts.end() && --count->second == 0) counts.erase(count);
    };
    if (found->second.prefix) subtract(asks_of_prefix, *found->second.prefix);
    if (found->second.customer.valid()) subtract(asks_of_customer, found->second.customer);
    if (found->second.is_strangers) --asks_of_strangers;
    open_asks.erase(found);
}

std::optional<crypto::EphemeralKey> Engine::State::take_ephemeral(Instant now, crypto::KeyExchangeMethod method) {
    forget_late_ephemerals(now);
    auto out = ephemerals.take(method);
    // They leave half of the room to those who wait.
    while (open_asks.size() < kMostOpenAsks / 2 && ephemerals.wants(method)) {
        const AskId id = open_ask({}, KeyExchangeAsk{.method = method, .key = {}, .peer_value = {}});
        for_later.push_back({id, method, now + kAskLife});
    }
    return out;
}

void Engine::State::forget_late_ephemerals(Instant now) {
    while (!for_later.empty() && (for_later.front().until <= now || !open_asks.contains(for_later.front().id))) {
        if (open_asks.erase(for_later.front().id) != 0) ephemerals.failed(for_later.front().method);
        for_later.pop_front();
    }
}

void Engine::State::handle_answer(Call& call, AskId id, Answer answer) {
    const auto found = open_asks.find(id);
    if (found == open_asks.end()) return;
    if (found->second.slot == UINT32_MAX) {
        if (auto* const made = std::get_if<KeyExchangeAnswer>(&answer)) {
            open_asks.erase(found);
            ephemerals.put(std::move(made->key));
        }
        return;
    }
    IkeSa* const sa = at(found->second.slot);
    if (sa == nullptr || sa->ask != id) return;  // never: an ask goes with its IKE_SA
    const AskFor what_for = sa->ask_for;
    close_ask(*sa);
    touch(*sa);
    if (std::holds_alternative<AskFailed>(answer)) {
        ask_failed(call, *sa, what_for);
    } else {
        handle_answer(call, *sa, what_for, std::move(answer));
    }
    take_waiting(call, *sa);
}

void Engine::State::take_waiting(Call& call, IkeSa& sa) {
    if (sa.is_gone || sa.ask != 0 || sa.response_waiting == nullptr) return;
    const std::unique_ptr<Held> waiting = std::move(sa.response_waiting);
    process(call, sa, std::move(*waiting), nullptr);
}

void Engine::State::handle_answer(Call& call, IkeSa& sa, AskFor what_for, Answer answer) {
    auto* const exchange = std::get_if<KeyExchangeAnswer>(&answer);
    auto* const macs = std::get_if<PskMacAnswer>(&answer);
    auto* const mixed = std::get_if<PpkMixAnswer>(&answer);
    const auto* const signature = std::get_if<SignAnswer>(&answer);
    switch (what_for) {
        case AskFor::kNothing: return;
        case AskFor::kHeld: {
            if (sa.held == nullptr) return;
            const std::unique_ptr<Held> held = std::move(sa.held);
            return process(call, sa, std::move(*held), &answer);
        }
        case AskFor::kOurPpk:
            if (mixed == nullptr) return ask_failed(call, sa, what_for);
            return take_our_mixed(call, sa, std::move(*mixed));
        case AskFor::kOurAuth:
            if (macs != nullptr) {
                sa.setup->no_ppk_auth = std::move(macs->peer_mac);
                return send_auth(call, sa, AuthMethod::kSharedKeyMic, macs->our_mac.reveal(), {});
            }
            if (signature == nullptr) return ask_failed(call, sa, what_for);
            if (signature->data.empty()) return fail_attempt(call, sa, DropReason::kIkeNoSignature, {});
            return send_auth(call, sa, signature->method, signature->data, signature->chain);
        case AskFor::kInitKey:
            if (exchange == nullptr) return ask_failed(call, sa, what_for);
            sa.setup->key = std::move(exchange->key);
            return sa.is_initiator ? send_init_request(call, sa, !sa.window.is_waiting())
                                   : send_init_response(call, sa);
        case AskFor::kRequestKey:
            if (exchange == nullptr || sa.request == nullptr) return ask_failed(call, sa, what_for);
            sa.request->key = std::move(exchange->key);
            return send_create(call, sa);
        case AskFor::kProof: return take_proof(call, sa, answer);
        case AskFor::kInitSecret: break;
    }
    if (exchange == nullptr || exchange->secret.empty()) {
        count(DropReason::kIkeKeyExchangeFailed);
        if (sa.is_initiator) return fail_attempt(call, sa, DropReason::kIkeKeyExchangeFailed, {});
        return remove_sa(call, sa, control::LostBecause::kSilent);
    }
    derive_keys(sa, exchange->secret);
    if (sa.is_initiator) return ask_our_auth(call, sa);
    const std::vector<Waiting> waiting = std::exchange(sa.setup->waiting, {});
    sa.setup->waiting_bytes = 0;
    for (const Waiting& one : waiting) {
        const auto header = read_header(one.bytes);
        if (header && !sa.is_gone) handle_protected(call, sa, one.arrival, *header, one.bytes);
    }
}

// As good as a lost message: the peer repeats its request, or we do.
void Engine::State::ask_failed(Call& call, IkeSa& sa, AskFor what_for) {
    count(DropReason::kIkeAskFailed);
    touch(sa);
    switch (what_for) {
        case AskFor::kNothing: return;
        case AskFor::kInitKey:
        case AskFor::kInitSecret:
        case AskFor::kOurPpk:
        case AskFor::kOurAuth:
            // The ephemeral key is gone with it.
            if (sa.is_initiator) return fail_attempt(call, sa, DropReason::kIkeAskFailed, {});
            return remove_sa(call, sa, control::LostBecause::kSilent);
        case AskFor::kRequestKey: {
            if (sa.request == nullptr) return;
            Wish wish = sa.request->again();
            wish.not_before = call.instant() + kAskAgain;
            drop_request(sa);
            return want(sa, std::move(wish));
        }
        case AskFor::kProof: return take_proof(call, sa, AskFailed{});
        case AskFor::kHeld: break;
    }
    const std::unique_ptr<Held> held = std::move(sa.held);
    if (held == nullptr || !held->header.is_response) return;
    // Our request was carried out, and what it made cannot be used.
    if (sa.state == IkeState::kAuthSent) return fail_attempt(call, sa, DropReason::kIkeAskFailed, {});
    const Task task = sa.task();
    const SessionId made = sa.request == nullptr ? SessionId{} : sa.request->new_child;
    Wish wish = sa.request == nullptr ? Wish{} : sa.request->again();
    drop_request(sa);
    if (task == Task::kRekeyIke) return end_sa(call, sa, control::LostBecause::kSilent);
    if (!made.valid()) return;
    delete_refused_child(sa, made);
    wish.not_before = call.instant() + kAskAgain;
    want(sa, std::move(wish));
}

}  // namespace warren::ike
