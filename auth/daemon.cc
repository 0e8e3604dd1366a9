#include "auth/daemon.h"

#include <poll.h>

#include <array>
#include <string>
#include <utility>
#include <variant>

#include "base/clock.h"
#include "base/log.h"
#include "crypto/secret.h"

namespace warren::auth {

namespace {

constexpr int kLogRetry = 200;  // milliseconds; while nobody reads the log

}  // namespace

Daemon::Daemon(ipc::Channel channel, UniqueFd signals, Table table, std::optional<MemoryLock> memory_lock)
    : stackd_(std::move(channel)),
      signals_(std::move(signals)),
      table_(std::move(table)),
      memory_lock_(memory_lock),
      space_(ipc::kMaxMessageSize) {
    wire_.reserve(ipc::kMaxMessageSize);
    answer_.reserve(ipc::kMaxMessageSize);
}

Daemon::~Daemon() {
    crypto::wipe(space_);
    crypto::wipe(wire_);
    crypto::wipe(answer_);
}

void Daemon::run() {
    while (!stopping_ && (stackd_.valid() || asker_.valid())) {
        wait();
        read_stackd();
        serve_vpnd();
        flush_log();
    }
}

void Daemon::wait() {
    asker_ready_ = false;
    const short wanted = answer_.empty() ? POLLIN : POLLOUT;
    std::array<pollfd, 3> waiting{{{signals_.get(), POLLIN, 0}, {stackd_.fd(), POLLIN, 0}, {asker_.fd(), wanted, 0}}};
    if (::poll(waiting.data(), waiting.size(), log_has_waiting() ? kLogRetry : -1) < 0) return;
    stopping_ = stopping_ || waiting[0].revents != 0;
    asker_ready_ = waiting[2].revents != 0;
}

// --- stackd --------------------------------------------------------------------------------------

void Daemon::read_stackd() {
    while (stackd_.valid()) {
        auto received = stackd_.receive(space_);
        if (!received && received.error().code == ErrorCode::kUnavailable) return;
        if (!received) {
            crypto::wipe(space_);  // what was cut off may have held keys
            return close_stackd(received.error().what);
        }
        if (received->closed) return close_stackd("stackd is gone");
        const MutableBytes wire = MutableBytes(space_).first(received->size);
        auto message = ipc::decode_auth_control(wire);
        crypto::wipe(wire);
        if (!message) return close_stackd(message.error().what);
        handle(std::move(*message), std::move(received->descriptors));
    }
}

void Daemon::handle(ipc::AuthControl message, std::vector<UniqueFd> descriptors) {
    if (auto* const put = std::get_if<ipc::PutSecret>(&message)) return intake_.begin(std::move(*put));
    if (auto* const part = std::get_if<ipc::SecretPart>(&message)) return intake_.add(std::move(*part));
    if (std::holds_alternative<ipc::SecretEnd>(message)) return finish_secret();
    if (const auto* const drop = std::get_if<ipc::DropSecret>(&message)) return table_.drop(drop->id);
    if (std::holds_alternative<ipc::AuthAsker>(message)) return take_asker(std::move(descriptors));
    if (const auto* const wanted = std::get_if<ipc::AuthLogLevel>(&message)) return set_log_level(wanted->level);
    if (const auto* const probe = std::get_if<ipc::AuthProbe>(&message))
        return tell_stackd(ipc::AuthAlive{probe->number});
    close_stackd("it sent what only authd sends");
}

void Daemon::finish_secret() {
    auto done = intake_.end();
    Status held;
    if (done) held = table_.put(done->first, std::move(done->second));
    lock_memory();
    if (done && held) return;
    log(LogLevel::kWarn, "secret_not_held",
        {{"reason", done ? held.error().what : done.error().what}, {"risk", "peers that it proves are refused"}});
}

void Daemon::take_asker(std::vector<UniqueFd> descriptors) {
    if (descriptors.size() != 1 || !ipc::Channel::is_channel(descriptors.front().get()))
        return close_stackd("a channel to vpnd is no channel");
    crypto::wipe(answer_);
    answer_.clear();
    asker_ = ipc::Channel(std::move(descriptors.front()));
    asker_ready_ = false;  // what it asks may need what comes after it
    if (const Status set = asker_.set_non_blocking(); !set) return close_asker(set.error().what);
    log(LogLevel::kInfo, "vpnd_connected", {{"secrets", std::to_string(table_.secrets())}});
}

// stackd has room for it, or does not wait for it.
void Daemon::tell_stackd(const ipc::AuthControl& message) {
    if (stackd_.valid() && ipc::encode(message, wire_)) (void)stackd_.send(wire_);
}

void Daemon::close_stackd(std::string_view reason) {
    stackd_ = ipc::Channel();
    intake_ = {};
    log(LogLevel::kWarn, "stackd_disconnected", {{"reason", std::string(reason)}});
}

void Daemon::lock_memory() {
    if (!memory_lock_) return;
    const Status locked = memory_lock_->extend();
    if (locked) return;
    log(LogLevel::kWarn, "memory_not_locked", {{"reason", locked.error().what}, {"risk", "keys may be swapped out"}});
    memory_lock_.reset();  // once is enough
}

// --- vpnd ----------------------------------------------------------------------------------------

void Daemon::serve_vpnd() {
    if (!asker_ready_) return;
    if (!answer_.empty()) return send_answer();
    auto received = asker_.receive(space_);
    if (!received && received.error().code == ErrorCode::kUnavailable) return;
    if (!received) return close_asker(received.error().what);
    if (received->closed) return close_asker("vpnd is gone");
    auto message = ipc::decode_auth(Bytes(space_).first(received->size));
    if (!message) return close_asker(message.error().what);
    auto* const ask = std::get_if<ipc::AuthAsk>(&*message);
    if (ask == nullptr) return close_asker("it sent what only authd sends");
    handle(std::move(*ask));
}

void Daemon::handle(ipc::AuthAsk ask) {
    ipc::AuthAnswer answer{ask.id, table_.answer(read_clock(), ask.question)};
    if (!ipc::check(answer.reply)) answer.reply = ipc::AskFailed{};
    log(LogLevel::kDebug, "ask_answered",
        {{"kind", std::to_string(ask.question.index())},
         {"failed", std::holds_alternative<ipc::AskFailed>(answer.reply) ? "yes" : "no"}});
    if (!ipc::encode(ipc::AuthMessage(std::move(answer)), answer_))
        (void)ipc::encode(ipc::AuthMessage(ipc::AuthAnswer{ask.id, ipc::AskFailed{}}), answer_);
    send_answer();
}

void Daemon::send_answer() {
    if (!asker_.valid() || answer_.empty()) return;
    const Status sent = asker_.send(answer_);
    if (!sent && sent.error().code == ErrorCode::kUnavailable) return;
    crypto::wipe(answer_);
    answer_.clear();
    if (!sent) close_asker(sent.error().what);
}

// A new vpnd gets a new channel, or the same one, if it is still there.
void Daemon::close_asker(std::string_view reason) {
    asker_ = ipc::Channel();
    crypto::wipe(answer_);
    answer_.clear();
    tell_stackd(ipc::AuthAskerGone{});
    log(LogLevel::kInfo, "vpnd_disconnected", {{"reason", std::string(reason)}});
}

}  // namespace warren::auth
