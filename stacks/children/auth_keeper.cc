#include "stacks/children/auth_keeper.h"

#include <poll.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include "base/log.h"
#include "crypto/secret.h"
#include "stacks/children/told_stacks.h"

namespace warren::stacks {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration kQuickDeath = seconds(5);
constexpr Duration kFirstPause = milliseconds(100);
constexpr Duration kMaxPause = seconds(10);
constexpr Duration kStopPatience = seconds(2);
constexpr Duration kStartPatience = seconds(5);  // everything else waits meanwhile
constexpr Duration kBetweenAskers = seconds(1);  // so that a pair that cannot speak costs little
constexpr Duration kProbeInterval = seconds(2);
constexpr Duration kProbePatience = seconds(10);  // far longer than the most expensive asks that it may have

// No delay after the first quick exit, as for vpnd.
Duration backoff(unsigned quick_deaths) {
    if (quick_deaths <= 1) return Duration(0);
    return std::min<Duration>(kFirstPause * (1U << std::min(quick_deaths - 1, 10U)), kMaxPause);
}

}  // namespace

AuthKeeper::~AuthKeeper() {
    (void)stop_process(kStopPatience);
}

void AuthKeeper::leave() {
    settle();
    channel_ = {};
    process_.reset();
}

// --- secrets -------------------------------------------------------------------------------------

void AuthKeeper::put(Instant now, SecretId id, ipc::Secret secret) {
    if (!secrets_.try_emplace(id, std::move(secret)).second) return;
    if (channel_.valid()) {
        orders_.push_back({Order::Kind::kPut, id, {}});
    } else if (start_at_ == kNever) {
        start_at_ = now;
    }
}

void AuthKeeper::keep_only(const std::set<SecretId>& ids) {
    std::erase_if(secrets_, [&](const auto& entry) {
        const bool goes = !ids.contains(entry.first);
        if (goes && channel_.valid()) orders_.push_back({Order::Kind::kDrop, entry.first, {}});
        return goes;
    });
    if (is_wanted()) return settle();
    if (process_) log(LogLevel::kInfo, "authd_stopped", {{"reason", "no secrets of IPsec are configured"}});
    (void)stop_process(kStopPatience);
    start_at_ = kNever;
    problem_.clear();
}

void AuthKeeper::serve_listener(Instant now, bool is_there) {
    serves_listener_ = is_there;
    if (is_there && !channel_.valid() && start_at_ == kNever) start_at_ = now;
}

// --- the channel between authd and vpnd ----------------------------------------------------------

Result<UniqueFd> AuthKeeper::make_asker() {
    auto ends = ipc::Channel::pair();
    if (!ends) return tl::unexpected<Error>(ends.error());
    // Of several that vpnd may have got meanwhile, the last one counts.
    orders_.push_back({Order::Kind::kAsker, kNoSecret, ends->second.take()});
    vpnd_has_asker_ = true;
    settle();
    return ends->first.take();
}

// --- the process ---------------------------------------------------------------------------------

Instant AuthKeeper::next_deadline() const {
    if (!channel_.valid()) return start_at_;
    return probed_at_ == kNever ? probe_at_ : probed_at_ + kProbePatience;
}

short AuthKeeper::events() const {
    return orders_.empty() && wires_.empty() ? POLLIN : POLLIN | POLLOUT;
}

void AuthKeeper::run(Instant now) {
    if (process_ && process_->ended()) handle_exit(now, "", kStopPatience);
    if (channel_.valid() && !read(now)) handle_exit(now, "it hung up or sent an invalid message", kStopPatience);
    watch(now);
    settle();
    if (now < start_at_) return;
    start_at_ = kNever;
    since_ = now;
    if (const Status started = start(); !started) return handle_exit(now, started.error().what, kStopPatience);
    probe_at_ = now + kProbeInterval;
}

Status AuthKeeper::start() {
    auto launched = launch(options_.authd, kStartPatience, options_.must_stop);
    if (!launched) return tl::unexpected<Error>(launched.error());
    process_ = std::move(launched->process);
    channel_ = std::move(launched->channel);
    WARREN_TRY(channel_.set_non_blocking());
    (void)make_room(channel_);  // else it takes more turns
    probed_at_ = kNever;
    orders_.push_back({Order::Kind::kLogLevel, kNoSecret, {}});
    for (const auto& [id, secret] : secrets_) orders_.push_back({Order::Kind::kPut, id, {}});
    settle();
    problem_.clear();
    log(LogLevel::kInfo, "authd_started",
        {{"pid", std::to_string(process_->pid())},
         {"user", options_.authd.user.name},
         {"secrets", std::to_string(secrets_.size())}});
    return {};
}

std::string AuthKeeper::stop_process(Duration patience) {
    channel_ = {};
    orders_.clear();
    wires_.clear();
    asker_.reset();
    forget_asker();
    const std::string ended = process_ ? process_->stop(patience) : std::string();
    process_.reset();
    return ended;
}

void AuthKeeper::handle_exit(Instant now, const std::string& reason, Duration patience) {
    const std::string ended = stop_process(patience);
    problem_ = reason.empty() ? ended : ended.empty() ? reason : reason + "; " + ended;
    quick_deaths_ = now - since_ < kQuickDeath ? quick_deaths_ + 1 : 0;
    const Duration pause = backoff(quick_deaths_);
    start_at_ = now + pause;
    log(LogLevel::kError, "authd_lost",
        {{"reason", problem_},
         {"restart_in_ms", std::to_string(std::chrono::duration_cast<milliseconds>(pause).count())}});
}

void AuthKeeper::watch(Instant now) {
    if (!channel_.valid()) return;
    if (probed_at_ != kNever) {
        if (now - probed_at_ >= kProbePatience) handle_exit(now, "it does not answer", Duration(0));
        return;
    }
    if (now < probe_at_) return;
    probed_at_ = now;
    ++probe_;
    orders_.push_back({Order::Kind::kProbe, kNoSecret, {}});
}

bool AuthKeeper::read(Instant now) {
    std::array<std::uint8_t, 64> space{};
    while (true) {
        auto received = channel_.receive(space);
        if (!received) return received.error().code == ErrorCode::kUnavailable;
        if (received->closed) return false;
        const auto message = ipc::decode_auth_control(Bytes(space).first(received->size));
        if (!message) return false;
        if (std::holds_alternative<ipc::AuthAskerGone>(*message) && vpnd_has_asker_) {
            vpnd_has_asker_ = false;
            asker_not_before_ = now + kBetweenAskers;
            continue;
        }
        // One that is told twice, or after vpnd was seen to be gone.
        if (std::holds_alternative<ipc::AuthAskerGone>(*message)) return true;
        // Each probe is answered once: nothing that it sends keeps us here.
        const auto* const alive = std::get_if<ipc::AuthAlive>(&*message);
        if (alive == nullptr || alive->number != probe_ || probed_at_ == kNever) return false;
        probed_at_ = kNever;
        probe_at_ = now + kProbeInterval;
    }
}

// --- what authd receives -------------------------------------------------------------------------

void AuthKeeper::settle() {
    while (channel_.valid()) {
        if (wires_.empty()) {
            if (orders_.empty()) return;
            Order order = std::move(orders_.front());
            orders_.pop_front();
            if (const Status encoded = encode(order); !encoded) {
                log(LogLevel::kWarn, "secret_not_sent", {{"reason", encoded.error().what}});
                wires_.clear();
            }
            continue;
        }
        const bool is_last = wires_.size() == 1;
        const Status sent = channel_.send(
            wires_.front().reveal(), is_last && asker_.valid() ? std::vector<int>{asker_.get()} : std::vector<int>{});
        if (!sent) return;  // it does not read now, or is gone, which run() notices
        wires_.pop_front();
        if (is_last) asker_.reset();
    }
}

Status AuthKeeper::encode(Order& order) {
    switch (order.kind) {
        case Order::Kind::kPut: return encode_secret(order.id);
        case Order::Kind::kDrop: return add_wire(ipc::DropSecret{order.id});
        case Order::Kind::kAsker: asker_ = std::move(order.asker); return add_wire(ipc::AuthAsker{});
        case Order::Kind::kLogLevel: return add_wire(ipc::AuthLogLevel{log_level()});
        case Order::Kind::kProbe: return add_wire(ipc::AuthProbe{probe_});
    }
    return {};
}

Status AuthKeeper::encode_secret(SecretId id) {
    const auto found = secrets_.find(id);
    if (found == secrets_.end()) return {};  // it went meanwhile, and so will the order to drop it
    const ipc::Secret& secret = found->second;
    WARREN_TRY(add_wire(ipc::PutSecret{id, secret.kind, secret.crl_required, secret.realms}));
    for (const ipc::Secret::File& file : secret.files) {
        Bytes rest = file.content.reveal();
        do {
            const Bytes piece = rest.first(std::min(rest.size(), ipc::SecretPart::kMostBytes));
            rest = rest.subspan(piece.size());
            WARREN_TRY(add_wire(ipc::SecretPart{file.what, crypto::SecretBuffer(piece), !rest.empty()}));
        } while (!rest.empty());
    }
    return add_wire(ipc::SecretEnd{});
}

Status AuthKeeper::add_wire(const ipc::AuthControl& message) {
    const Status encoded = ipc::encode(message, wire_);
    if (encoded) wires_.emplace_back(Bytes(wire_));
    crypto::wipe(wire_);
    return encoded;
}

void AuthKeeper::pass_log_level() {
    if (!channel_.valid()) return;
    orders_.push_back({Order::Kind::kLogLevel, kNoSecret, {}});
    settle();
}

}  // namespace warren::stacks
