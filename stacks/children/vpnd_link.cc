#include "stacks/children/vpnd_link.h"

#include <sys/socket.h>
#include <sys/time.h>

#include <chrono>

#include "crypto/secret.h"

namespace warren::stacks {

namespace {

// Longer than vpnd ever works on one generation: after that it is considered hung.
constexpr timeval kPatience{30, 0};
// More than the descriptors of one process allow.
constexpr std::size_t kMaxHoldings = 100'000;

}  // namespace

VpndLink::VpndLink(ipc::Channel channel) : channel_(std::move(channel)) {
    // Without a limit, a vpnd that hangs would hang us; setting it cannot fail on a socket.
    (void)::setsockopt(channel_.fd(), SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof kPatience);
    (void)::setsockopt(channel_.fd(), SOL_SOCKET, SO_SNDTIMEO, &kPatience, sizeof kPatience);
}

Status VpndLink::send(const ipc::ConfigMessage& message, const std::vector<int>& descriptors) {
    if (awaits_reply_) WARREN_TRY(receive_reply());  // one answer at a time
    return transmit(message, descriptors);
}

Status VpndLink::transmit(const ipc::ConfigMessage& message, const std::vector<int>& descriptors) {
    WARREN_TRY(ipc::encode(message, wire_));
    const Status sent = channel_.send(wire_, descriptors);
    crypto::wipe(wire_);
    return sent;
}

Result<VpndLink::Message> VpndLink::receive() {
    space_.resize(ipc::kMaxMessageSize);
    auto received = channel_.receive(space_);
    if (!received) {
        if (received.error().code == ErrorCode::kUnavailable)
            return fail(ErrorCode::kUnavailable, "vpnd does not reply");
        return with_context("vpnd", received.error());
    }
    if (received->closed) return fail(ErrorCode::kUnavailable, "vpnd hung up");
    auto content = ipc::decode(Bytes(space_).first(received->size));
    if (!content) return with_context("vpnd", content.error());
    return Message{std::move(*content), std::move(received->descriptors)};
}

Result<Holdings> VpndLink::greet(const ipc::Hello& hello, const std::vector<int>& descriptors) {
    WARREN_TRY(send(hello, descriptors));
    Holdings holdings;
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(kPatience.tv_sec);
    while (holdings.listeners.size() + holdings.tunnels.size() <= kMaxHoldings &&
           std::chrono::steady_clock::now() < deadline) {
        auto message = receive();
        if (!message) return tl::unexpected(message.error());
        if (const auto* end = std::get_if<ipc::HoldingEnd>(&message->content)) {
            if (end->workers < 1 || end->workers > ipc::kMaxWorkers)
                return fail(ErrorCode::kInvalid, "vpnd reports no workers or too many");
            holdings.generation = applied_ = end->generation;
            holdings.workers = end->workers;
            return holdings;
        }
        if (auto* listener = std::get_if<ipc::HoldingListener>(&message->content)) {
            holdings.listeners[listener->id] = {listener->protocol, listener->port, std::move(listener->roles),
                                                std::move(message->descriptors)};
            continue;
        }
        const auto* customer = std::get_if<ipc::HoldingCustomer>(&message->content);
        if (customer == nullptr) return fail(ErrorCode::kInvalid, "vpnd sent an unexpected reply to Hello");
        if (message->descriptors.empty())
            return fail(ErrorCode::kInvalid, "vpnd's customer " + customer->id + " was sent without its tunnel");
        holdings.tunnels[customer->id] = std::move(message->descriptors);
    }
    return fail(ErrorCode::kInvalid, "vpnd reports too many holdings, or takes too long");
}

Status VpndLink::await_applied(std::uint64_t generation) {
    auto message = receive();
    if (!message) return tl::unexpected(message.error());
    if (const auto* applied = std::get_if<ipc::Applied>(&message->content);
        applied != nullptr && applied->generation == generation) {
        applied_ = generation;
        return {};
    }
    if (const auto* rejected = std::get_if<ipc::Rejected>(&message->content))
        return fail(ErrorCode::kInvalid, "vpnd rejected it: " + rejected->reason);
    return fail(ErrorCode::kFailed, "vpnd sent an unexpected reply to Commit");
}

Status VpndLink::send_probe() {
    WARREN_TRY(transmit(ipc::Begin{applied_, false}, {}));
    WARREN_TRY(transmit(ipc::Commit{applied_}, {}));
    awaits_reply_ = true;
    return {};
}

Status VpndLink::receive_reply() {
    // vpnd sends only replies. Anything else means that it has hung up.
    if (!awaits_reply_) return fail(ErrorCode::kUnavailable, "vpnd hung up");
    awaits_reply_ = false;
    const Status answered = await_applied(applied_);
    if (!answered) return fail(ErrorCode::kFailed, answered.error().what);
    return {};
}

}  // namespace warren::stacks
