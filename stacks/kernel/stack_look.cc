#include "stacks/kernel/stack_look.h"

#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <fstream>
#include <optional>
#include <utility>

#include "base/fd.h"
#include "stacks/kernel/firewall_netlink.h"
#include "stacks/kernel/netlink.h"
#include "stacks/kernel/netns.h"
#include "stacks/kernel/rtnetlink.h"
#include "stacks/plan/desired.h"

namespace warren::stacks {

namespace {

constexpr const char* kConnectionCount = "/proc/sys/net/netfilter/nf_conntrack_count";
constexpr std::uint32_t kCarrier = IFF_LOWER_UP;

std::string mac_text(Bytes address) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string out;
    for (const std::uint8_t byte : address) {
        if (!out.empty()) out += ':';
        out += kDigits[byte >> 4U];
        out += kDigits[byte & 15U];
    }
    return out;
}

NetlinkRequest dump_neighbours() {
    ndmsg header{};
    header.ndm_family = AF_UNSPEC;
    return {RTM_GETNEIGH, NLM_F_DUMP, header};
}

std::optional<IpAddress> address_of(std::uint8_t family, Bytes value) {
    if (family != AF_INET && family != AF_INET6) return std::nullopt;
    IpAddress out;
    out.family = family == AF_INET ? Family::kV4 : Family::kV6;
    if (value.size() != out.bits() / 8) return std::nullopt;
    std::copy(value.begin(), value.end(), out.octets.begin());
    return out;
}

Status read_firewall(StackLook& look) {
    auto socket = NetlinkSocket::open(NETLINK_NETFILTER);
    if (!socket) return tl::unexpected<Error>(socket.error());
    const auto dump = [&socket](NetlinkRequest request) { return socket->dump(request); };
    const auto tables = dump(dump_firewall_tables());
    if (!tables) return tl::unexpected<Error>(tables.error());
    std::vector<std::uint8_t> rules;
    for (const NetlinkRequest& request : dump_firewall_rules()) {
        const auto some = dump(request);
        if (!some) return tl::unexpected<Error>(some.error());
        rules.insert(rules.end(), some->begin(), some->end());
    }
    const auto chains = dump(dump_firewall_chains());
    if (!chains) return tl::unexpected<Error>(chains.error());
    if (auto firewall = parse_firewall(*tables, rules, *chains)) {
        look.has_table = true;
        look.counts = std::move(firewall->policy.counts);
    }
    return {};
}

}  // namespace

void read_links(Bytes messages, StackLook& look, std::uint32_t& index) {
    NetlinkMessage message;
    for (const Link& link : rtnetlink::parse_links(messages)) {
        if (link.name == "lo") look.owner = link.alias;
        if (link.name != kHandoffDevice) continue;
        index = link.index;
        look.lan.is_there = true;
        look.lan.is_up = link.up;
        look.lan.mtu = link.mtu;
    }
    while (next_message(messages, message)) {
        if (message.type != RTM_NEWLINK) continue;
        ByteReader reader(message.payload);
        reader.take(4);  // family, padding, hardware type
        const auto which = reader.le<std::uint32_t>();
        const auto flags = reader.le<std::uint32_t>();
        if (reader.ok() && index != 0 && which == index) look.lan.has_carrier = (flags & kCarrier) != 0;
    }
}

void read_neighbours(Bytes messages, std::uint32_t index, ipc::WebLan& lan) {
    NetlinkMessage message;
    while (index != 0 && next_message(messages, message)) {
        if (message.type != RTM_NEWNEIGH) continue;
        ByteReader reader(message.payload);
        const std::uint8_t family = reader.u8();
        reader.take(3);
        const auto which = reader.le<std::uint32_t>();
        const auto state = reader.le<std::uint16_t>();
        reader.take(2);  // flags, type
        if (!reader.ok() || which != index || (state & NUD_NOARP) != 0) continue;
        std::optional<IpAddress> address;
        std::string mac;
        Bytes attributes = reader.rest();
        NetlinkAttribute attribute;
        while (next_attribute(attributes, attribute)) {
            if (attribute.type == NDA_DST) address = address_of(family, attribute.value);
            if (attribute.type == NDA_LLADDR && attribute.value.size() <= 8) mac = mac_text(attribute.value);
        }
        if (!address) continue;
        if (lan.neighbours.size() >= ipc::WebLan::kMaxNeighbours) {
            ++lan.more_neighbours;
            continue;
        }
        // An address that was not asked lately (stale, and while it is asked again) may be anybody's by now.
        const bool is_silent = (state & (NUD_FAILED | NUD_INCOMPLETE)) != 0;
        const bool answers = (state & (NUD_REACHABLE | NUD_PERMANENT)) != 0;
        lan.neighbours.push_back({*address, is_silent ? std::string() : mac, answers && !is_silent});
    }
}

Result<StackLook> look_into(const std::string& name) {
    const auto home = current_namespace();
    if (!home) return tl::unexpected(home.error());
    const auto there = open_namespace(name);
    if (!there) return tl::unexpected(there.error());
    const auto inside = InNamespace::enter(there->get(), home->get());
    if (!inside) return tl::unexpected(inside.error());
    StackLook look;
    auto socket = NetlinkSocket::open(NETLINK_ROUTE);
    if (!socket) return tl::unexpected(socket.error());
    NetlinkRequest links = rtnetlink::dump_links();
    const auto devices = socket->dump(links);
    if (!devices) return with_context("dump links", devices.error());
    std::uint32_t index = 0;
    read_links(*devices, look, index);
    if (index != 0) {
        NetlinkRequest request = dump_neighbours();
        const auto neighbours = socket->dump(request);
        if (!neighbours) return with_context("dump neighbours", neighbours.error());
        read_neighbours(*neighbours, index, look.lan);
    }
    if (Status read = read_firewall(look); !read) return with_context("dump firewall", std::move(read).error());
    std::uint64_t count = 0;
    if (std::ifstream(kConnectionCount) >> count) look.connections = count;
    return look;
}

}  // namespace warren::stacks
