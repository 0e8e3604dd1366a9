#include "ctl/show/routes.h"

#include <fmt/format.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <map>
#include <memory>
#include <thread>
#include <tuple>

#include "base/kernel_names.h"
#include "ctl/ask/netns.h"
#include "ctl/show/table.h"

namespace warren::ctl {

namespace {

using Attributes = std::array<const nlattr*, RTA_MAX + 1>;

int keep_attribute(const nlattr* attribute, void* attributes) {
    const auto type = mnl_attr_get_type(attribute);
    if (type <= RTA_MAX) (*static_cast<Attributes*>(attributes))[type] = attribute;
    return MNL_CB_OK;
}

std::string type_text(unsigned type) {
    switch (type) {
        case RTN_UNICAST: return "unicast";
        case RTN_BLACKHOLE: return "blackhole";
        case RTN_UNREACHABLE: return "unreachable";
        case RTN_PROHIBIT: return "prohibit";
        case RTN_THROW: return "throw";
        case RTN_LOCAL: return "local";
        case RTN_MULTICAST: return "multicast";
        case RTN_ANYCAST: return "anycast";
        default: return fmt::format("{}", type);
    }
}

constexpr const char* kBird = "bird";
constexpr const char* kTunnel = "vpn0";

std::string learned_text(const StackRoute& route) {
    if (!route.refused.empty()) return fmt::format("nobody: {}", route.refused);
    if (route.peer.empty()) return "-";
    return fmt::format("peer {}{}", route.peer, route.neighbour.empty() ? "" : ", from " + route.neighbour);
}

constexpr std::size_t kDumpSpace = 32768;  // what the kernel fills at most in one piece of a dump

std::string protocol_text(unsigned protocol) {
    switch (protocol) {
        case RTPROT_KERNEL: return "kernel";
        case RTPROT_BOOT: return "boot";
        case RTPROT_STATIC: return "static";
        case RTPROT_RA: return "ra";
        case RTPROT_BIRD: return kBird;
        case RTPROT_BGP: return "bgp";
        case RTPROT_OSPF: return "ospf";
        case kRouteProtocol: return "warren";
        default: return fmt::format("{}", protocol);
    }
}

std::optional<IpAddress> address_of(const nlattr* attribute, bool v4) {
    if (attribute == nullptr || mnl_attr_get_payload_len(attribute) != (v4 ? 4 : 16)) return std::nullopt;
    return IpAddress::from_bytes({static_cast<const std::uint8_t*>(mnl_attr_get_payload(attribute)), v4 ? 4U : 16U});
}

std::uint32_t number_of(const nlattr* attribute) {
    return attribute == nullptr || mnl_attr_get_payload_len(attribute) != 4 ? 0 : mnl_attr_get_u32(attribute);
}

// The first one is shown as the route's own.
void add_hops(const nlattr& multipath, StackRoute& out) {
    const auto* at = static_cast<const std::uint8_t*>(mnl_attr_get_payload(&multipath));
    std::size_t left = mnl_attr_get_payload_len(&multipath);
    rtnexthop hop{};
    while (left >= sizeof(hop)) {
        std::memcpy(&hop, at, sizeof(hop));
        if (hop.rtnh_len < sizeof(hop)) return;
        const std::size_t size = (std::size_t{hop.rtnh_len} + RTNH_ALIGNTO - 1) & ~std::size_t{RTNH_ALIGNTO - 1};
        const auto index = static_cast<std::uint32_t>(hop.rtnh_ifindex);
        if (out.interface_index == 0) out.interface_index = index;
        out.hops.push_back(index);
        if (size >= left) return;
        at += size;
        left -= size;
    }
}

int collect(const nlmsghdr* message, void* routes) {
    if (auto route = parse_route(*message)) static_cast<std::vector<StackRoute>*>(routes)->push_back(std::move(*route));
    return MNL_CB_OK;
}

// One dump (RFC 3549 §2.3.2). `interrupted`: the table changed meanwhile.
Status dump(mnl_socket& socket, unsigned char family, std::vector<StackRoute>& out, bool& interrupted) {
    std::vector<char> space(kDumpSpace);
    nlmsghdr* request = mnl_nlmsg_put_header(space.data());
    request->nlmsg_type = RTM_GETROUTE;
    request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    request->nlmsg_seq = family;
    auto* route = static_cast<rtmsg*>(mnl_nlmsg_put_extra_header(request, sizeof(rtmsg)));
    route->rtm_family = family;
    if (mnl_socket_sendto(&socket, request, request->nlmsg_len) < 0) return fail_errno("request routes", errno);
    const unsigned port = mnl_socket_get_portid(&socket);
    while (true) {
        const ssize_t got = mnl_socket_recvfrom(&socket, space.data(), space.size());
        if (got < 0) return fail_errno("receive routes", errno);
        const int more = mnl_cb_run(space.data(), static_cast<std::size_t>(got), family, port, collect, &out);
        if (more < 0 && errno == EINTR) interrupted = true;
        if (more < 0 && errno != EINTR) return fail_errno("receive routes", errno);
        if (more <= 0) return {};
    }
}

}  // namespace

Result<std::vector<StackRoute>> routes_here() {
    constexpr int kAttempts = 5;
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
        // A socket per attempt: the rest of an interrupted dump is discarded with it.
        const std::unique_ptr<mnl_socket, int (*)(mnl_socket*)> socket(mnl_socket_open(NETLINK_ROUTE),
                                                                       &mnl_socket_close);
        if (socket == nullptr) return fail_errno("netlink socket", errno);
        if (mnl_socket_bind(socket.get(), 0, MNL_SOCKET_AUTOPID) < 0) return fail_errno("netlink bind", errno);
        std::vector<StackRoute> out;
        bool interrupted = false;
        WARREN_TRY(dump(*socket, AF_INET, out, interrupted));
        if (!interrupted) WARREN_TRY(dump(*socket, AF_INET6, out, interrupted));
        if (interrupted) continue;
        for (StackRoute& route : out) {
            std::array<char, IF_NAMESIZE> name{};
            if (route.interface_index != 0 && if_indextoname(route.interface_index, name.data()) != nullptr)
                route.device = name.data();
        }
        return out;
    }
    return fail(ErrorCode::kUnavailable, "the routes change too fast to list; try again");
}

std::optional<StackRoute> parse_route(const nlmsghdr& message) {
    if (message.nlmsg_type != RTM_NEWROUTE || mnl_nlmsg_get_payload_len(&message) < sizeof(rtmsg)) return std::nullopt;
    const auto& header = *static_cast<const rtmsg*>(mnl_nlmsg_get_payload(&message));
    const bool v4 = header.rtm_family == AF_INET;
    if ((!v4 && header.rtm_family != AF_INET6) || (header.rtm_flags & RTM_F_CLONED) != 0) return std::nullopt;
    Attributes attributes{};
    if (mnl_attr_parse(&message, sizeof(rtmsg), keep_attribute, &attributes) < 0) return std::nullopt;
    const std::uint32_t table = attributes[RTA_TABLE] != nullptr ? number_of(attributes[RTA_TABLE]) : header.rtm_table;
    if (table != RT_TABLE_MAIN || header.rtm_dst_len > (v4 ? 32 : 128)) return std::nullopt;

    StackRoute out;
    out.to.address.family = v4 ? Family::kV4 : Family::kV6;
    if (const auto destination = address_of(attributes[RTA_DST], v4)) out.to.address = *destination;
    out.to.length = header.rtm_dst_len;
    out.type = type_text(header.rtm_type);
    out.via = address_of(attributes[RTA_GATEWAY], v4);
    out.interface_index = number_of(attributes[RTA_OIF]);
    if (attributes[RTA_MULTIPATH] != nullptr) add_hops(*attributes[RTA_MULTIPATH], out);
    out.metric = number_of(attributes[RTA_PRIORITY]);
    out.protocol = protocol_text(header.rtm_protocol);
    return out;
}

Result<std::vector<StackRoute>> routes_of(const std::string& customer) {
    const auto stack = open_stack(customer);
    if (!stack) return tl::unexpected<Error>(stack.error());
    Result<std::vector<StackRoute>> out;
    // A separate thread enters the stack and ends there; the caller stays in its own namespace.
    std::thread([&] {
        const auto entered = enter(*stack, customer);
        out = entered ? routes_here() : tl::unexpected<Error>(entered.error());
    }).join();
    if (!out) return out;
    const auto key = [](const StackRoute& route) {
        return std::tie(route.to.address, route.to.length, route.metric, route.device);
    };
    std::sort(out->begin(), out->end(), [&key](const StackRoute& a, const StackRoute& b) { return key(a) < key(b); });
    return out;
}

void note_learned(const std::vector<ipc::LearnedFact>& facts, std::vector<StackRoute>& routes) {
    std::map<Prefix, const ipc::LearnedFact*> by_network;
    for (const ipc::LearnedFact& fact : facts) by_network.try_emplace(fact.network, &fact);
    for (StackRoute& route : routes) {
        const auto found = by_network.find(route.to);
        if (found == by_network.end() || route.protocol != kBird || route.device != kTunnel) continue;
        route.peer = found->second->peer;
        route.neighbour = found->second->neighbour;
        route.refused = found->second->reason;
    }
}

std::string routes_text(const std::vector<StackRoute>& routes) {
    const bool has_learned = std::any_of(routes.begin(), routes.end(), [](const StackRoute& route) {
        return !route.peer.empty() || !route.refused.empty();
    });
    std::vector<Column> columns{{"TO"}, {"TYPE"}, {"VIA"}, {"DEVICE"}, {"METRIC", Align::kRight}, {"MADE BY"}};
    if (has_learned) columns.push_back({"LEARNED FOR"});
    Table table(std::move(columns));
    for (const StackRoute& route : routes) {
        std::vector<std::string> row{to_string(route.to),
                                     route.type,
                                     route.via ? to_string(*route.via) : "-",
                                     route.device.empty() ? "-" : route.device,
                                     fmt::format("{}", route.metric),
                                     route.protocol};
        if (has_learned) row.push_back(learned_text(route));
        table.add(std::move(row));
    }
    return table.text();
}

}  // namespace warren::ctl
