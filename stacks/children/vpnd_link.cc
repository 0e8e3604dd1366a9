#include "stacks/children/vpnd_link.h"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <chrono>

#include "base/clock.h"
#include "crypto/secret.h"
#include "ipc/codec.h"

namespace warren::stacks {

namespace {

// In which Hello has the same fields. Set it together with ipc::kWireVersion, to 0 where Hello differs.
constexpr std::uint8_t kFormerVersion = 9;
static_assert(kFormerVersion + 1 == ipc::kWireVersion);

constexpr std::chrono::milliseconds kSlice(50);  // between two calls of while_waiting
// What vpnd may take for each message of a generation, beyond kPatience for the whole.
constexpr Duration kPatiencePerMessage = std::chrono::milliseconds(1);
// More than the descriptors of one process allow.
constexpr std::size_t kMaxHoldings = 100'000;
constexpr std::size_t kMaxParked = 1'000'000;
// More than vpnd has to say at once: kMostTunnelWishes, and who leaves a stack while we make others.
constexpr std::size_t kMaxReports = 4'096;

}  // namespace

VpndLink::VpndLink(ipc::Channel channel, std::function<bool()> while_waiting)
    : channel_(std::move(channel)), while_waiting_(std::move(while_waiting)) {}

void VpndLink::close() {
    const bool was_hung = is_hung_;
    *this = {};
    is_hung_ = was_hung;
}

Status VpndLink::wait(short events, Instant deadline) {
    for (;;) {
        pollfd state{channel_.fd(), events, 0};
        const int ready = ::poll(&state, 1, static_cast<int>(kSlice.count()));
        if (ready > 0) return {};
        if (ready < 0 && errno != EINTR) return fail_errno("poll", errno);
        if (read_instant_awake() >= deadline) {
            is_hung_ = true;
            return fail(ErrorCode::kUnavailable, "vpnd does not answer");
        }
        if (while_waiting_ && !while_waiting_()) return fail(ErrorCode::kUnavailable, "interrupted");
    }
}

Status VpndLink::send(const ipc::ConfigMessage& message, const std::vector<int>& descriptors) {
    if (awaits_reply_) WARREN_TRY(receive_reply());  // one answer at a time
    return transmit(message, descriptors);
}

Status VpndLink::transmit(const ipc::ConfigMessage& message, const std::vector<int>& descriptors) {
    WARREN_TRY(ipc::encode(message, wire_));
    Status sent = wait(POLLOUT, read_instant_awake() + kPatience);
    if (sent) sent = channel_.send(wire_, descriptors);
    crypto::wipe(wire_);
    ++unanswered_;
    return sent;
}

Result<VpndLink::Message> VpndLink::receive() {
    for (;;) {
        auto message = receive_one();
        if (!message) return message;
        const auto kept = keep_report(*message);
        if (!kept) return tl::unexpected(kept.error());
        if (!*kept) return message;
    }
}

Result<bool> VpndLink::keep_report(Message& message) {
    auto* const need = std::get_if<ipc::NeedTunnel>(&message.content);
    auto* const left = std::get_if<ipc::LeftTunnel>(&message.content);
    if (need == nullptr && left == nullptr) return false;
    if (reports_.size() >= kMaxReports) return fail(ErrorCode::kInvalid, "vpnd says too much of parked customers");
    if (need != nullptr) reports_.emplace_back(std::move(*need));
    if (left != nullptr) reports_.emplace_back(std::move(*left));
    return true;
}

std::optional<VpndLink::ParkedReport> VpndLink::take_report() {
    if (reports_.empty()) return std::nullopt;
    ParkedReport report = std::move(reports_.front());
    reports_.pop_front();
    return report;
}

Status VpndLink::pass_tunnel(const std::string& customer, const std::vector<int>& tunnel) {
    ++tunnels_passed_;
    return pass(ipc::PutTunnel{customer}, tunnel);
}

Result<VpndLink::Message> VpndLink::receive_one() {
    WARREN_TRY(wait(POLLIN, deadline_));
    space_.resize(ipc::kMaxMessageSize);
    auto received = channel_.receive(space_);
    if (!received) return with_context("vpnd", received.error());
    if (received->closed) return fail(ErrorCode::kUnavailable, "vpnd hung up");
    auto content = ipc::decode(Bytes(space_).first(received->size));
    if (!content) return with_context("vpnd", content.error());
    unanswered_ = 0;
    return Message{std::move(*content), std::move(received->descriptors), received->sender};
}

Result<Holdings> VpndLink::greet(const ipc::Hello& hello, const std::vector<int>& descriptors, Duration patience) {
    WARREN_TRY(send(hello, descriptors));
    Holdings holdings;
    deadline_ = read_instant_awake() + patience;
    while (holdings.listeners.size() + holdings.tunnels.size() <= kMaxHoldings &&
           holdings.parked.size() <= kMaxParked && read_instant_awake() < deadline_) {
        auto message = receive();
        if (!message) return tl::unexpected(message.error());
        if (const auto* end = std::get_if<ipc::HoldingEnd>(&message->content)) {
            if (end->workers < 1 || end->workers > ipc::kMaxWorkers)
                return fail(ErrorCode::kInvalid, "vpnd reports no workers or too many");
            holdings.generation = applied_ = end->generation;
            holdings.workers = end->workers;
            holdings.sender = message->sender;
            return holdings;
        }
        if (auto* listener = std::get_if<ipc::HoldingListener>(&message->content)) {
            holdings.listeners[listener->id] = {listener->protocol, listener->port, std::move(listener->roles),
                                                std::move(message->descriptors)};
            continue;
        }
        const auto* customer = std::get_if<ipc::HoldingCustomer>(&message->content);
        if (customer == nullptr) return fail(ErrorCode::kInvalid, "vpnd sent an unexpected reply to Hello");
        if (message->descriptors.empty()) {
            holdings.parked.insert(customer->id);
            continue;
        }
        holdings.tunnels[customer->id] = std::move(message->descriptors);
    }
    return fail(ErrorCode::kInvalid, "vpnd reports too many holdings, or takes too long");
}

Status VpndLink::hand_memory(const ipc::Hello& hello, int memory) {
    WARREN_TRY(ipc::encode(ipc::ConfigMessage(hello), wire_));
    wire_.front() = kFormerVersion;
    deadline_ = read_instant_awake() + kPatience;
    WARREN_TRY(wait(POLLOUT, deadline_));
    WARREN_TRY(channel_.send(wire_, {memory}));
    WARREN_TRY(wait(POLLIN, deadline_));
    space_.resize(ipc::kMaxMessageSize);
    const auto received = channel_.receive(space_);
    if (!received) return tl::unexpected(received.error());
    // It says what it holds once it has taken the memory.
    if (received->closed) return fail(ErrorCode::kUnavailable, "vpnd hung up");
    return {};
}

Status VpndLink::await_applied(std::uint64_t generation) {
    if (!awaits_reply_) deadline_ = read_instant_awake() + kPatience + kPatiencePerMessage * unanswered_;
    auto message = receive();
    awaits_reply_ = false;
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
    deadline_ = read_instant_awake() + kPatience;
    return {};
}

Result<bool> VpndLink::receive_next() {
    deadline_ = awaits_reply_ ? deadline_ : read_instant_awake() + kPatience;
    auto message = receive_one();
    if (!message) return tl::unexpected(message.error());
    const auto kept = keep_report(*message);
    if (!kept) return tl::unexpected(kept.error());
    if (*kept) return false;
    const auto* applied = std::get_if<ipc::Applied>(&message->content);
    if (!std::exchange(awaits_reply_, false) || applied == nullptr || applied->generation != applied_)
        return fail(ErrorCode::kFailed, "vpnd sent an unexpected message");
    return true;
}

Status VpndLink::receive_reply() {
    // vpnd sends only replies. Anything else means that it has hung up.
    if (!awaits_reply_) return fail(ErrorCode::kUnavailable, "vpnd hung up");
    const Status answered = await_applied(applied_);
    if (!answered) return fail(ErrorCode::kFailed, answered.error().what);
    return {};
}

}  // namespace warren::stacks
