#include "vpnd/config_link.h"

#include <poll.h>

#include <utility>

#include "base/log.h"
#include "crypto/secret.h"

namespace warren::vpnd {

namespace {

bool is_hung_up(int fd) {
    pollfd ask{fd, 0, 0};
    return ::poll(&ask, 1, 0) == 1 && (ask.revents & POLLHUP) != 0;
}

}  // namespace

Result<ConfigLink> ConfigLink::make(ipc::Channel channel, std::uint32_t workers) {
    auto loop = io::EventLoop::make();
    if (!loop) return tl::unexpected<Error>(loop.error());
    ConfigLink link(std::move(*loop), workers);
    WARREN_TRY(link.attach(std::move(channel), true));
    return link;
}

ConfigLink::ConfigLink(io::EventLoop loop, std::uint32_t workers)
    : loop_(std::move(loop)), staging_(workers), space_(ipc::kMaxMessageSize) {}

Status ConfigLink::accept_at(UniqueFd adoption_listener) {
    if (!adoption_listener.valid()) return {};
    adoption_listener_ = std::move(adoption_listener);
    return loop_.add(adoption_listener_.get(), kAdoption);
}

Status ConfigLink::attach(ipc::Channel channel, bool greeted) {
    WARREN_TRY(channel.set_non_blocking());
    WARREN_TRY(loop_.add(channel.fd(), kChannel));
    channel_ = std::move(channel);
    tunnels_ = 0;
    unread_ = 0;
    greeted_ = greeted;
    return {};
}

std::optional<ConfigLink::Event> ConfigLink::run() {
    for (const epoll_event& ready : loop_.wait(Duration::zero())) {
        if (ready.data.u64 == kAdoption) accept_adopter();
    }
    flush();
    return read();
}

void ConfigLink::accept_adopter() {
    auto candidate = ipc::accept_from(adoption_listener_.get());
    if (!candidate) return;
    const auto credentials = candidate->peer_credentials();
    if (!credentials || credentials->uid != 0) {
        log(LogLevel::kWarn, "adoption_refused", {{"reason", "not root"}});
        return;
    }
    // The old one may have died a moment ago, with messages of its own still unread: they were not finished by a
    // Commit, or are put again.
    if (channel_.valid() && is_hung_up(channel_.fd())) hang_up("stackd is gone");
    if (channel_.valid()) {
        log(LogLevel::kWarn, "adoption_refused", {{"reason", "a stackd is connected"}});
        return;
    }
    if (Status attached = attach(std::move(*candidate), false); !attached) {
        log(LogLevel::kWarn, "adoption_failed", {{"error", attached.error().what}});
        return;
    }
    log(LogLevel::kInfo, "stackd_connected");
}

std::optional<ConfigLink::Event> ConfigLink::read() {
    for (std::size_t messages = 0; messages < kMessagesPerRun; ++messages) {
        if (!channel_.valid() || answer_due_ || !outgoing_.empty()) return std::nullopt;
        auto received = channel_.receive(space_);
        if (!received && received.error().code == ErrorCode::kUnavailable) return std::nullopt;
        if (!received) {
            crypto::wipe(space_);  // what was cut off may have held keys
            hang_up(received.error().what);
            return std::nullopt;
        }
        if (received->closed) {
            hang_up("stackd is gone");
            return std::nullopt;
        }
        const MutableBytes wire = MutableBytes(space_).first(received->size);
        auto message = ipc::decode(wire);
        crypto::wipe(wire);  // it may have held keys
        if (!message) {
            hang_up(message.error().what);
            return std::nullopt;
        }
        if (auto event = handle(std::move(*message), std::move(received->descriptors))) return event;
    }
    return std::nullopt;
}

std::optional<ConfigLink::Event> ConfigLink::handle(ipc::ConfigMessage message, std::vector<UniqueFd> descriptors) {
    auto* hello = std::get_if<ipc::Hello>(&message);
    if ((hello != nullptr) == greeted_) {
        hang_up("Hello comes first, and once");
        return std::nullopt;
    }
    if (hello != nullptr) {
        greeted_ = true;
        set_log_level(hello->log_level);
        Greeted greeted{std::move(*hello), {}};
        if (!descriptors.empty()) greeted.kept_sessions = std::move(descriptors.front());
        return greeted;
    }
    if (const auto* wanted = std::get_if<ipc::SetLogLevel>(&message)) {
        set_log_level(wanted->level);
        return std::nullopt;
    }
    if (std::holds_alternative<ipc::PutAuthChannel>(message)) {
        if (descriptors.size() == 1) return AuthPassed{ipc::Channel(std::move(descriptors.front()))};
        hang_up("PutAuthChannel without its descriptor");
        return std::nullopt;
    }
    if (const auto* usage = std::get_if<ipc::PutUsageFile>(&message)) {
        if (descriptors.size() == 1) return UsagePassed{usage->month, std::move(descriptors.front())};
        hang_up("PutUsageFile without its descriptor");
        return std::nullopt;
    }
    if (auto* wanted = std::get_if<ipc::StartCapture>(&message)) {
        if (descriptors.size() == 1)
            return CaptureWanted{std::move(wanted->customer), std::move(wanted->peer), std::move(descriptors.front())};
        hang_up("StartCapture without its descriptor");
        return std::nullopt;
    }
    if (auto* tunnel = std::get_if<ipc::PutTunnel>(&message)) {
        ++tunnels_;
        if (unread_ > 0) --unread_;
        if (descriptors.size() == 1) return TunnelPassed{std::move(tunnel->customer), std::move(descriptors.front())};
        // One customer's tunnel is not worth the connection, which is everybody's.
        log(LogLevel::kError, "tunnel_refused",
            {{"customer", tunnel->customer}, {"reason", "PutTunnel has not exactly one descriptor"}});
        return std::nullopt;
    }
    const auto* commit = std::get_if<ipc::Commit>(&message);
    const std::uint64_t number = commit != nullptr ? commit->generation : 0;
    if (commit != nullptr) unread_ = 0;  // it reads until it has the answer
    auto finished = staging_.feed(std::move(message), std::move(descriptors));
    if (!finished) return std::nullopt;
    answer_due_ = true;
    update_interest();
    return Committed{number, std::move(*finished)};
}

void ConfigLink::send(const ipc::ConfigMessage& message, std::vector<int> descriptors) {
    if (std::holds_alternative<ipc::Applied>(message) || std::holds_alternative<ipc::Rejected>(message))
        answer_due_ = false;
    if (!channel_.valid()) return;
    if (std::holds_alternative<ipc::NeedTunnel>(message) || std::holds_alternative<ipc::LeftTunnel>(message)) ++unread_;
    Outgoing outgoing;
    if (Status encoded = encode(message, outgoing.wire); !encoded) {
        hang_up(encoded.error().what);
        return;
    }
    outgoing.wire.shrink_to_fit();
    outgoing.descriptors = std::move(descriptors);
    outgoing_.push_back(std::move(outgoing));
    flush();
}

void ConfigLink::flush() {
    while (channel_.valid() && !outgoing_.empty()) {
        const Status sent = channel_.send(outgoing_.front().wire, outgoing_.front().descriptors);
        if (!sent && sent.error().code == ErrorCode::kUnavailable) break;
        if (!sent) {
            hang_up(sent.error().what);
            return;
        }
        outgoing_.pop_front();
    }
    update_interest();
}

void ConfigLink::hang_up(std::string_view why) {
    log(LogLevel::kWarn, "stackd_disconnected", {{"reason", std::string(why)}, {"forwarding", "goes on"}});
    loop_.remove(channel_.fd());
    channel_ = ipc::Channel();
    staging_.reset();
    outgoing_.clear();
    greeted_ = false;
    answer_due_ = false;
}

void ConfigLink::update_interest() {
    if (!channel_.valid()) return;
    const std::uint32_t interest = !outgoing_.empty() ? std::uint32_t{EPOLLOUT}
                                   : answer_due_      ? 0
                                                      : std::uint32_t{EPOLLIN};
    loop_.change(channel_.fd(), kChannel, interest);
}

}  // namespace warren::vpnd
