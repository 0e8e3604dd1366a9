#include "vpnd/listeners/ike/authd_channel.h"

#include <sys/epoll.h>

#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "base/check.h"
#include "base/log.h"
#include "crypto/secret.h"
#include "vpnd/ike/limits.h"

namespace warren::vpnd {

static_assert(AuthdChannel::kMostWaiting >= ike::kMostOpenAsks);

namespace {

crypto::PrfKey key_of(const crypto::SecretBuffer& bytes) {
    return crypto::PrfKey(bytes.reveal());  // ipc::check(AuthReply) bounds it
}

// --- an ask in the words of the messages ---------------------------------------------------------

ipc::AuthQuestion to_wire(ike::KeyExchangeAsk& /*ask*/) {
    WARREN_CHECK(!"a key exchange for authd");
    return {};
}
ipc::AuthQuestion to_wire(ike::PskMacAsk& ask) {
    return ipc::PskMacAsk{ask.psk, ask.prf, std::move(ask.peer_octets), std::move(ask.our_octets)};
}
ipc::AuthQuestion to_wire(ike::SignAsk& ask) {
    return ipc::SignAsk{ask.signer, std::move(ask.hashes), std::move(ask.octets)};
}
ipc::AuthQuestion to_wire(ike::VerifyPeerAsk& ask) {
    return ipc::VerifyPeerAsk{
        std::move(ask.trusts), static_cast<std::uint8_t>(ask.identity.type), std::move(ask.identity.value),
        std::move(ask.chain),  static_cast<std::uint8_t>(ask.method),        std::move(ask.data),
        std::move(ask.octets)};
}
ipc::AuthQuestion to_wire(ike::EapStepAsk& ask) {
    return ipc::EapStepAsk{ask.users, ask.trust, ask.signer, ask.conversation, ask.source, std::move(ask.message)};
}

ipc::AuthQuestion to_wire(ike::PpkMixAsk& ask) {
    return ipc::PpkMixAsk{ask.ppk, ask.prf, crypto::SecretBuffer(ask.sk_d.reveal()),
                          crypto::SecretBuffer(ask.sk_pi.reveal()), crypto::SecretBuffer(ask.sk_pr.reveal())};
}

ipc::AuthQuestion to_wire(ike::UserAsk& ask) {
    return ipc::UserAsk{ask.users, std::move(ask.name)};
}

// --- and its answer in those of the engine -------------------------------------------------------

ike::Answer from_wire(ipc::AskFailed& /*reply*/) {
    return ike::AskFailed{};
}
ike::Answer from_wire(ipc::PskMacAnswer& reply) {
    return ike::PskMacAnswer{key_of(reply.peer_mac), key_of(reply.our_mac)};
}
ike::Answer from_wire(ipc::SignAnswer& reply) {
    return ike::SignAnswer{static_cast<ike::AuthMethod>(reply.method), std::move(reply.data), std::move(reply.chain)};
}
ike::Answer from_wire(ipc::VerifyPeerAnswer& reply) {
    return ike::VerifyPeerAnswer{reply.verdict, reply.trust, reply.not_after};
}
ike::Answer from_wire(ipc::EapStepAnswer& reply) {
    return ike::EapStepAnswer{reply.outcome,          std::move(reply.message),  static_cast<eap::Type>(reply.type),
                              key_of(reply.msk),      std::move(reply.identity), reply.reason,
                              std::move(reply.detail)};
}

ike::Answer from_wire(ipc::PpkMixAnswer& reply) {
    return ike::PpkMixAnswer{key_of(reply.sk_d), key_of(reply.sk_pi), key_of(reply.sk_pr)};
}

ike::Answer from_wire(ipc::UserAnswer& reply) {
    return ike::UserAnswer{reply.is_known};
}

}  // namespace

void AuthdChannel::attach(ipc::Channel channel) {
    drop_all();
    Status attached = channel.set_non_blocking();
    if (attached) attached = readiness_.add(channel.fd(), token_, EPOLLIN);
    if (!attached) {
        log(LogLevel::kError, "authd_not_connected", {{"reason", attached.error().what}});
        return;
    }
    channel_ = std::move(channel);
    space_.resize(ipc::kMaxMessageSize);
    log(LogLevel::kInfo, "authd_connected");
}

void AuthdChannel::post(Instant now, ike::AskId id, ike::Question question, bool may_wait) {
    drop_late(now);
    if (!channel_.valid() || urgent_.size() + waiting_.size() >= kMostWaiting) {
        answered_.push_back({id, ike::AskFailed{}});
        return;
    }
    ipc::AuthQuestion content = std::visit([](auto& ask) { return to_wire(ask); }, question);
    (may_wait ? waiting_ : urgent_).push_back({id, std::move(content), now + ike::kAskLife});
}

std::vector<AuthdChannel::Answered> AuthdChannel::take(Instant now) {
    drop_late(now);
    receive();
    send();
    return std::exchange(answered_, {});
}

void AuthdChannel::forget_all() {
    urgent_.clear();
    waiting_.clear();
    for (auto& [number, id] : asked_) id = 0;  // authd still answers them
    answered_.clear();
}

// Of those that authd has, the engine forgets the answer.
void AuthdChannel::drop_late(Instant now) {
    for (std::deque<Waiting>* const queue : {&urgent_, &waiting_}) {
        while (!queue->empty() && queue->front().until <= now) queue->pop_front();
    }
}

void AuthdChannel::receive() {
    while (channel_.valid()) {
        auto received = channel_.receive(space_);
        if (!received && received.error().code == ErrorCode::kUnavailable) return;
        if (!received) return detach(received.error().what);
        if (received->closed) return detach("authd is gone");
        const MutableBytes wire = MutableBytes(space_).first(received->size);
        auto message = ipc::decode_auth(wire);
        crypto::wipe(wire);
        if (!message) return detach(message.error().what);
        auto* const answer = std::get_if<ipc::AuthAnswer>(&*message);
        const auto asked = answer == nullptr ? asked_.end() : asked_.find(answer->id);
        if (asked == asked_.end()) return detach("it answered what nobody asked");
        if (asked->second != 0)
            answered_.push_back({asked->second, std::visit([](auto& one) { return from_wire(one); }, answer->reply)});
        asked_.erase(asked);
    }
}

void AuthdChannel::send() {
    const auto has_some = [this] { return !wire_.empty() || !urgent_.empty() || !waiting_.empty(); };
    while (channel_.valid() && has_some()) {
        if (wire_.empty() && asked_.size() >= kMostAsked) break;
        if (!send_one()) break;
    }
    if (channel_.valid())
        readiness_.change(channel_.fd(), token_,
                          std::uint32_t{EPOLLIN} | (wire_.empty() ? 0 : std::uint32_t{EPOLLOUT}));
}

// False: authd does not take it now, or is gone.
bool AuthdChannel::send_one() {
    if (wire_.empty()) {
        std::deque<Waiting>& queue = urgent_.empty() ? waiting_ : urgent_;
        Waiting next = std::move(queue.front());
        queue.pop_front();
        ipc::AuthAsk ask{++last_number_, std::move(next.question)};
        // More than a message carries: a peer's own fault.
        if (!ipc::check(ask.question) || !ipc::encode(ipc::AuthMessage(std::move(ask)), wire_)) {
            wire_.clear();
            answered_.push_back({next.id, ike::AskFailed{}});
            return true;
        }
        asked_[last_number_] = next.id;
    }
    const Status sent = channel_.send(wire_);
    if (!sent && sent.error().code == ErrorCode::kUnavailable) return false;
    wire_.clear();
    if (!sent) detach(sent.error().what);
    return sent.has_value();
}

void AuthdChannel::detach(std::string_view reason) {
    drop_all();
    log(LogLevel::kWarn, "authd_disconnected",
        {{"reason", std::string(reason)}, {"meaning", "tunnels go on; new ones of IPsec wait for the next authd"}});
}

// What authd was asked is as good as lost.
void AuthdChannel::drop_all() {
    if (!channel_.valid()) return;
    readiness_.remove(channel_.fd());
    channel_ = ipc::Channel();
    wire_.clear();
    for (const auto& [number, id] : asked_) {
        if (id != 0) answered_.push_back({id, ike::AskFailed{}});
    }
    asked_.clear();
    for (std::deque<Waiting>* const queue : {&urgent_, &waiting_}) {
        for (const Waiting& one : *queue) answered_.push_back({one.id, ike::AskFailed{}});
        queue->clear();
    }
}

}  // namespace warren::vpnd
