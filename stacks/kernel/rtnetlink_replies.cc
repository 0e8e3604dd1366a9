#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <optional>

#include "stacks/kernel/rtnetlink.h"

namespace warren::stacks::rtnetlink {

namespace {

const std::string* name_of(std::uint32_t index, const std::vector<Link>& links) {
    const auto found =
        std::find_if(links.begin(), links.end(), [index](const Link& link) { return link.index == index; });
    return found == links.end() ? nullptr : &found->name;
}

std::optional<Family> family_of(std::uint8_t number) {
    if (number == AF_INET) return Family::kV4;
    if (number == AF_INET6) return Family::kV6;
    return std::nullopt;
}

// An address attribute of this family, or nothing.
std::optional<IpAddress> address_in(const NetlinkAttribute& attribute, Family family) {
    if (attribute.value.size() != (family == Family::kV4 ? 4U : 16U)) return std::nullopt;
    return IpAddress::from_bytes(attribute.value);
}

// Of a TUN; other kinds number their attributes otherwise.
void parse_tun(Bytes info, Link& link) {
    NetlinkAttribute attribute;
    while (next_attribute(info, attribute)) {
        if (attribute.type == IFLA_TUN_MULTI_QUEUE) link.is_multi_queue = attribute.host<std::uint8_t>() != 0;
        if (attribute.type == IFLA_TUN_NUM_QUEUES) link.queues = attribute.host<std::uint32_t>();
    }
}

void parse_info(Bytes info, Link& link) {
    NetlinkAttribute attribute;
    while (next_attribute(info, attribute)) {
        if (attribute.type == IFLA_INFO_KIND) link.kind = attribute.text();
        if (attribute.type == IFLA_INFO_DATA && link.kind == "tun") parse_tun(attribute.value, link);
    }
}

std::optional<Link> parse_link(Bytes payload) {
    ByteReader reader(payload);
    Link link;
    reader.take(4);  // family, padding, hardware type
    link.index = reader.le<std::uint32_t>();
    link.up = (reader.le<std::uint32_t>() & IFF_UP) != 0;
    reader.le<std::uint32_t>();  // the mask of changed flags
    if (!reader.ok()) return std::nullopt;
    Bytes attributes = reader.rest();
    NetlinkAttribute attribute;
    while (next_attribute(attributes, attribute)) {
        switch (attribute.type) {
            case IFLA_IFNAME: link.name = attribute.text(); break;
            case IFLA_IFALIAS: link.alias = attribute.text(); break;
            case IFLA_QDISC: link.qdisc = attribute.text(); break;
            case IFLA_MTU: link.mtu = attribute.host<std::uint32_t>(); break;
            case IFLA_TXQLEN: link.queue_length = attribute.host<std::uint32_t>(); break;
            case IFLA_LINK: link.linked = attribute.host<std::uint32_t>(); break;
            case IFLA_MASTER: link.master = attribute.host<std::uint32_t>(); break;
            case IFLA_LINKINFO: parse_info(attribute.value, link); break;
            default: break;
        }
    }
    if (link.name.empty()) return std::nullopt;
    return link;
}

std::optional<DeviceAddress> parse_address(Bytes payload, const std::vector<Link>& links) {
    ByteReader reader(payload);
    const auto family = family_of(reader.u8());
    DeviceAddress address;
    address.prefix.length = reader.u8();
    reader.u8();  // flags
    const std::uint8_t scope = reader.u8();
    const std::string* device = name_of(reader.le<std::uint32_t>(), links);
    if (!reader.ok() || !family || device == nullptr) return std::nullopt;
    if (*family == Family::kV6 && scope == RT_SCOPE_LINK) return std::nullopt;
    address.device = *device;
    std::optional<IpAddress> local;
    Bytes attributes = reader.rest();
    NetlinkAttribute attribute;
    while (next_attribute(attributes, attribute)) {
        // With a peer address IFA_ADDRESS is the peer's, IFA_LOCAL ours (rtnetlink(7)).
        if (attribute.type == IFA_LOCAL) local = address_in(attribute, *family);
        if (attribute.type == IFA_ADDRESS && !local) local = address_in(attribute, *family);
    }
    if (!local || address.prefix.length > local->bits()) return std::nullopt;
    address.prefix.address = *local;
    return address;
}

std::optional<Route> parse_route(Bytes payload, const std::vector<Link>& links) {
    ByteReader reader(payload);
    const auto family = family_of(reader.u8());
    Route route;
    route.to.length = reader.u8();
    reader.take(2);  // source length, type of service
    std::uint32_t table = reader.u8();
    const std::uint8_t protocol = reader.u8();
    reader.u8();  // scope
    const std::uint8_t type = reader.u8();
    reader.le<std::uint32_t>();  // flags
    if (!reader.ok() || !family || protocol != kRouteProtocol || (type != RTN_UNICAST && type != RTN_UNREACHABLE))
        return std::nullopt;
    route.type = type == RTN_UNICAST ? RouteType::kUnicast : RouteType::kUnreachable;
    route.to.address.family = *family;
    route.metric = 0;
    if (route.to.length > route.to.address.bits()) return std::nullopt;
    Bytes attributes = reader.rest();
    NetlinkAttribute attribute;
    while (next_attribute(attributes, attribute)) {
        switch (attribute.type) {
            case RTA_DST:
                if (const auto to = address_in(attribute, *family)) route.to.address = *to;
                break;
            case RTA_GATEWAY: route.via = address_in(attribute, *family); break;
            case RTA_PRIORITY: route.metric = attribute.host<std::uint32_t>(); break;
            case RTA_TABLE: table = attribute.host<std::uint32_t>(); break;
            case RTA_OIF:
                // IPv6 ties unreachable routes to lo.
                if (const std::string* device = name_of(attribute.host<std::uint32_t>(), links);
                    device != nullptr && type == RTN_UNICAST)
                    route.device = *device;
                break;
            default: break;
        }
    }
    if (table != RT_TABLE_MAIN) return std::nullopt;
    return route;
}

std::optional<LearnedRoute> parse_learned_route(Bytes payload, std::uint32_t tunnel) {
    ByteReader reader(payload);
    const auto family = family_of(reader.u8());
    LearnedRoute route;
    route.to.length = reader.u8();
    reader.take(1);  // source length
    const std::uint8_t service = reader.u8();
    std::uint32_t table = reader.u8();
    const std::uint8_t protocol = reader.u8();
    reader.u8();  // scope
    const std::uint8_t type = reader.u8();
    const auto flags = reader.le<std::uint32_t>();
    if (!reader.ok() || !family || protocol != RTPROT_BIRD || type != RTN_UNICAST || service != 0) return std::nullopt;
    if ((flags & RTM_F_CLONED) != 0) return std::nullopt;
    route.to.address.family = *family;
    if (route.to.length > route.to.address.bits()) return std::nullopt;
    Bytes attributes = reader.rest();
    NetlinkAttribute attribute;
    while (next_attribute(attributes, attribute)) {
        switch (attribute.type) {
            case RTA_DST:
                if (const auto to = address_in(attribute, *family)) route.to.address = *to;
                break;
            case RTA_GATEWAY: route.via = address_in(attribute, *family); break;
            case RTA_PRIORITY: route.metric = attribute.host<std::uint32_t>(); break;
            case RTA_TABLE: table = attribute.host<std::uint32_t>(); break;
            case RTA_OIF: route.is_in_tunnel = attribute.host<std::uint32_t>() == tunnel; break;
            default: break;  // of several gateways each is in RTA_MULTIPATH, and the route is in no tunnel
        }
    }
    if (table != RT_TABLE_MAIN) return std::nullopt;
    return route;
}

}  // namespace

void parse_learned(Bytes messages, std::uint32_t tunnel, std::vector<LearnedRoute>& out) {
    NetlinkMessage message;
    while (next_message(messages, message)) {
        if (message.type != RTM_NEWROUTE) continue;
        if (auto route = parse_learned_route(message.payload, tunnel)) out.push_back(*route);
    }
}

std::vector<Link> parse_links(Bytes messages) {
    std::vector<Link> links;
    NetlinkMessage message;
    while (next_message(messages, message)) {
        if (message.type != RTM_NEWLINK) continue;
        if (auto link = parse_link(message.payload)) links.push_back(std::move(*link));
    }
    return links;
}

std::vector<DeviceAddress> parse_addresses(Bytes messages, const std::vector<Link>& links) {
    std::vector<DeviceAddress> addresses;
    NetlinkMessage message;
    while (next_message(messages, message)) {
        if (message.type != RTM_NEWADDR) continue;
        if (auto address = parse_address(message.payload, links)) addresses.push_back(std::move(*address));
    }
    return addresses;
}

std::map<IpAddress, std::uint32_t> parse_lifetimes(Bytes messages, std::uint32_t index) {
    std::map<IpAddress, std::uint32_t> lifetimes;
    Link device;
    device.index = index;
    device.name = "?";
    NetlinkMessage message;
    while (next_message(messages, message)) {
        if (message.type != RTM_NEWADDR) continue;
        const auto address = parse_address(message.payload, {device});
        if (!address) continue;  // of another device
        std::uint32_t valid = UINT32_MAX;
        Bytes attributes = message.payload.subspan(std::min(sizeof(ifaddrmsg), message.payload.size()));
        NetlinkAttribute attribute;
        while (next_attribute(attributes, attribute)) {
            if (attribute.type != IFA_CACHEINFO) continue;
            ByteReader reader(attribute.value);
            reader.take(sizeof(std::uint32_t));  // how long it is preferred
            valid = reader.le<std::uint32_t>();
        }
        lifetimes[address->prefix.address] = valid;
    }
    return lifetimes;
}

std::vector<Route> parse_routes(Bytes messages, const std::vector<Link>& links) {
    std::vector<Route> routes;
    NetlinkMessage message;
    while (next_message(messages, message)) {
        if (message.type != RTM_NEWROUTE) continue;
        if (auto route = parse_route(message.payload, links)) routes.push_back(std::move(*route));
    }
    return routes;
}

NeighbourTables parse_neighbour_tables(Bytes messages) {
    NeighbourTables tables;
    NetlinkMessage message;
    while (next_message(messages, message)) {
        if (message.type != RTM_NEWNEIGHTBL) continue;
        ByteReader reader(message.payload);
        const auto family = family_of(reader.u8());
        reader.take(sizeof(ndtmsg) - 1);
        if (!reader.ok() || !family) continue;
        Bytes attributes = reader.rest();
        NetlinkAttribute attribute;
        while (next_attribute(attributes, attribute)) {
            // Messages about one device of the table have no limits.
            if (attribute.type != NDTA_THRESH3) continue;
            (*family == Family::kV4 ? tables.v4 : tables.v6) = attribute.host<std::uint32_t>();
        }
    }
    return tables;
}

}  // namespace warren::stacks::rtnetlink
