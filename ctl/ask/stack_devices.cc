#include "ctl/ask/stack_devices.h"

#include <fmt/format.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <thread>

#include "base/bytes.h"
#include "ctl/ask/netns.h"

namespace warren::ctl {

namespace {

constexpr std::size_t kDumpSpace = 32768;  // what the kernel fills at most in one piece of a dump
using Socket = std::unique_ptr<mnl_socket, int (*)(mnl_socket*)>;

template <std::size_t N>
using Attributes = std::array<const nlattr*, N>;

template <std::size_t N>
int keep(const nlattr* attribute, void* attributes) {
    const auto type = mnl_attr_get_type(attribute);
    if (type < N) (*static_cast<Attributes<N>*>(attributes))[type] = attribute;
    return MNL_CB_OK;
}

std::string text_of(const nlattr* attribute) {
    if (attribute == nullptr || mnl_attr_validate(attribute, MNL_TYPE_NUL_STRING) < 0) return {};
    return mnl_attr_get_str(attribute);
}

Result<Socket> open_socket() {
    Socket socket(mnl_socket_open(NETLINK_ROUTE), &mnl_socket_close);
    if (socket == nullptr) return fail_errno("netlink socket", errno);
    if (mnl_socket_bind(socket.get(), 0, MNL_SOCKET_AUTOPID) < 0) return fail_errno("netlink bind", errno);
    return socket;
}

int collect_device(const nlmsghdr* message, void* devices) {
    StackDevice device = parse_device(*message);
    if (device.index != 0) static_cast<std::vector<StackDevice>*>(devices)->push_back(std::move(device));
    return MNL_CB_OK;
}

int collect_address(const nlmsghdr* message, void* devices) {
    if (message->nlmsg_type != RTM_NEWADDR || mnl_nlmsg_get_payload_len(message) < sizeof(ifaddrmsg)) return MNL_CB_OK;
    const auto& header = *static_cast<const ifaddrmsg*>(mnl_nlmsg_get_payload(message));
    Attributes<IFA_MAX + 1> attributes{};
    if (mnl_attr_parse(message, sizeof(ifaddrmsg), keep<IFA_MAX + 1>, &attributes) < 0) return MNL_CB_OK;
    // IFA_LOCAL is our own end of a point-to-point link, where there are two.
    const nlattr* own = attributes[IFA_LOCAL] != nullptr ? attributes[IFA_LOCAL] : attributes[IFA_ADDRESS];
    const std::size_t size = header.ifa_family == AF_INET ? 4 : 16;
    if (own == nullptr || mnl_attr_get_payload_len(own) != size || header.ifa_prefixlen > size * 8) return MNL_CB_OK;
    Prefix prefix;
    prefix.address = IpAddress::from_bytes({static_cast<const std::uint8_t*>(mnl_attr_get_payload(own)), size});
    prefix.length = header.ifa_prefixlen;
    for (StackDevice& device : *static_cast<std::vector<StackDevice>*>(devices))
        if (device.index == header.ifa_index) device.addresses.push_back(prefix);
    return MNL_CB_OK;
}

// One dump (RFC 3549 §2.3.2).
Status dump(mnl_socket& socket, std::uint16_t type, std::size_t header, mnl_cb_t collect,
            std::vector<StackDevice>& devices) {
    std::vector<char> space(kDumpSpace);
    nlmsghdr* request = mnl_nlmsg_put_header(space.data());
    request->nlmsg_type = type;
    request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    request->nlmsg_seq = type;
    (void)mnl_nlmsg_put_extra_header(request, header);  // AF_UNSPEC: of all families
    if (mnl_socket_sendto(&socket, request, request->nlmsg_len) < 0) return fail_errno("request devices", errno);
    while (true) {
        const ssize_t got = mnl_socket_recvfrom(&socket, space.data(), space.size());
        if (got < 0) return fail_errno("receive devices", errno);
        const int more = mnl_cb_run(space.data(), static_cast<std::size_t>(got), type, mnl_socket_get_portid(&socket),
                                    collect, &devices);
        if (more < 0 && errno != EINTR) return fail_errno("receive devices", errno);
        if (more <= 0) return {};  // EINTR: some changed meanwhile, which is shown the next time
    }
}

}  // namespace

StackDevice parse_device(const nlmsghdr& message) {
    StackDevice out;
    if (message.nlmsg_type != RTM_NEWLINK || mnl_nlmsg_get_payload_len(&message) < sizeof(ifinfomsg)) return out;
    const auto& header = *static_cast<const ifinfomsg*>(mnl_nlmsg_get_payload(&message));
    Attributes<IFLA_MAX + 1> attributes{};
    if (mnl_attr_parse(&message, sizeof(ifinfomsg), keep<IFLA_MAX + 1>, &attributes) < 0) return out;
    out.index = static_cast<std::uint32_t>(header.ifi_index);
    out.up = (header.ifi_flags & IFF_UP) != 0;
    out.name = text_of(attributes[IFLA_IFNAME]);
    out.alias = text_of(attributes[IFLA_IFALIAS]);
    if (const nlattr* mtu = attributes[IFLA_MTU]; mtu != nullptr && mnl_attr_get_payload_len(mtu) == 4)
        out.mtu = mnl_attr_get_u32(mtu);
    if (const nlattr* master = attributes[IFLA_MASTER]; master != nullptr && mnl_attr_get_payload_len(master) == 4)
        out.master = mnl_attr_get_u32(master);
    // With the id of another namespace the index is one of that.
    if (const nlattr* link = attributes[IFLA_LINK];
        link != nullptr && mnl_attr_get_payload_len(link) == 4 && attributes[IFLA_LINK_NETNSID] == nullptr)
        out.link = mnl_attr_get_u32(link);
    if (const nlattr* info = attributes[IFLA_LINKINFO]) {
        Attributes<IFLA_INFO_MAX + 1> inner{};
        if (mnl_attr_parse_nested(info, keep<IFLA_INFO_MAX + 1>, &inner) >= 0)
            out.kind = text_of(inner[IFLA_INFO_KIND]);
    }
    // Newer kernels append to this struct.
    if (const nlattr* counted = attributes[IFLA_STATS64];
        counted != nullptr && mnl_attr_get_payload_len(counted) >= 8 * sizeof(std::uint64_t)) {
        const auto* bytes = static_cast<const std::uint8_t*>(mnl_attr_get_payload(counted));
        const auto number = [bytes](std::size_t place) { return load_le<std::uint64_t>(bytes + place * 8); };
        out.rx_packets = number(0);
        out.tx_packets = number(1);
        out.rx_bytes = number(2);
        out.tx_bytes = number(3);
        out.rx_dropped = number(6);
        out.tx_dropped = number(7);
    }
    return out;
}

Result<std::vector<StackDevice>> devices_here() {
    auto socket = open_socket();
    if (!socket) return tl::unexpected<Error>(socket.error());
    std::vector<StackDevice> out;
    WARREN_TRY(dump(**socket, RTM_GETLINK, sizeof(ifinfomsg), collect_device, out));
    WARREN_TRY(dump(**socket, RTM_GETADDR, sizeof(ifaddrmsg), collect_address, out));
    std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.index < b.index; });
    return out;
}

Result<std::vector<StackDevice>> devices_of(const std::string& customer) {
    const auto stack = open_stack(customer);
    if (!stack) return tl::unexpected<Error>(stack.error());
    Result<std::vector<StackDevice>> out;
    std::thread([&] {
        const auto entered = enter(*stack, customer);
        out = entered ? devices_here() : tl::unexpected<Error>(entered.error());
    }).join();
    return out;
}

Status move_device(std::uint32_t index, int target, const std::string& name, const std::string& alias) {
    auto socket = open_socket();
    if (!socket) return tl::unexpected<Error>(socket.error());
    std::vector<char> space(kDumpSpace);
    nlmsghdr* request = mnl_nlmsg_put_header(space.data());
    request->nlmsg_type = RTM_NEWLINK;
    request->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
    request->nlmsg_seq = 1;
    auto* link = static_cast<ifinfomsg*>(mnl_nlmsg_put_extra_header(request, sizeof(ifinfomsg)));
    link->ifi_index = static_cast<int>(index);
    link->ifi_flags = IFF_UP;  // the kernel takes a device down that moves
    link->ifi_change = IFF_UP;
    mnl_attr_put_u32(request, IFLA_NET_NS_FD, static_cast<std::uint32_t>(target));
    mnl_attr_put_strz(request, IFLA_IFNAME, name.c_str());
    mnl_attr_put_strz(request, IFLA_IFALIAS, alias.c_str());
    if (mnl_socket_sendto(socket->get(), request, request->nlmsg_len) < 0) return fail_errno("move the device", errno);
    const ssize_t got = mnl_socket_recvfrom(socket->get(), space.data(), space.size());
    if (got < 0) return fail_errno("move the device", errno);
    if (mnl_cb_run(space.data(), static_cast<std::size_t>(got), 1, mnl_socket_get_portid(socket->get()), nullptr,
                   nullptr) >= 0)
        return {};
    if (errno == EEXIST) return fail(ErrorCode::kConflict, fmt::format("there is a device {} already", name), EEXIST);
    if (errno == EINVAL || errno == EOPNOTSUPP)
        return fail(ErrorCode::kUnsupported, "the kernel does not move such a device between namespaces", errno);
    return fail_errno("move the device", errno);
}

}  // namespace warren::ctl
