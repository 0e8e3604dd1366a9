#include "stacks/listeners/udp_group.h"

#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <iterator>

#include "base/ipsec.h"
#include "base/socket_address.h"

namespace warren::stacks {

namespace {

// Holds bursts of whole trains while a worker is busy.
constexpr int kSocketBuffer = 8 * 1024 * 1024;

Status set_option(int socket, int level, int option, int value, const char* name) {
    if (::setsockopt(socket, level, option, &value, sizeof value) == 0) return {};
    return fail_errno(std::string("set ") + name, errno);
}

Status bind_any(int socket, Family family, std::uint16_t port) {
    Endpoint any;
    any.address.family = family;
    any.port = port;
    sockaddr_storage storage{};
    const socklen_t size = fill_address(any, storage);
    if (::bind(socket, reinterpret_cast<const sockaddr*>(&storage), size) == 0) return {};
    const int error = errno;
    const std::string what = "bind UDP port " + std::to_string(port) + (family == Family::kV4 ? " (IPv4)" : " (IPv6)");
    const bool is_ikes = port == kIkePort || port == kNatTraversalPort;
    const std::string advice = is_ikes ? ", perhaps an IKE daemon; stop it" : "; stop it or choose another listen_port";
    if (error == EADDRINUSE) return fail(ErrorCode::kConflict, what + ": in use by another program" + advice, error);
    return fail_errno(what, error);
}

Result<UniqueFd> open_udp(Family family) {
    UniqueFd socket(::socket(family == Family::kV4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!socket.valid()) return fail_errno("open UDP socket", errno);
    if (family == Family::kV6) WARREN_TRY(set_option(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, 1, "IPV6_V6ONLY"));
    return socket;
}

// Without SO_REUSEPORT: fails when any process has the port, even one that would share it.
Status check_free(Family family, std::uint16_t port) {
    const auto socket = open_udp(family);
    if (!socket) return tl::unexpected(socket.error());
    return bind_any(socket->get(), family, port);
}

Result<UniqueFd> bind_member(Family family, std::uint16_t port) {
    auto socket = open_udp(family);
    if (!socket) return socket;
    const int fd = socket->get();
    WARREN_TRY(set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1, "SO_REUSEPORT"));
    WARREN_TRY(set_option(fd, SOL_SOCKET, SO_RCVBUFFORCE, kSocketBuffer, "SO_RCVBUFFORCE"));
    WARREN_TRY(set_option(fd, SOL_SOCKET, SO_SNDBUFFORCE, kSocketBuffer, "SO_SNDBUFFORCE"));
    if (family == Family::kV4) {
        WARREN_TRY(set_option(fd, IPPROTO_IP, IP_PKTINFO, 1, "IP_PKTINFO"));
    } else {
        WARREN_TRY(set_option(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1, "IPV6_RECVPKTINFO"));
    }
    // Linux before 5.0 lacks it; datagrams then arrive one by one.
    (void)set_option(fd, SOL_UDP, UDP_GRO, 1, "UDP_GRO");
    WARREN_TRY(bind_any(fd, family, port));
    return socket;
}

// In the order of the reuseport group (ipc::DescriptorRole).
std::vector<ipc::DescriptorRole> roles_of(Family family, std::uint32_t workers) {
    std::vector<ipc::DescriptorRole> roles{{ipc::SocketRole::kMessages, family}};
    for (std::uint32_t i = 0; i < workers; ++i)
        roles.push_back({ipc::SocketRole::kData, family, static_cast<std::uint16_t>(i)});
    roles.push_back({ipc::SocketRole::kSolicited, family});
    return roles;
}

Status bind_group(Family family, std::uint16_t port, std::uint32_t workers, SocketGroup& out) {
    WARREN_TRY(check_free(family, port));
    for (const ipc::DescriptorRole& role : roles_of(family, workers)) {
        auto socket = bind_member(family, port);
        if (!socket) return tl::unexpected(socket.error());
        out.roles.push_back(role);
        out.sockets.push_back(std::move(*socket));
    }
    return {};
}

// All of one family, in the order of the reuseport group.
std::vector<UniqueFd> take_family(SocketGroup& group, Family family) {
    std::vector<UniqueFd> out;
    for (std::size_t i = 0; i < group.sockets.size(); ++i) {
        if (group.roles[i].family == family) out.push_back(std::move(group.sockets[i]));
    }
    for (SocketGroup::Surplus& each : group.surplus) {
        if (each.family == family) out.push_back(std::move(each.socket));
    }
    return out;
}

std::size_t count_of(const SocketGroup& group, Family family) {
    const auto is_one = [family](const auto& each) { return each.family == family; };
    return static_cast<std::size_t>(std::count_if(group.roles.begin(), group.roles.end(), is_one) +
                                    std::count_if(group.surplus.begin(), group.surplus.end(), is_one));
}

bool has_ipv6() {
    const UniqueFd socket(::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    return socket.valid();
}

}  // namespace

Result<SocketGroup> bind_listener(std::uint16_t port, std::uint32_t workers) {
    SocketGroup group;
    WARREN_TRY(bind_group(Family::kV4, port, workers, group));
    if (has_ipv6()) WARREN_TRY(bind_group(Family::kV6, port, workers, group));
    return group;
}

Status resize_group(SocketGroup& group, std::uint16_t port, std::uint32_t workers) {
    const std::size_t needed = roles_of(Family::kV4, workers).size();
    SocketGroup next;
    // A socket that is closed gives its place to the last one of its group. So only the last ones may ever be closed,
    // and these are the last ones.
    std::vector<SocketGroup::Surplus> fresh;
    for (const Family family : {Family::kV4, Family::kV6}) {
        const std::size_t has = count_of(group, family);
        for (std::size_t i = has; has > 0 && i < needed; ++i) {
            auto socket = bind_member(family, port);
            if (!socket) return tl::unexpected(socket.error());
            fresh.push_back({family, std::move(*socket)});
        }
    }
    std::move(fresh.begin(), fresh.end(), std::back_inserter(group.surplus));
    for (const Family family : {Family::kV4, Family::kV6}) {
        std::vector<UniqueFd> all = take_family(group, family);
        if (all.empty()) continue;
        const std::vector<ipc::DescriptorRole> roles = roles_of(family, workers);
        for (std::size_t i = 0; i < all.size(); ++i) {
            if (i >= roles.size()) {
                next.surplus.push_back({family, std::move(all[i])});
                continue;
            }
            next.roles.push_back(roles[i]);
            next.sockets.push_back(std::move(all[i]));
        }
    }
    group = std::move(next);
    return {};
}

}  // namespace warren::stacks
