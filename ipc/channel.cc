#include "ipc/channel.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace warren::ipc {

namespace {

// Room for the descriptors of one message and its sender, aligned as the kernel wants it.
struct ControlSpace {
    alignas(cmsghdr)
        std::array<std::uint8_t, CMSG_SPACE(kMaxDescriptors * sizeof(int)) + CMSG_SPACE(sizeof(ucred))> bytes{};
};

Result<sockaddr_un> address_of(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.empty() || path.size() >= sizeof address.sun_path)
        return fail(ErrorCode::kInvalid, path + ": socket path is empty or too long");
    std::memcpy(address.sun_path, path.data(), path.size());
    return address;
}

const sockaddr* generic(const sockaddr_un& address) {
    return reinterpret_cast<const sockaddr*>(&address);
}

UniqueFd open_socket(int flags) {
    return UniqueFd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | flags, 0));
}

std::vector<UniqueFd> take_descriptors(msghdr& message) {
    std::vector<UniqueFd> out;
    for (cmsghdr* control = CMSG_FIRSTHDR(&message); control != nullptr; control = CMSG_NXTHDR(&message, control)) {
        if (control->cmsg_level != SOL_SOCKET || control->cmsg_type != SCM_RIGHTS) continue;
        const std::size_t count = (control->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (std::size_t i = 0; i < count; ++i) {
            int fd = -1;
            std::memcpy(&fd, CMSG_DATA(control) + i * sizeof(int), sizeof fd);
            out.emplace_back(fd);
        }
    }
    return out;
}

std::optional<Credentials> sender_of(msghdr& message) {
    for (cmsghdr* control = CMSG_FIRSTHDR(&message); control != nullptr; control = CMSG_NXTHDR(&message, control)) {
        if (control->cmsg_level != SOL_SOCKET || control->cmsg_type != SCM_CREDENTIALS) continue;
        ucred who{};
        std::memcpy(&who, CMSG_DATA(control), sizeof who);
        return Credentials{who.pid, who.uid, who.gid};
    }
    return std::nullopt;
}

}  // namespace

Result<std::pair<Channel, Channel>> Channel::pair() {
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0)
        return fail_errno("socketpair", errno);
    return std::pair<Channel, Channel>(Channel(UniqueFd(ends[0])), Channel(UniqueFd(ends[1])));
}

bool Channel::is_channel(int fd) {
    int type = 0;
    socklen_t type_size = sizeof type;
    sockaddr_un peer{};
    socklen_t peer_size = sizeof peer;
    return ::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_size) == 0 && type == SOCK_SEQPACKET &&
           ::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &peer_size) == 0 && peer.sun_family == AF_UNIX;
}

Result<Channel> Channel::connect(const std::string& path, bool with_credentials) {
    const auto address = address_of(path);
    if (!address) return tl::unexpected<Error>(address.error());
    UniqueFd socket = open_socket(0);
    if (!socket.valid()) return fail_errno("socket", errno);
    const int on = 1;
    if (with_credentials && ::setsockopt(socket.get(), SOL_SOCKET, SO_PASSCRED, &on, sizeof on) != 0)
        return fail_errno("SO_PASSCRED", errno);
    if (::connect(socket.get(), generic(*address), sizeof *address) != 0) {
        if (errno == ENOENT)
            return fail(ErrorCode::kUnavailable, "connect " + path + ": nothing listens there", ENOENT);
        return fail_errno("connect " + path, errno);
    }
    return Channel(std::move(socket));
}

Status Channel::send(Bytes message, std::vector<int> descriptors) {
    if (message.empty() || message.size() > kMaxMessageSize)
        return fail(ErrorCode::kInvalid, "message is empty or too large");
    if (descriptors.size() > kMaxDescriptors) return fail(ErrorCode::kInvalid, "too many descriptors for one message");
    iovec part{const_cast<std::uint8_t*>(message.data()), message.size()};  // sendmsg only reads it
    msghdr header{};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    ControlSpace space;
    if (!descriptors.empty()) {
        const std::size_t size = descriptors.size() * sizeof(int);
        header.msg_control = space.bytes.data();
        header.msg_controllen = CMSG_SPACE(size);
        cmsghdr* control = CMSG_FIRSTHDR(&header);
        control->cmsg_level = SOL_SOCKET;
        control->cmsg_type = SCM_RIGHTS;
        control->cmsg_len = CMSG_LEN(size);
        std::memcpy(CMSG_DATA(control), descriptors.data(), size);
    }
    while (::sendmsg(socket_.get(), &header, MSG_NOSIGNAL) < 0) {
        if (errno != EINTR) return fail_errno("send", errno);
    }
    return {};
}

Result<Received> Channel::receive(MutableBytes space) {
    iovec part{space.data(), space.size()};
    ControlSpace control;
    msghdr header{};
    ssize_t size = 0;
    do {
        header = {};
        header.msg_iov = &part;
        header.msg_iovlen = 1;
        header.msg_control = control.bytes.data();
        header.msg_controllen = control.bytes.size();
        size = ::recvmsg(socket_.get(), &header, MSG_CMSG_CLOEXEC);
    } while (size < 0 && errno == EINTR);
    // A peer that closed with our message unread resets the connection: for us that is a hang-up like any other.
    if (size < 0 && errno == ECONNRESET) return Received{0, {}, true, std::nullopt};
    if (size < 0) return fail_errno("receive", errno);

    Received received;
    received.descriptors = take_descriptors(header);
    received.sender = sender_of(header);
    if ((header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0)
        return fail(ErrorCode::kInvalid, "receive: message or descriptors truncated");
    received.size = static_cast<std::size_t>(size);
    received.closed = size == 0;
    return received;
}

Status Channel::set_non_blocking() {
    const int flags = ::fcntl(socket_.get(), F_GETFL);
    if (flags < 0 || ::fcntl(socket_.get(), F_SETFL, flags | O_NONBLOCK) != 0) return fail_errno("fcntl", errno);
    return {};
}

Result<Channel::Credentials> Channel::peer_credentials() const {
    ucred credentials{};
    socklen_t size = sizeof credentials;
    if (::getsockopt(socket_.get(), SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0)
        return fail_errno("SO_PEERCRED", errno);
    return Credentials{credentials.pid, credentials.uid, credentials.gid};
}

Result<UniqueFd> listen_at(const std::string& path, mode_t mode) {
    const auto address = address_of(path);
    if (!address) return tl::unexpected<Error>(address.error());
    struct stat old {};
    if (::lstat(path.c_str(), &old) == 0) {
        if (!S_ISSOCK(old.st_mode)) return fail(ErrorCode::kConflict, path + ": exists and is not a socket");
        if (::unlink(path.c_str()) != 0) return fail_errno("remove old " + path, errno);
    }
    UniqueFd socket = open_socket(SOCK_NONBLOCK);
    if (!socket.valid()) return fail_errno("socket", errno);
    // Before bind, so that the file never has more permissions than asked for; after it, so that the umask does not
    // take any away.
    if (::fchmod(socket.get(), mode) != 0) return fail_errno("fchmod " + path, errno);
    if (::bind(socket.get(), generic(*address), sizeof *address) != 0) return fail_errno("bind " + path, errno);
    if (::chmod(path.c_str(), mode) != 0) return fail_errno("chmod " + path, errno);
    if (::listen(socket.get(), SOMAXCONN) != 0) return fail_errno("listen " + path, errno);
    return socket;
}

Result<Channel> accept_from(int listener) {
    while (true) {
        const int fd = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
        if (fd >= 0) return Channel(UniqueFd(fd));
        if (errno == EINTR || errno == ECONNABORTED) continue;
        return fail_errno("accept", errno);
    }
}

}  // namespace warren::ipc
