#include "stacks/kernel/stack_events.h"

#include <linux/net_namespace.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <span>
#include <utility>

#include "stacks/kernel/netns.h"

namespace warren::stacks {

namespace {

constexpr std::size_t kReceiveSpace = 64 * 1024;
constexpr int kQueueBytes = 8 << 20;  // thousands of stacks that are made at once
constexpr int kReadsPerTake = 1000;
constexpr std::array<int, 5> kRouteGroups = {RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV4_ROUTE,
                                             RTNLGRP_IPV6_ROUTE};

Result<UniqueFd> listen_to(int protocol, std::span<const int> groups) {
    UniqueFd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol));
    if (!socket.valid()) return fail_errno("open netlink socket", errno);
    // Without a number of its own it has the kernel's, and a sender is not told of its own messages.
    sockaddr_nl any{};
    any.nl_family = AF_NETLINK;
    if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&any), sizeof any) != 0)
        return fail_errno("bind netlink socket", errno);
    const int on = 1;
    if (::setsockopt(socket.get(), SOL_NETLINK, NETLINK_LISTEN_ALL_NSID, &on, sizeof on) != 0)
        return fail_errno("listen to all network namespaces (CAP_NET_BROADCAST)", errno);
    (void)::setsockopt(socket.get(), SOL_SOCKET, SO_RCVBUFFORCE, &kQueueBytes, sizeof kQueueBytes);
    for (const int group : groups) {
        if (::setsockopt(socket.get(), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) != 0)
            return fail_errno("join a netlink group", errno);
    }
    return socket;
}

Status add_to(int epoll, int socket) {
    epoll_event event{};
    event.events = EPOLLIN;
    if (::epoll_ctl(epoll, EPOLL_CTL_ADD, socket, &event) != 0) return fail_errno("epoll_ctl", errno);
    return {};
}

NetlinkRequest namespace_request(std::uint16_t type, std::uint16_t flags, int namespace_fd) {
    rtgenmsg header{};
    header.rtgen_family = AF_UNSPEC;
    // The header is shorter than the alignment of attributes.
    std::array<std::uint8_t, NLMSG_ALIGN(sizeof header)> padded{};
    std::memcpy(padded.data(), &header, sizeof header);
    NetlinkRequest request(type, flags, padded);
    request.put_host(NETNSA_FD, static_cast<std::uint32_t>(namespace_fd));
    return request;
}

std::int32_t number_in(Bytes reply) {
    NetlinkMessage message;
    while (next_message(reply, message)) {
        if (message.type != RTM_NEWNSID || message.payload.size() < NLMSG_ALIGN(sizeof(rtgenmsg))) continue;
        Bytes attributes = message.payload.subspan(NLMSG_ALIGN(sizeof(rtgenmsg)));
        NetlinkAttribute attribute;
        while (next_attribute(attributes, attribute)) {
            if (attribute.type == NETNSA_NSID) return static_cast<std::int32_t>(attribute.host<std::uint32_t>());
        }
    }
    return NETNSA_NSID_NOT_ASSIGNED;
}

// The number by which the uplink knows the namespace that a notification is from; nothing for its own.
std::int32_t number_of(msghdr& header) {
    for (cmsghdr* control = CMSG_FIRSTHDR(&header); control != nullptr; control = CMSG_NXTHDR(&header, control)) {
        if (control->cmsg_level != SOL_NETLINK || control->cmsg_type != NETLINK_LISTEN_ALL_NSID) continue;
        std::int32_t number = NETNSA_NSID_NOT_ASSIGNED;
        std::memcpy(&number, CMSG_DATA(control), sizeof number);
        return number;
    }
    return NETNSA_NSID_NOT_ASSIGNED;
}

// Of a route; 0: the message has none.
std::uint8_t protocol_of(const NetlinkMessage& message) {
    constexpr std::size_t kAt = offsetof(rtmsg, rtm_protocol);
    return message.payload.size() > kAt ? message.payload[kAt] : std::uint8_t{0};
}

}  // namespace

bool is_learned_change(Bytes messages) {
    NetlinkMessage message;
    while (next_message(messages, message)) {
        if (message.type == RTM_NEWROUTE || message.type == RTM_DELROUTE) {
            if (protocol_of(message) == RTPROT_BIRD) return true;
        }
    }
    return false;
}

bool is_change(Bytes messages) {
    NetlinkMessage message;
    while (next_message(messages, message)) {
        switch (message.type) {
            case RTM_NEWLINK:
            case RTM_DELLINK:
            case RTM_NEWADDR:
            case RTM_DELADDR: return true;
            case RTM_NEWROUTE:
            case RTM_DELROUTE:
                if (protocol_of(message) == kRouteProtocol) return true;
                break;
            default:
                if (message.type >> 8U == NFNL_SUBSYS_NFTABLES) return true;
        }
    }
    return false;
}

StackEvents::StackEvents(NetlinkSocket requests, UniqueFd route, UniqueFd firewall, UniqueFd either)
    : requests_(std::move(requests)),
      route_(std::move(route)),
      firewall_(std::move(firewall)),
      either_(std::move(either)),
      buffer_(kReceiveSpace) {}

Result<StackEvents> StackEvents::open() {
    auto requests = NetlinkSocket::open(NETLINK_ROUTE);
    if (!requests) return tl::unexpected(requests.error());
    auto route = listen_to(NETLINK_ROUTE, kRouteGroups);
    if (!route) return tl::unexpected(route.error());
    auto firewall = listen_to(NETLINK_NETFILTER, std::array<int, 1>{NFNLGRP_NFTABLES});
    if (!firewall) return tl::unexpected(firewall.error());
    UniqueFd either(::epoll_create1(EPOLL_CLOEXEC));
    if (!either.valid()) return fail_errno("epoll", errno);
    WARREN_TRY(add_to(either.get(), route->get()));
    WARREN_TRY(add_to(either.get(), firewall->get()));
    return StackEvents(std::move(*requests), std::move(*route), std::move(*firewall), std::move(either));
}

Status StackEvents::watch(const std::string& name) {
    const auto space = open_namespace(name);
    if (!space) return tl::unexpected(space.error());
    // The number stays with the namespace, also over a restart of ours; the kernel chooses it.
    NetlinkRequest assign = namespace_request(RTM_NEWNSID, NLM_F_ACK, space->get());
    assign.put_host(NETNSA_NSID, static_cast<std::uint32_t>(NETNSA_NSID_NOT_ASSIGNED));
    if (const Status assigned = requests_.request(assign); !assigned && assigned.error().system_error != EEXIST)
        return with_context("number " + name, assigned.error());
    NetlinkRequest ask = namespace_request(RTM_GETNSID, 0, space->get());
    const auto reply = requests_.query(ask);
    if (!reply) return with_context("number of " + name, reply.error());
    const std::int32_t number = number_in(*reply);
    if (number < 0) return fail(ErrorCode::kFailed, name + " got no number");
    forget(name);
    if (const auto before = names_.find(number); before != names_.end()) numbers_.erase(before->second);
    names_[number] = name;
    numbers_[name] = number;
    return {};
}

void StackEvents::forget(const std::string& name) {
    const auto found = numbers_.find(name);
    if (found == numbers_.end()) return;
    names_.erase(found->second);
    numbers_.erase(found);
}

StackChanges StackEvents::take() {
    StackChanges changes;
    read(route_.get(), changes);
    read(firewall_.get(), changes);
    return changes;
}

void StackEvents::read(int socket, StackChanges& changes) {
    for (int reads = 0; reads < kReadsPerTake; ++reads) {
        iovec part{buffer_.data(), buffer_.size()};
        alignas(cmsghdr) std::array<std::uint8_t, 128> control{};
        msghdr header{};
        header.msg_iov = &part;
        header.msg_iovlen = 1;
        header.msg_control = control.data();
        header.msg_controllen = control.size();
        const ssize_t size = ::recvmsg(socket, &header, 0);
        if (size < 0 && errno == EINTR) continue;
        if (size < 0 && errno == ENOBUFS) {
            changes.lost = true;
            continue;
        }
        if (size <= 0) return;
        const auto name = names_.find(number_of(header));
        if (name == names_.end()) continue;
        const Bytes messages = Bytes(buffer_).first(static_cast<std::size_t>(size));
        if (!changes.names.contains(name->second) && is_change(messages)) changes.names.insert(name->second);
        if (!changes.learned.contains(name->second) && is_learned_change(messages))
            changes.learned.insert(name->second);
    }
}

}  // namespace warren::stacks
