#include "stacks/control_server.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>

#include "base/log.h"
#include "ipc/channel.h"

namespace warren::stacks {

namespace {

constexpr timeval kPatience{5, 0};
constexpr std::size_t kMaxRequest = 256;  // with two names of 63 characters
constexpr std::size_t kMaxText = 8192;
constexpr std::size_t kMostWaiting = 256;
constexpr int kBusy = 4;

Result<ipc::ControlRequest> receive_request(ipc::Channel& channel) {
    const auto credentials = channel.peer_credentials();
    if (!credentials) return tl::unexpected(credentials.error());
    if (credentials->uid != ::geteuid()) return fail(ErrorCode::kPermission, "only root may send requests");
    std::array<std::uint8_t, kMaxRequest> space{};
    const auto received = channel.receive(space);
    if (!received) return tl::unexpected(received.error());
    const auto message = ipc::decode_control(Bytes(space).first(received->size));
    if (!message) return tl::unexpected(message.error());
    const auto* request = std::get_if<ipc::ControlRequest>(&*message);
    if (request == nullptr) return fail(ErrorCode::kInvalid, "not a request");
    return *request;
}

Status send(ipc::Channel& channel, const ipc::ControlMessage& message) {
    std::vector<std::uint8_t> wire;
    WARREN_TRY(ipc::encode(message, wire));
    return channel.send(wire);
}

// A message has a bound, and a person reads no more of one line.
std::string shortened(const std::string& text) {
    return text.size() <= kMaxText ? text : text.substr(0, kMaxText) + "...";
}

Status send_report(ipc::Channel& channel, const Report& report, std::uint64_t generation) {
    for (const ipc::ControlText& text : report.texts)
        WARREN_TRY(send(channel, ipc::ControlText{text.kind, text.customer, shortened(text.text)}));
    return send(channel, ipc::ControlDone{report.exit_status, generation, shortened(report.summary)});
}

void reply(ipc::Channel& channel, const Report& report, std::uint64_t generation) {
    if (const Status sent = send_report(channel, report, generation); !sent)
        log(LogLevel::kWarn, "control_answer_lost", {{"reason", sent.error().what}});
}

}  // namespace

Result<ControlServer> ControlServer::listen(const std::string& path) {
    auto listener = ipc::listen_at(path, 0600);
    if (!listener) return tl::unexpected(listener.error());
    return ControlServer(std::move(*listener));
}

void ControlServer::serve_one(const std::function<std::optional<Report>(const ipc::ControlRequest&)>& answer,
                              const std::function<std::uint64_t()>& generation) {
    auto channel = ipc::accept_from(listener_.get());
    if (!channel) return;
    (void)::setsockopt(channel->fd(), SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof kPatience);
    (void)::setsockopt(channel->fd(), SOL_SOCKET, SO_SNDTIMEO, &kPatience, sizeof kPatience);
    const auto request = receive_request(*channel);
    if (!request) {
        log(LogLevel::kWarn, "control_refused", {{"reason", request.error().what}});
        return;
    }
    std::optional<Report> report = answer(*request);
    if (!report && waiting_.size() < kMostWaiting) {
        waiting_.push_back({std::move(*channel), *request});
        return;
    }
    if (!report) report = Report{{}, false, kBusy, "stackd is busy, and many wait; try again"};
    reply(*channel, *report, generation());
}

void ControlServer::serve_waiting(const Answer& answer, const std::function<std::uint64_t()>& generation) {
    Waiting next = std::move(waiting_.front());
    waiting_.pop_front();
    reply(next.channel, answer(next.request), generation());
}

}  // namespace warren::stacks
