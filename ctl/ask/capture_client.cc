#include "ctl/ask/capture_client.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>

#include "ctl/ask/control_client.h"

namespace warren::ctl {

namespace {

constexpr std::size_t kSpace = 256 * 1024;  // more than any record has
constexpr int kFirstRecord = 10'000;        // milliseconds

// Both ends are ours for now, and so is the size of what waits between them.
void make_room(int socket) {
    const int size = CaptureClient::kWaiting;
    if (::setsockopt(socket, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size) != 0)
        (void)::setsockopt(socket, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
}

}  // namespace

Result<CaptureClient> CaptureClient::start(const std::string& run_dir, const ipc::ControlRequest& request,
                                           const CaptureFilter* filter) {
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0)
        return fail_errno("make a socket", errno);
    CaptureClient out{UniqueFd(ends[0])};
    UniqueFd theirs(ends[1]);
    make_room(theirs.get());
    auto program = filter == nullptr ? std::nullopt : filter->for_records();
    if (program) WARREN_TRY(attach_filter(out.fd(), std::move(*program)));
    const auto done = send_request(run_dir, request, [](const ipc::ControlText&) {}, {theirs.get()});
    if (!done) return tl::unexpected<Error>(done.error());
    if (done->exit_status != 0) return fail(ErrorCode::kFailed, done->summary);
    theirs.reset();  // from now on vpnd alone has it
    pollfd waiting{out.fd(), POLLIN, 0};
    if (::poll(&waiting, 1, kFirstRecord) != 1) return fail(ErrorCode::kFailed, "vpnd does not answer");
    auto first = out.next();
    if (!first) return tl::unexpected<Error>(first.error());
    if (!*first || (*first)->kind != ipc::CaptureKind::kStarted)
        return fail(ErrorCode::kFailed, *first ? std::string((*first)->note) : "vpnd does not answer");
    return out;
}

Result<std::optional<ipc::CaptureRecord>> CaptureClient::next() {
    space_.resize(kSpace);
    const ssize_t got = ::recv(socket_.get(), space_.data(), space_.size(), MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return std::nullopt;
    if (got <= 0) return fail(ErrorCode::kUnavailable, "vpnd ended or was replaced; the capture ends with it");
    auto record = ipc::decode_capture(Bytes(space_).first(static_cast<std::size_t>(got)));
    if (!record) return tl::unexpected<Error>(record.error());
    return *record;
}

void CaptureClient::leave_out_packets() {
    (void)attach_filter(socket_.get(), CaptureFilter::no_packets());
}

void CaptureClient::hang_up() {
    (void)::shutdown(socket_.get(), SHUT_WR);
}

}  // namespace warren::ctl
