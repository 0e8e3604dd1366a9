#include "stacks/children/inspection.h"

#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <optional>
#include <utility>

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

// It may be another listener's: a customer that was renamed while its file had errors keeps its old one.
bool is_our_uapi(const UniqueFd& socket, const std::string& run_dir) {
    const int fd = socket.get();
    const std::string path = path_of_socket(fd);
    const std::string directory = path.substr(0, path.rfind('/'));
    return option(fd, SO_DOMAIN) == AF_UNIX && option(fd, SO_TYPE) == SOCK_STREAM && option(fd, SO_ACCEPTCONN) == 1 &&
           (directory == kUapiDirectory || directory == run_dir + "/wireguard");
}

Status inspect_listener(const ipc::ListenerId& id, const ReturnedListener& held, std::uint32_t workers,
                        const std::string& run_dir, const UniqueFd& home) {
    const std::string name = to_string(id);
    if (!id.owner.empty() && !config::is_customer_id(id.owner)) return invalid(name + " has an invalid name");
    if (held.protocol != ipc::protocol_of(id.kind)) return invalid(name + " has a wrong protocol");
    if (held.descriptors.size() != held.roles.size()) return invalid(name + " has the wrong number of sockets");
    if (const Status roles = ipc::check_roles(id.kind, held.roles, workers); !roles)
        return with_context(name, roles.error());
    bool has_control = false;
    const std::vector<std::uint16_t> ports = ipc::ports_of(id.kind, held.port);
    for (const ipc::DescriptorRole& role : held.roles) {
        if (role.role == ipc::SocketRole::kSurplus) return invalid(name + " has a socket that it should have closed");
    }
    for (std::size_t i = 0; i < held.roles.size(); ++i) {
        if (held.roles[i].role == ipc::SocketRole::kControl) {
            has_control = true;
            if (!is_our_uapi(held.descriptors[i], run_dir))
                return invalid(name + " has a UAPI socket that is not ours");
            continue;
        }
        const std::uint16_t port = ports[held.roles[i].port];
        if (!is_our_udp(held.descriptors[i], held.roles[i].family == Family::kV4 ? AF_INET : AF_INET6, port, home))
            return invalid(name + " has a socket that is not of UDP port " + std::to_string(port));
    }
    if (id.kind == ipc::ListenerKind::kWireguard && !has_control) return invalid(name + " has no UAPI socket");
    return {};
}

// The namespace that its device is in; invalid when it has none any more, or never had.
UniqueFd space_of(const UniqueFd& tunnel) {
    return UniqueFd(::ioctl(tunnel.get(), TUNGETDEVNETNS));
}

bool is_in(const UniqueFd& space, const std::string& name) {
    const auto stack = open_namespace(name);
    return stack && same_file(space, *stack);
}

// `stack`: the name of its namespace.
Status inspect_tunnel(const std::string& customer, const std::string& stack, const UniqueFd& tunnel) {
    if (!config::is_customer_id(customer)) return invalid("a customer has an invalid name");
    const UniqueFd space = space_of(tunnel);
    // The device was removed by hand: the descriptor is useless but harmless.
    if (!space.valid() && errno == EBADFD) return {};
    if (!space.valid()) return invalid("customer " + customer + " has a descriptor that is no tunnel");
    if (!is_in(space, stack)) return invalid("customer " + customer + " has a tunnel that is not in its stack");
    return {};
}

}  // namespace

std::vector<Rename> renamed_since(const Holdings& holdings) {
    std::vector<std::pair<std::string, std::uint64_t>> strangers;  // its id, the namespace of its tunnel
    for (const auto& [id, tunnel] : holdings.tunnels) {
        const UniqueFd space = tunnel.empty() ? UniqueFd() : space_of(tunnel.front());
        struct stat about {};
        if (!space.valid() || is_in(space, namespace_name(id)) || ::fstat(space.get(), &about) != 0) continue;
        strangers.emplace_back(id, about.st_ino);
    }
    const auto names = strangers.empty() ? Result<std::vector<std::string>>() : namespace_names(kNamespacePrefix);
    if (!names) return {};
    std::multimap<std::uint64_t, std::string> customers;  // by namespace
    for (const std::string& name : *names) {
        std::string customer = name.substr(std::string_view(kNamespacePrefix).size());
        const auto space = config::is_customer_id(customer) ? namespace_number(name) : Result<std::uint64_t>(0);
        if (space && *space != 0) customers.emplace(*space, std::move(customer));
    }
    // Two tunnels in one stack, or a stack with two names, are no rename.
    std::map<std::uint64_t, std::size_t> tunnels;
    for (const auto& [id, space] : strangers) ++tunnels[space];
    std::vector<Rename> renames;
    for (const auto& [id, space] : strangers) {
        if (tunnels[space] == 1 && customers.count(space) == 1) renames.push_back({id, customers.find(space)->second});
    }
    return possible_renames(holdings, std::move(renames));
}

std::vector<Rename> possible_renames(const Holdings& holdings, std::vector<Rename> renames) {
    const auto has = [&holdings](const std::string& id) {
        return holdings.tunnels.contains(id) || holdings.parked.contains(id) ||
               std::any_of(holdings.listeners.begin(), holdings.listeners.end(),
                           [&id](const auto& listener) { return listener.first.owner == id; });
    };
    return complete_renames(std::move(renames), has, [](const std::string&) { return false; });
}

Status inspect(const Holdings& holdings, const std::string& run_dir, const std::vector<Rename>& renames) {
    const auto home = current_namespace();
    if (!home) return tl::unexpected(home.error());
    for (const auto& [id, held] : holdings.listeners)
        WARREN_TRY(inspect_listener(id, held, holdings.workers, run_dir, *home));
    for (const std::string& customer : holdings.parked) {
        if (!config::is_customer_id(customer)) return invalid("a parked customer has an invalid name");
    }
    for (const auto& [customer, tunnel] : holdings.tunnels) {
        if (tunnel.empty() || tunnel.size() > holdings.workers)
            return invalid("customer " + customer + " has a tunnel with no or too many queues");
        const auto renamed = std::find_if(renames.begin(), renames.end(),
                                          [&id = customer](const Rename& rename) { return rename.from == id; });
        const std::string stack = namespace_name(renamed == renames.end() ? customer : renamed->to);
        for (const UniqueFd& queue : tunnel) WARREN_TRY(inspect_tunnel(customer, stack, queue));
    }
    return {};
}

}  // namespace warren::stacks
