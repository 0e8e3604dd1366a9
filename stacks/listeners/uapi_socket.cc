#include "stacks/listeners/uapi_socket.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>

namespace warren::stacks {

namespace {

Result<sockaddr_un> address_of(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) return fail(ErrorCode::kInvalid, path + ": too long for a socket");
    std::memcpy(address.sun_path, path.data(), path.size());
    return address;
}

const sockaddr* generic(const sockaddr_un& address) {
    return reinterpret_cast<const sockaddr*>(&address);
}

UniqueFd stream_socket() {
    return UniqueFd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

bool is_live(const sockaddr_un& address) {
    const UniqueFd socket = stream_socket();
    // EAGAIN: there is a listener, and its queue is full.
    return ::connect(socket.get(), generic(address), sizeof address) == 0 || errno == EAGAIN;
}

// kConflict when another process listens there.
Result<UapiSocket> listen_in(const std::string& directory, const std::string& name) {
    if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) return fail_errno("create " + directory, errno);
    UapiSocket socket{stream_socket(), directory + "/" + name + ".sock"};
    if (!socket.listener.valid()) return fail_errno("open UAPI socket", errno);
    const auto address = address_of(socket.path);
    if (!address) return tl::unexpected(address.error());
    struct stat about {};
    if (::lstat(socket.path.c_str(), &about) == 0) {
        if (!S_ISSOCK(about.st_mode)) return fail(ErrorCode::kConflict, socket.path + " exists and is no socket");
        if (is_live(*address)) return fail(ErrorCode::kConflict, socket.path + " belongs to a running program");
        if (::unlink(socket.path.c_str()) != 0) return fail_errno("remove stale " + socket.path, errno);
    }
    // The file gets its permissions from the socket's, so it is never open to others.
    if (::fchmod(socket.listener.get(), 0600) != 0) return fail_errno("set permissions of " + socket.path, errno);
    if (::bind(socket.listener.get(), generic(*address), sizeof *address) != 0)
        return fail_errno("bind " + socket.path, errno);
    if (::chmod(socket.path.c_str(), 0600) != 0) return fail_errno("set permissions of " + socket.path, errno);
    if (::listen(socket.listener.get(), SOMAXCONN) != 0) return fail_errno("listen at " + socket.path, errno);
    return socket;
}

}  // namespace

std::string uapi_name(const std::string& listener) {
    return listener.empty() ? "warren" : "warren-" + listener;
}

Result<UapiSocket> listen_uapi(const std::string& listener, const std::string& run_dir, const std::string& directory) {
    auto socket = listen_in(directory, uapi_name(listener));
    if (socket || socket.error().code != ErrorCode::kConflict) return socket;
    return listen_in(run_dir + "/wireguard", uapi_name(listener));
}

void remove_uapi(UapiSocket socket) {
    socket.listener.reset();
    remove_stale_uapi(socket.path);
}

void remove_stale_uapi(const std::string& path) {
    const auto address = address_of(path);
    struct stat about {};
    if (!address || ::lstat(path.c_str(), &about) != 0 || !S_ISSOCK(about.st_mode) || is_live(*address)) return;
    ::unlink(path.c_str());
}

bool is_customers_uapi(const std::string& path) {
    const std::string name = path.substr(path.rfind('/') + 1);
    return name.starts_with(uapi_name("") + "-") && name.ends_with(".sock");
}

void unlink_uapi(const std::string& path) {
    struct stat about {};
    if (::lstat(path.c_str(), &about) == 0 && S_ISSOCK(about.st_mode)) ::unlink(path.c_str());
}

std::string path_of_socket(int socket) {
    sockaddr_un address{};
    socklen_t size = sizeof address;
    if (::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) != 0 ||
        size <= offsetof(sockaddr_un, sun_path))
        return {};
    address.sun_path[sizeof address.sun_path - 1] = 0;
    return address.sun_path;
}

}  // namespace warren::stacks
