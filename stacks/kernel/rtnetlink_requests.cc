#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/if_vlan.h>
#include <linux/neighbour.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>

#include "stacks/kernel/rtnetlink.h"

namespace warren::stacks::rtnetlink {

namespace {

constexpr std::uint16_t kChange = NLM_F_ACK;
constexpr std::uint16_t kCreate = NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
constexpr std::uint16_t kReplace = NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE;
constexpr std::uint8_t kVlanId = 1;          // IFLA_VLAN_ID
constexpr std::uint8_t kVlanFlags = 2;       // IFLA_VLAN_FLAGS
constexpr std::uint8_t kMacvlanMode = 1;     // IFLA_MACVLAN_MODE
constexpr std::uint32_t kMacvlanBridge = 4;  // MACVLAN_MODE_BRIDGE

ifinfomsg link_header(std::uint32_t index) {
    ifinfomsg header{};
    header.ifi_family = AF_UNSPEC;
    header.ifi_index = static_cast<int>(index);
    return header;
}

NetlinkRequest change_link(std::uint32_t index) {
    return {RTM_SETLINK, kChange, link_header(index)};
}

std::uint8_t family_of(const IpAddress& address) {
    return address.is_v4() ? AF_INET : AF_INET6;
}

ifaddrmsg address_header(std::uint32_t index, const Prefix& prefix) {
    ifaddrmsg header{};
    header.ifa_family = family_of(prefix.address);
    header.ifa_prefixlen = prefix.length;
    header.ifa_index = index;
    return header;
}

rtmsg route_header(const Route& route) {
    rtmsg header{};
    header.rtm_family = family_of(route.to.address);
    header.rtm_dst_len = route.to.length;
    header.rtm_table = RT_TABLE_MAIN;
    header.rtm_protocol = kRouteProtocol;
    header.rtm_type = route.type == RouteType::kUnicast ? RTN_UNICAST : RTN_UNREACHABLE;
    // Without a gateway the destination is on the link itself.
    header.rtm_scope = route.type == RouteType::kUnicast && !route.via ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
    return header;
}

NetlinkRequest create_on_parent(const std::string& name, std::uint32_t parent, int namespace_fd) {
    NetlinkRequest request(RTM_NEWLINK, kCreate, link_header(0));
    request.put(IFLA_IFNAME, name);
    request.put_host(IFLA_LINK, parent);
    request.put_host(IFLA_NET_NS_FD, static_cast<std::uint32_t>(namespace_fd));
    return request;
}

}  // namespace

NetlinkRequest set_alias(std::uint32_t index, const std::string& alias) {
    // Without the terminating zero: the kernel counts it to the text.
    return change_link(index).put(IFLA_IFALIAS, as_bytes(alias));
}

NetlinkRequest set_up(std::uint32_t index, bool up) {
    ifinfomsg header = link_header(index);
    header.ifi_flags = up ? IFF_UP : 0;
    header.ifi_change = IFF_UP;
    return {RTM_SETLINK, kChange, header};
}

NetlinkRequest set_multicast_off(std::uint32_t index) {
    ifinfomsg header = link_header(index);
    header.ifi_change = IFF_MULTICAST;
    return {RTM_SETLINK, kChange, header};
}

NetlinkRequest set_mtu(std::uint32_t index, std::uint32_t mtu) {
    return change_link(index).put_host(IFLA_MTU, mtu);
}

NetlinkRequest set_queue_length(std::uint32_t index, std::uint32_t packets) {
    return change_link(index).put_host(IFLA_TXQLEN, packets);
}

NetlinkRequest set_name(std::uint32_t index, const std::string& name) {
    return change_link(index).put(IFLA_IFNAME, name);
}

NetlinkRequest set_master(std::uint32_t index, std::uint32_t master) {
    return change_link(index).put_host(IFLA_MASTER, master);
}

NetlinkRequest set_no_queue(std::uint32_t index) {
    tcmsg header{};
    header.tcm_ifindex = static_cast<int>(index);
    header.tcm_parent = TC_H_ROOT;
    NetlinkRequest request(RTM_NEWQDISC, kReplace, header);
    request.put(TCA_KIND, std::string_view("noqueue"));
    return request;
}

NetlinkRequest move_link(std::uint32_t index, int namespace_fd, const std::string& name, const std::string& alias) {
    NetlinkRequest request = change_link(index);
    request.put_host(IFLA_NET_NS_FD, static_cast<std::uint32_t>(namespace_fd));
    request.put(IFLA_IFNAME, name);
    request.put(IFLA_IFALIAS, as_bytes(alias));
    return request;
}

NetlinkRequest delete_link(std::uint32_t index) {
    return {RTM_DELLINK, kChange, link_header(index)};
}

NetlinkRequest create_veth(const std::string& name, const std::string& peer) {
    NetlinkRequest request(RTM_NEWLINK, kCreate, link_header(0));
    request.put(IFLA_IFNAME, name);
    const ifinfomsg peer_header = link_header(0);
    const Bytes prefix(reinterpret_cast<const std::uint8_t*>(&peer_header), sizeof peer_header);
    request.nest(IFLA_LINKINFO, [&] {
        request.put(IFLA_INFO_KIND, std::string_view("veth"));
        request.nest(IFLA_INFO_DATA, [&] {
            request.nest(
                VETH_INFO_PEER, [&] { request.put(IFLA_IFNAME, peer); }, prefix);
        });
    });
    return request;
}

NetlinkRequest create_macvlan(const std::string& name, std::uint32_t parent, int namespace_fd) {
    NetlinkRequest request = create_on_parent(name, parent, namespace_fd);
    return request.nest(IFLA_LINKINFO, [&] {
        request.put(IFLA_INFO_KIND, std::string_view("macvlan"));
        request.nest(IFLA_INFO_DATA, [&] { request.put_host(kMacvlanMode, kMacvlanBridge); });
    });
}

NetlinkRequest create_vlan(const std::string& name, std::uint32_t parent, std::uint16_t vlan_id, int namespace_fd) {
    NetlinkRequest request = create_on_parent(name, parent, namespace_fd);
    const ifla_vlan_flags flags{VLAN_FLAG_LOOSE_BINDING, VLAN_FLAG_LOOSE_BINDING};
    return request.nest(IFLA_LINKINFO, [&] {
        request.put(IFLA_INFO_KIND, std::string_view("vlan"));
        request.nest(IFLA_INFO_DATA, [&] {
            request.put_host(kVlanId, vlan_id);
            request.put(kVlanFlags, Bytes(reinterpret_cast<const std::uint8_t*>(&flags), sizeof flags));
        });
    });
}

NetlinkRequest add_address(std::uint32_t index, const Prefix& prefix, bool no_dad) {
    NetlinkRequest request(RTM_NEWADDR, kReplace, address_header(index, prefix));
    request.put(IFA_LOCAL, prefix.address);
    request.put(IFA_ADDRESS, prefix.address);
    if (no_dad && !prefix.address.is_v4()) request.put_host(IFA_FLAGS, std::uint32_t{IFA_F_NODAD});
    return request;
}

NetlinkRequest create_plain(const std::string& name, const std::string& kind) {
    NetlinkRequest request(RTM_NEWLINK, kCreate, link_header(0));
    request.put(IFLA_IFNAME, name);
    request.nest(IFLA_LINKINFO, [&] { request.put(IFLA_INFO_KIND, std::string_view(kind)); });
    return request;
}

NetlinkRequest put_address_for(std::uint32_t index, const Prefix& prefix, std::uint32_t seconds) {
    NetlinkRequest request = add_address(index, prefix, true);
    const ifa_cacheinfo lifetime{seconds, seconds, 0, 0};
    request.put(IFA_CACHEINFO, Bytes(reinterpret_cast<const std::uint8_t*>(&lifetime), sizeof lifetime));
    return request;
}

NetlinkRequest remove_address(std::uint32_t index, const Prefix& prefix) {
    NetlinkRequest request(RTM_DELADDR, kChange, address_header(index, prefix));
    request.put(IFA_LOCAL, prefix.address);
    request.put(IFA_ADDRESS, prefix.address);
    return request;
}

NetlinkRequest put_route(const Route& route, std::uint32_t index) {
    NetlinkRequest request(RTM_NEWROUTE, kReplace, route_header(route));
    request.put(RTA_DST, route.to.address);
    request.put_host(RTA_PRIORITY, route.metric);
    if (route.via) request.put(RTA_GATEWAY, *route.via);
    if (index != 0) request.put_host(RTA_OIF, index);
    return request;
}

NetlinkRequest remove_route(const Route& route) {
    rtmsg header = route_header(route);
    header.rtm_scope = RT_SCOPE_NOWHERE;  // any
    NetlinkRequest request(RTM_DELROUTE, kChange, header);
    request.put(RTA_DST, route.to.address);
    request.put_host(RTA_PRIORITY, route.metric);
    return request;
}

NetlinkRequest dump_links() {
    return {RTM_GETLINK, NLM_F_DUMP, link_header(0)};
}

NetlinkRequest dump_addresses() {
    return {RTM_GETADDR, NLM_F_DUMP, ifaddrmsg{}};
}

NetlinkRequest dump_routes(Family family) {
    rtmsg header{};
    header.rtm_family = family == Family::kV4 ? AF_INET : AF_INET6;
    header.rtm_protocol = kRouteProtocol;
    return {RTM_GETROUTE, NLM_F_DUMP, header};
}

NetlinkRequest dump_learned(Family family) {
    rtmsg header{};
    header.rtm_family = family == Family::kV4 ? AF_INET : AF_INET6;
    header.rtm_protocol = RTPROT_BIRD;
    return {RTM_GETROUTE, NLM_F_DUMP, header};
}

NetlinkRequest dump_neighbour_tables() {
    ndtmsg header{};
    header.ndtm_family = AF_UNSPEC;
    return {RTM_GETNEIGHTBL, NLM_F_DUMP, header};
}

NetlinkRequest find_link(const std::string& name) {
    NetlinkRequest request(RTM_GETLINK, 0, link_header(0));
    request.put(IFLA_IFNAME, name);
    return request;
}

}  // namespace warren::stacks::rtnetlink
