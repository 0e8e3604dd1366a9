#include "stacks/kernel/linux_kernel.h"

#include <fcntl.h>
#include <linux/netlink.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>

#include "base/log.h"
#include "stacks/kernel/firewall_netlink.h"
#include "stacks/kernel/netns.h"
#include "stacks/kernel/rtnetlink.h"
#include "stacks/kernel/tunnel_device.h"
#include "stacks/kernel/tunnel_steering.h"

namespace warren::stacks {

namespace {

Status check_machine() {
    if (::geteuid() != 0)
        return fail(ErrorCode::kPermission, "stackd creates network namespaces and must be started as root");
    const UniqueFd tun(::open("/dev/net/tun", O_RDWR | O_CLOEXEC));
    if (!tun.valid()) {
        const int error = errno;
        return fail_errno("open /dev/net/tun (load the module tun, or give the container this device)", error);
    }
    auto netfilter = NetlinkSocket::open(NETLINK_NETFILTER);
    if (!netfilter)
        return fail(ErrorCode::kUnsupported,
                    "this kernel has no netfilter netlink; it needs CONFIG_NF_TABLES with the inet family");
    NetlinkRequest tables = dump_firewall_tables();
    if (const auto dumped = netfilter->dump(tables); !dumped)
        return fail(ErrorCode::kUnsupported,
                    "this kernel has no nf_tables (" + dumped.error().what + "); load the module nf_tables");
    return {};
}

}  // namespace

Result<std::unique_ptr<LinuxKernel>> LinuxKernel::open() {
    WARREN_TRY(check_machine());
    auto kernel = open_here();
    if (!kernel) return kernel;
    auto events = StackEvents::open();
    if (events) {
        (*kernel)->events_.emplace(std::move(*events));
    } else {
        log(LogLevel::kWarn, "stacks_not_watched",
            {{"reason", events.error().what}, {"effect", "changes made by hand are mended later"}});
    }
    return kernel;
}

Result<std::unique_ptr<LinuxKernel>> LinuxKernel::open_here() {
    auto uplink = current_namespace();
    if (!uplink) return tl::unexpected(uplink.error());
    auto socket = NetlinkSocket::open(NETLINK_ROUTE);
    if (!socket) return tl::unexpected(socket.error());
    return std::unique_ptr<LinuxKernel>(new LinuxKernel(Uplink{std::move(*uplink), std::move(*socket), {}}));
}

Result<std::unique_ptr<Kernel>> LinuxKernel::another() {
    auto kernel = open_here();
    if (!kernel) return tl::unexpected(kernel.error());
    return std::unique_ptr<Kernel>(std::move(*kernel));
}

Result<std::vector<std::string>> LinuxKernel::stack_names() {
    return namespace_names(kNamespacePrefix);
}

Result<ObservedUplink> LinuxKernel::observe_uplink() {
    NetlinkRequest request = rtnetlink::dump_links();
    const auto messages = uplink_.socket.dump(request);
    if (!messages) return with_context("uplink: dump links", messages.error());
    ObservedUplink uplink;
    for (Link& link : rtnetlink::parse_links(*messages)) uplink.links.emplace(link.name, link);
    return uplink;
}

Result<ObservedStack> LinuxKernel::observe(const std::string& name, std::span<const Sysctl> sysctls) {
    StackSession session(name, uplink_);
    if (const Status entered = session.enter(); !entered) {
        if (entered.error().code == ErrorCode::kNotFound) return ObservedStack{};
        return tl::unexpected(entered.error());
    }
    return session.observe(sysctls);
}

Result<LearnedRoutes> LinuxKernel::learned_routes(const std::string& name) {
    StackSession session(name, uplink_);
    if (const Status entered = session.enter(); !entered) {
        if (entered.error().code == ErrorCode::kNotFound) return LearnedRoutes{};
        return tl::unexpected(entered.error());
    }
    return session.learned_routes();
}

Result<std::string> LinuxKernel::owner_of(const std::string& name) {
    StackSession session(name, uplink_);
    if (const Status entered = session.enter(); !entered) {
        if (entered.error().code == ErrorCode::kNotFound) return std::string();
        return tl::unexpected(entered.error());
    }
    return session.owner();
}

Result<std::uint64_t> LinuxKernel::number_of(const std::string& name) {
    return namespace_number(name);
}

Status LinuxKernel::carry_out(const std::string& name, std::span<const Step> steps) {
    if (steps.empty()) return {};
    StackSession session(name, uplink_);
    if (!name.empty() && !std::holds_alternative<CreateNamespace>(steps.front())) WARREN_TRY(session.enter());
    for (const Step& step : steps) {
        if (Status done = session.carry_out(step); !done) return with_context(describe(step), std::move(done).error());
        if (std::holds_alternative<CreateTunnel>(step)) tunnels_[name] = session.release_tunnel();
        if (std::holds_alternative<RemoveNamespace>(step)) tunnels_.erase(name);
    }
    return {};
}

Result<std::vector<UniqueFd>> LinuxKernel::release_tunnel(const std::string& name, std::uint16_t queues) {
    if (auto made = tunnels_.extract(name); !made.empty()) return std::move(made.mapped());
    auto target = open_namespace(name);
    if (!target) return tl::unexpected(target.error());
    const auto inside = InNamespace::enter(target->get(), uplink_.home.get());
    if (!inside) return tl::unexpected(inside.error());
    return open_tunnel_device(queues);
}

Result<NeighbourTables> LinuxKernel::neighbour_tables() {
    NetlinkRequest request = rtnetlink::dump_neighbour_tables();
    const auto messages = uplink_.socket.dump(request);
    if (!messages) return with_context("dump neighbour tables", messages.error());
    return rtnetlink::parse_neighbour_tables(*messages);
}

Status LinuxKernel::raise_neighbour_tables(std::uint32_t entries) {
    const auto now = neighbour_tables();
    if (!now) return tl::unexpected(now.error());
    const SysctlFiles files = uplink_.sysctls.here();
    for (const auto& [family, most] : {std::pair("ipv4", now->v4), std::pair("ipv6", now->v6)}) {
        if (most >= entries) continue;
        // As 128, 512 and 1024, the defaults of the kernel.
        const std::string path = std::string(family) + "/neigh/default/gc_thresh";
        WARREN_TRY(files.write({path + "3", std::to_string(entries)}));
        WARREN_TRY(files.write({path + "2", std::to_string(entries / 2)}));
        WARREN_TRY(files.write({path + "1", std::to_string(entries / 8)}));
    }
    return {};
}

Result<UniqueFd> LinuxKernel::claim(const std::string& name) {
    auto space = open_namespace(name);
    if (!space) return space;
    if (::flock(space->get(), LOCK_EX | LOCK_NB) == 0) return space;
    if (errno == EWOULDBLOCK) return fail(ErrorCode::kConflict, "a program runs in it");
    return fail_errno("lock namespace " + name, errno);
}

Status LinuxKernel::watch(const std::string& name) {
    if (!events_) return {};  // open() said so
    return events_->watch(name);
}

Status LinuxKernel::steer(int tunnel, std::span<const SteeringEntry> entries) {
    return steer_tunnel(tunnel, entries);
}

}  // namespace warren::stacks
