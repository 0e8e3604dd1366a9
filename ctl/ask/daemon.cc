#include "ctl/ask/daemon.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <cerrno>

namespace warren::ctl {

namespace {

constexpr std::size_t kSpace = 256 * 1024;  // more than any message has

std::string reason_of(const Error& error) {
    switch (error.system_error) {
        case ENOENT: return "no such file; is stackd running? (systemctl status warren)";
        case ECONNREFUSED: return "nothing listens there; is stackd running? (systemctl status warren)";
        case EACCES:
        case EPERM: return "permission denied; run this as root";
        default: return error.what;
    }
}

}  // namespace

Result<ipc::Channel> connect_daemon(const std::string& daemon, const std::string& path) {
    auto channel = ipc::Channel::connect(path);
    if (channel) return channel;
    return fail(ErrorCode::kUnavailable,
                fmt::format("cannot reach {} at {}: {}", daemon, path, reason_of(channel.error())));
}

Result<Bytes> receive_from(ipc::Channel& channel, const std::string& daemon, std::vector<std::uint8_t>& space) {
    space.resize(kSpace);
    const auto received = channel.receive(space);
    if (!received && received.error().code == ErrorCode::kUnavailable) {
        return fail(ErrorCode::kUnavailable, fmt::format("{} does not reply; see journalctl -u 'warren*'", daemon));
    }
    if (!received) return with_context(daemon, received.error());
    if (received->closed)
        return fail(ErrorCode::kUnavailable,
                    fmt::format("{} closed the connection; see journalctl -u 'warren*'", daemon), kHangUp);
    return Bytes(space).first(received->size);
}

Status limit_waiting(ipc::Channel& channel, int seconds) {
    const timeval limit{seconds, 0};
    if (::setsockopt(channel.fd(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) != 0)
        return fail_errno("SO_RCVTIMEO", errno);
    return {};
}

}  // namespace warren::ctl
