#include "stacks/kernel/stack_session.h"

#include <cerrno>

#include "base/log.h"
#include "stacks/kernel/firewall_netlink.h"
#include "stacks/kernel/policy_netlink.h"
#include "stacks/kernel/rtnetlink.h"
#include "stacks/kernel/tunnel_device.h"

namespace warren::stacks {

namespace {

constexpr const char* kAnyDevice = "dev%d";  // the kernel finds a number

// Already removed counts as success.
Status unless_gone(Status status) {
    if (status) return status;
    const int error = status.error().system_error;
    if (error == ENOENT || error == ENODEV || error == ESRCH || error == ENXIO || error == EADDRNOTAVAIL) return {};
    return status;
}

Result<std::vector<std::uint8_t>> dump(NetlinkSocket& socket, NetlinkRequest request) {
    return socket.dump(request);
}

Status send_request(NetlinkSocket& socket, NetlinkRequest request) {
    return socket.request(request);
}

}  // namespace

Result<std::uint32_t> find_index(NetlinkSocket& socket, const std::string& device) {
    NetlinkRequest request = rtnetlink::find_link(device);
    const auto reply = socket.query(request);
    if (!reply) return with_context("device " + device, reply.error());
    const std::vector<Link> links = rtnetlink::parse_links(*reply);
    if (links.empty()) return fail(ErrorCode::kNotFound, "no device " + device, ENODEV);
    return links.front().index;
}

// One operator per kind of step.
struct StepRunner {
    StackSession& session;

    [[nodiscard]] NetlinkSocket& inside() const { return *session.socket_; }
    [[nodiscard]] NetlinkSocket& uplink() const { return session.uplink_.socket; }

    // Sends `make(index of the device)` inside the stack.
    template <typename Make>
    [[nodiscard]] Status on_device(const std::string& device, Make make) const {
        const auto index = session.index_of(device);
        if (!index) return tl::unexpected(index.error());
        return send_request(inside(), make(*index));
    }

    Status operator()(const CreateNamespace& step) const {
        auto created = InNamespace::enter_new(session.uplink_.home.get());
        if (!created) return tl::unexpected(created.error());
        session.inside_.emplace(std::move(*created));
        WARREN_TRY(session.open_socket());
        WARREN_TRY(on_device(kLoopback, [&](std::uint32_t index) { return rtnetlink::set_alias(index, step.owner); }));
        auto self = current_namespace();
        if (!self) return tl::unexpected(self.error());
        WARREN_TRY(name_current_namespace(session.name_));
        session.namespace_ = std::move(*self);
        return {};
    }

    Status operator()(const RemoveNamespace&) const {
        session.leave();
        return remove_namespace_name(session.name_);
    }

    Status operator()(const GiveName& step) const { return name_current_namespace(step.name); }
    Status operator()(const DropName&) const { return remove_namespace_name(session.name_); }
    Status operator()(const SetOwner& step) const {
        return on_device(kLoopback, [&](std::uint32_t index) { return rtnetlink::set_alias(index, step.owner); });
    }

    Status operator()(const SetSysctls& step) const {
        for (const Sysctl& sysctl : step.sysctls) WARREN_TRY(session.sysctls().write(sysctl));
        return {};
    }

    Status operator()(const SetFirewall& step) const {
        auto socket = NetlinkSocket::open(NETLINK_NETFILTER);
        if (!socket) return tl::unexpected(socket.error());
        std::vector<NetlinkRequest> batch =
            encode(step.firewall, step.replaces, step.keeps_customer_chain, step.present);
        Status done = socket->batch(batch);
        if (done || !step.keeps_customer_chain) return done;
        // A rule of the operator's holds on to a set of ours, or a set of the operator's has the name of one of ours. A
        // firewall that cannot be changed is worse than the loss of both.
        const int error = done.error().system_error;
        if (error != EBUSY && error != EEXIST && error != EOPNOTSUPP) return done;
        log(LogLevel::kWarn, "customer_chain_lost",
            {{"namespace", session.name_},
             {"reason",
              error == EBUSY ? "a rule in it uses a set of Warren's" : "a set has the name of one of Warren's"}});
        socket = NetlinkSocket::open(NETLINK_NETFILTER);
        if (!socket) return tl::unexpected(socket.error());
        batch = encode(step.firewall, true, false, step.present);
        return socket->batch(batch);
    }

    Status operator()(const SetMembers& step) const {
        auto socket = NetlinkSocket::open(NETLINK_NETFILTER);
        if (!socket) return tl::unexpected(socket.error());
        std::vector<NetlinkRequest> batch = encode_members(step.lists);
        return socket->batch(batch);
    }

    Status operator()(const CreateTunnel& step) const {
        // No multicast, as on the kernel's own WireGuard device: group reports into the tunnel would be counted as
        // drops. A device made with forwarding on joins the all-routers group and would report leaving it.
        WARREN_TRY(session.sysctls().write({forwarding_of("default"), "0"}));
        auto tunnel = open_tunnel_device(step.queues);
        if (!tunnel) return tl::unexpected(tunnel.error());
        session.tunnel_ = std::move(*tunnel);
        WARREN_TRY(on_device(kTunnelDevice, rtnetlink::set_multicast_off));
        WARREN_TRY(session.sysctls().write({forwarding_of("default"), "1"}));
        return session.sysctls().write({forwarding_of(kTunnelDevice), "1"});
    }
    static std::string forwarding_of(const std::string& device) { return "ipv6/conf/" + device + "/forwarding"; }
    Status operator()(const RemoveTunnel&) const {
        const Status removed = on_device(kTunnelDevice, rtnetlink::delete_link);
        session.indexes_.erase(kTunnelDevice);
        return unless_gone(removed);
    }

    Status operator()(const SetNoQueue& step) const { return on_device(step.device, rtnetlink::set_no_queue); }
    Status operator()(const SetQueueLength& step) const {
        return on_device(step.device,
                         [&](std::uint32_t index) { return rtnetlink::set_queue_length(index, step.packets); });
    }
    Status operator()(const SetMtu& step) const {
        return on_device(step.device, [&](std::uint32_t index) { return rtnetlink::set_mtu(index, step.mtu); });
    }
    Status operator()(const SetUp& step) const {
        return on_device(step.device, [&](std::uint32_t index) { return rtnetlink::set_up(index, step.up); });
    }
    Status operator()(const AddAddress& step) const {
        // A tunnel address cannot have duplicates; a LAN address can.
        const bool no_dad = step.device == kTunnelDevice;
        return on_device(step.device,
                         [&](std::uint32_t index) { return rtnetlink::add_address(index, step.prefix, no_dad); });
    }
    Status operator()(const RemoveAddress& step) const {
        return unless_gone(
            on_device(step.device, [&](std::uint32_t index) { return rtnetlink::remove_address(index, step.prefix); }));
    }
    Status operator()(const PutRoute& step) const {
        if (step.route.type == RouteType::kUnreachable)
            return send_request(inside(), rtnetlink::put_route(step.route, 0));
        return on_device(step.route.device,
                         [&](std::uint32_t index) { return rtnetlink::put_route(step.route, index); });
    }
    Status operator()(const RemoveRoute& step) const {
        return unless_gone(send_request(inside(), rtnetlink::remove_route(step.route)));
    }

    Status operator()(const CreateHandoff& step) const {
        session.indexes_.erase(kHandoffDevice);
        switch (step.handoff.type) {
            case config::HandoffType::kVeth: return create_veth(step);
            case config::HandoffType::kPhysical: return move_in(step);
            case config::HandoffType::kMacvlan:
            case config::HandoffType::kVlan: return create_on_parent(step);
        }
        return {};
    }

    // Both ends are made and marked inside; then the far end moves out, with its mark, in one call.
    [[nodiscard]] Status create_veth(const CreateHandoff& step) const {
        WARREN_TRY(send_request(inside(), rtnetlink::create_veth(step.handoff.outer, kHandoffDevice)));
        WARREN_TRY(mark(step));
        return on_device(step.handoff.outer, [&](std::uint32_t index) {
            return rtnetlink::move_link(index, session.uplink_.home.get(), step.handoff.outer, step.owner);
        });
    }

    [[nodiscard]] Status move_in(const CreateHandoff& step) const {
        const auto index = find_index(uplink(), step.source);
        if (!index) return tl::unexpected(index.error());
        return send_request(uplink(),
                            rtnetlink::move_link(*index, session.namespace_.get(), kHandoffDevice, step.handoff.mark));
    }

    // Made under another name: a kernel before 6.14 refuses one that a device of the uplink has, though it is for the
    // stack.
    [[nodiscard]] Status create_on_parent(const CreateHandoff& step) const {
        const auto parent = find_index(uplink(), step.handoff.parent);
        if (!parent) return tl::unexpected(parent.error());
        const int target = session.namespace_.get();
        const bool is_vlan = step.handoff.type == config::HandoffType::kVlan;
        const Status created = send_request(
            uplink(),
            is_vlan ? rtnetlink::create_vlan(kUnfinishedHandoff, *parent, step.handoff.vlan_id.value_or(0), target)
                    : rtnetlink::create_macvlan(kUnfinishedHandoff, *parent, target));
        if (!created && created.error().system_error == EOPNOTSUPP) {
            return fail(ErrorCode::kUnsupported,
                        is_vlan
                            ? "this kernel has no 802.1Q VLANs; load the module 8021q or choose another handoff type"
                            : "this kernel has no macvlan; load the module macvlan or choose another handoff type",
                        EOPNOTSUPP);
        }
        WARREN_TRY(created);
        const auto index = session.index_of(kUnfinishedHandoff);
        if (!index) return tl::unexpected(index.error());
        session.indexes_.erase(kUnfinishedHandoff);
        WARREN_TRY(send_request(inside(), rtnetlink::set_alias(*index, step.handoff.mark)));
        return send_request(inside(), rtnetlink::set_name(*index, kHandoffDevice));
    }

    [[nodiscard]] Status mark(const CreateHandoff& step) const {
        return on_device(kHandoffDevice,
                         [&](std::uint32_t index) { return rtnetlink::set_alias(index, step.handoff.mark); });
    }

    Status operator()(const RemoveHandoff& step) const {
        const Status removed = on_device(step.device, rtnetlink::delete_link);
        session.indexes_.erase(step.device);
        return unless_gone(removed);
    }

    Status operator()(const ReturnHandoff& step) const {
        const auto move_as = [&](const std::string& name, const std::string& mark) {
            return on_device(step.device, [&](std::uint32_t index) {
                return rtnetlink::move_link(index, session.uplink_.home.get(), name, mark);
            });
        };
        Status moved = move_as(step.home, "");
        // Somebody has its name there. It comes home under one of the kernel's, marked, so that plan_device_returns()
        // renames it one day: a removal must not stop for it. Newer kernels have moved it already when they refuse the
        // name.
        if (!moved && moved.error().system_error == EEXIST)
            moved = unless_gone(move_as(kAnyDevice, moved_mark(step.home)));
        session.indexes_.erase(step.device);
        return moved;
    }

    Status operator()(const SetBridge& step) const {
        const auto device = find_index(uplink(), step.device);
        if (!device) return tl::unexpected(device.error());
        if (step.bridge.empty()) return send_request(uplink(), rtnetlink::set_master(*device, 0));
        const auto bridge = find_index(uplink(), step.bridge);
        if (!bridge) return tl::unexpected(bridge.error());
        return send_request(uplink(), rtnetlink::set_master(*device, *bridge));
    }

    Status operator()(const SetUplinkUp& step) const {
        const auto device = find_index(uplink(), step.device);
        if (!device) return tl::unexpected(device.error());
        return send_request(uplink(), rtnetlink::set_up(*device, true));
    }

    Status operator()(const RemoveUplink& step) const {
        const auto device = find_index(uplink(), step.device);
        if (!device) return unless_gone(tl::unexpected(device.error()));
        return unless_gone(send_request(uplink(), rtnetlink::delete_link(*device)));
    }

    Status operator()(const RenameUplink& step) const {
        const auto device = find_index(uplink(), step.device);
        if (!device) return tl::unexpected(device.error());
        WARREN_TRY(send_request(uplink(), rtnetlink::set_name(*device, step.name)));
        return send_request(uplink(), rtnetlink::set_alias(*device, ""));
    }

    Status operator()(const RenameOuter& step) const {
        const auto device = find_index(uplink(), step.device);
        if (!device) return tl::unexpected(device.error());
        WARREN_TRY(send_request(uplink(), rtnetlink::set_alias(*device, step.owner)));
        const Status renamed = send_request(uplink(), rtnetlink::set_name(*device, step.name));
        if (renamed || renamed.error().system_error != EBUSY) return renamed;
        // A kernel before 6.2 renames only devices that are down.
        WARREN_TRY(send_request(uplink(), rtnetlink::set_up(*device, false)));
        const Status done = send_request(uplink(), rtnetlink::set_name(*device, step.name));
        WARREN_TRY(send_request(uplink(), rtnetlink::set_up(*device, true)));
        return done;
    }
};

Status StackSession::enter() {
    auto target = open_namespace(name_);
    if (!target) return tl::unexpected(target.error());
    namespace_ = std::move(*target);
    auto inside = InNamespace::enter(namespace_.get(), uplink_.home.get());
    if (!inside) return tl::unexpected(inside.error());
    inside_.emplace(std::move(*inside));
    return open_socket();
}

void StackSession::leave() {
    socket_.reset();
    sysctls_.reset();
    indexes_.clear();
    inside_.reset();
    namespace_.reset();
}

Status StackSession::open_socket() {
    auto socket = NetlinkSocket::open(NETLINK_ROUTE);
    if (!socket) return tl::unexpected(socket.error());
    socket_.emplace(std::move(*socket));
    return {};
}

const SysctlFiles& StackSession::sysctls() {
    if (!sysctls_) sysctls_.emplace(uplink_.sysctls.here());
    return *sysctls_;
}

Result<std::uint32_t> StackSession::index_of(const std::string& device) {
    if (const auto known = indexes_.find(device); known != indexes_.end()) return known->second;
    const auto index = find_index(*socket_, device);
    if (index) indexes_[device] = *index;
    return index;
}

Status StackSession::carry_out(const Step& step) {
    return std::visit(StepRunner{*this}, step);
}

Result<std::string> StackSession::owner() {
    NetlinkRequest request = rtnetlink::find_link(kLoopback);
    const auto reply = socket_->query(request);
    if (!reply) return tl::unexpected(reply.error());
    const std::vector<Link> links = rtnetlink::parse_links(*reply);
    return links.empty() ? std::string() : links.front().alias;
}

Result<LearnedRoutes> StackSession::learned_routes() {
    LearnedRoutes out;
    const auto tunnel = index_of(kTunnelDevice);
    if (!tunnel)
        return tunnel.error().code == ErrorCode::kNotFound ? Result<LearnedRoutes>(out)
                                                           : tl::unexpected<Error>(tunnel.error());
    for (const Family family : {Family::kV4, Family::kV6}) {
        // The rest of a dump that is not read to its end goes with its socket.
        auto socket = NetlinkSocket::open(NETLINK_ROUTE);
        if (!socket) return tl::unexpected(socket.error());
        NetlinkRequest request = rtnetlink::dump_learned(family);
        const auto some = socket->dump_some(request, kMostRoutesRead);
        if (!some) return with_context("dump learned routes", some.error());
        rtnetlink::parse_learned(some->messages, *tunnel, out.routes);
        out.is_cut = out.is_cut || some->is_cut;
    }
    return out;
}

Result<ObservedStack> StackSession::observe(std::span<const Sysctl> sysctls) {
    ObservedStack stack;
    stack.exists = true;
    const auto links = dump(*socket_, rtnetlink::dump_links());
    if (!links) return with_context("dump links", links.error());
    stack.links = rtnetlink::parse_links(*links);
    const auto addresses = dump(*socket_, rtnetlink::dump_addresses());
    if (!addresses) return with_context("dump addresses", addresses.error());
    stack.addresses = rtnetlink::parse_addresses(*addresses, stack.links);
    for (const Family family : {Family::kV4, Family::kV6}) {
        const auto routes = dump(*socket_, rtnetlink::dump_routes(family));
        if (!routes) return with_context("dump routes", routes.error());
        std::vector<Route> parsed = rtnetlink::parse_routes(*routes, stack.links);
        std::move(parsed.begin(), parsed.end(), std::back_inserter(stack.routes));
    }
    for (const Sysctl& sysctl : sysctls) {
        if (auto value = this->sysctls().read(sysctl.path)) stack.sysctls[sysctl.path] = std::move(*value);
    }
    auto netfilter = NetlinkSocket::open(NETLINK_NETFILTER);
    if (!netfilter) return tl::unexpected(netfilter.error());
    const auto tables = dump(*netfilter, dump_firewall_tables());
    if (!tables) return with_context("dump firewall", tables.error());
    std::vector<std::uint8_t> rules;
    for (const NetlinkRequest& request : dump_firewall_rules()) {
        const auto some = dump(*netfilter, request);
        if (!some) return with_context("dump firewall", some.error());
        rules.insert(rules.end(), some->begin(), some->end());
    }
    const auto chains = dump(*netfilter, dump_firewall_chains());
    if (!chains) return with_context("dump firewall", chains.error());
    stack.firewall = parse_firewall(*tables, rules, *chains);
    if (!stack.firewall || stack.firewall->chains.find(kPolicyChain) == std::string::npos) return stack;
    const auto sets = dump(*netfilter, dump_sets());
    if (!sets) return with_context("dump firewall", sets.error());
    stack.firewall->policy.lists = parse_lists(*sets);
    stack.firewall->policy.counting = parse_counting(*sets);
    for (KeyList& list : stack.firewall->policy.lists) {
        const auto members = dump(*netfilter, dump_members(list.name));
        if (!members) return with_context("dump firewall", members.error());
        list.members = parse_members(*members, list.key);
    }
    return stack;
}

}  // namespace warren::stacks
