#include "stacks/children/inspection.h"

#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cerrno>
#include <optional>

#include "base/socket_address.h"
#include "config/parse.h"
#include "stacks/kernel/netns.h"
#include "stacks/listeners/uapi_socket.h"
#include "stacks/plan/desired.h"

namespace warren::stacks {

namespace {

Status invalid(std::string what) {
    return fail(ErrorCode::kInvalid, std::move(what));
}

bool same_file(const UniqueFd& one, const UniqueFd& other) {
    struct stat a {};
    struct stat b {};
    return ::fstat(one.get(), &a) == 0 && ::fstat(other.get(), &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

int option(int socket, int name) {
    int value = -1;
    socklen_t size = sizeof value;
    return ::getsockopt(socket, SOL_SOCKET, name, &value, &size) == 0 ? value : -1;
}

std::optional<std::uint16_t> port_of(int socket) {
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    if (::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) != 0) return std::nullopt;
    return endpoint_of(address).port;
}

bool is_our_udp(const UniqueFd& socket, int family, std::uint16_t port, const UniqueFd& home) {
    const int fd = socket.get();
    const UniqueFd space(::ioctl(fd, SIOCGSKNS));
    return option(fd, SO_DOMAIN) == family && option(fd, SO_TYPE) == SOCK_DGRAM &&
           option(fd, SO_PROTOCOL) == IPPROTO_UDP && port_of(fd) == port && space.valid() && same_file(space, home);
}

bool is_our_uapi(const UniqueFd& socket, const std::string& id, const std::string& run_dir) {
    const int fd = socket.get();
    const std::string file = "/" + uapi_name(id) + ".sock";
    const std::string path = path_of_socket(fd);
    return option(fd, SO_DOMAIN) == AF_UNIX && option(fd, SO_TYPE) == SOCK_STREAM && option(fd, SO_ACCEPTCONN) == 1 &&
           (path == kUapiDirectory + file || path == run_dir + "/wireguard" + file);
}

Status inspect_listener(const ipc::ListenerId& id, const ReturnedListener& held, std::uint32_t workers,
                        const std::string& run_dir, const UniqueFd& home) {
    const std::string name = to_string(id);
    if (!id.owner.empty() && !config::is_customer_id(id.owner)) return invalid(name + " has an invalid name");
    if (held.protocol != ipc::protocol_of(id.kind)) return invalid(name + " has a wrong protocol");
    if (held.descriptors.size() != held.roles.size()) return invalid(name + " has the wrong number of sockets");
    if (const Status roles = ipc::check_roles(held.roles, workers); !roles) return with_context(name, roles.error());
    bool has_control = false;
    for (const ipc::DescriptorRole& role : held.roles) {
        if (role.role == ipc::SocketRole::kSurplus) return invalid(name + " has a socket that it should have closed");
    }
    for (std::size_t i = 0; i < held.roles.size(); ++i) {
        if (held.roles[i].role == ipc::SocketRole::kControl) {
            has_control = true;
            if (!is_our_uapi(held.descriptors[i], id.owner, run_dir))
                return invalid(name + " has a UAPI socket that is not ours");
        } else if (!is_our_udp(held.descriptors[i], held.roles[i].family == Family::kV4 ? AF_INET : AF_INET6, held.port,
                               home)) {
            return invalid(name + " has a socket that is not of UDP port " + std::to_string(held.port));
        }
    }
    if (id.kind == ipc::ListenerKind::kWireguard && !has_control) return invalid(name + " has no UAPI socket");
    return {};
}

Status inspect_tunnel(const std::string& customer, const UniqueFd& tunnel) {
    if (!config::is_customer_id(customer)) return invalid("a customer has an invalid name");
    const UniqueFd space(::ioctl(tunnel.get(), TUNGETDEVNETNS));
    // The device was removed by hand: the descriptor is useless but harmless.
    if (!space.valid() && errno == EBADFD) return {};
    if (!space.valid()) return invalid("customer " + customer + " has a descriptor that is no tunnel");
    const auto stack = open_namespace(namespace_name(customer));
    if (!stack || !same_file(space, *stack))
        return invalid("customer " + customer + " has a tunnel that is not in its stack");
    return {};
}

}  // namespace

Status inspect(const Holdings& holdings, const std::string& run_dir) {
    const auto home = current_namespace();
    if (!home) return tl::unexpected(home.error());
    for (const auto& [id, held] : holdings.listeners)
        WARREN_TRY(inspect_listener(id, held, holdings.workers, run_dir, *home));
    for (const auto& [customer, tunnel] : holdings.tunnels) {
        if (tunnel.empty() || tunnel.size() > holdings.workers)
            return invalid("customer " + customer + " has a tunnel with no or too many queues");
        for (const UniqueFd& queue : tunnel) WARREN_TRY(inspect_tunnel(customer, queue));
    }
    return {};
}

}  // namespace warren::stacks
