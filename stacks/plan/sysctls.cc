#include "stacks/plan/sysctls.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "stacks/plan/desired.h"

namespace warren::stacks {

namespace {

using enum SysctlScope;

// A namespace starts with copies of the host's values or with the kernel's defaults, by
// net.core.devconf_inherit_init_net. Every parameter that matters is set here, so that a stack is the same on every
// host. The forwarding switches come first: they reset others.
constexpr std::array kTable = std::to_array<SysctlRow>({
    {kNamespace, "ipv4", "ip_forward", "1", "the stack is the router between its tunnels and its handoff"},
    {kEveryInterface, "ipv6", "forwarding", "1", "the same"},
    {kEveryInterface, "ipv6", "disable_ipv6", "0", "a host without IPv6 must not take it from its customers"},

    {kEveryInterface, "ipv4", "rp_filter", "1",
     "strict (RFC 3704): a LAN host cannot send as a site behind a tunnel, nor the other way; IPv6 has no such switch, "
     "the firewall does "
     "it"},
    {kEveryInterface, "ipv4", "accept_local", "0", "a packet that claims to come from the stack itself is forged"},
    {kTunnelOnly, "ipv4", "accept_local", "1",
     "but on vpn0: the tunnel daemon writes ICMP errors into the stack in the stack's own name, and lets no peer use "
     "that source"},
    {kEveryInterface, "ipv4", "route_localnet", "0", "127.0.0.0/8 never comes from outside (RFC 1122 §3.2.1.3)"},
    {kEveryInterface, "ipv4", "accept_source_route", "0", "the sender must not choose the route (RFC 7126 §4.3)"},
    {kEveryInterface, "ipv6", "accept_source_route", "-1", "the same: no routing header at all (RFC 5095)"},

    {kEveryInterface, "ipv4", "accept_redirects", "0", "only the configuration changes routes"},
    {kEveryInterface, "ipv4", "secure_redirects", "0", "the same"},
    {kEveryInterface, "ipv6", "accept_redirects", "0", "the same"},
    {kEveryInterface, "ipv4", "send_redirects", "0",
     "site-to-site traffic enters and leaves by vpn0: there is no better route to announce"},
    {kEveryInterface, "ipv6", "accept_ra", "0", "a LAN host must not become the stack's router or give it addresses"},
    {kEveryInterface, "ipv6", "autoconf", "0", "the same: addresses come from the configuration"},
    {kTunnelOnly, "ipv6", "addr_gen_mode", "1", "none: a tunnel has no link-local neighbours, so no address for them"},

    {kEveryInterface, "ipv4", "proxy_arp", "0", "the stack answers for its own addresses only"},
    {kEveryInterface, "ipv4", "arp_ignore", "1", "and on the LAN only for those of lan0, not for vpn0's"},
    {kEveryInterface, "ipv4", "arp_announce", "2", "the same for its own ARP requests"},
    {kEveryInterface, "ipv4", "arp_accept", "0",
     "announcements of hosts that the stack did not ask for would fill the neighbour table past the firewall's bound"},
    {kEveryInterface, "ipv6", "accept_untracked_na", "0", "the same", true},
    {kEveryInterface, "ipv4", "arp_notify", "1",
     "a changed handoff has another hardware address: announce it to the LAN when it comes up"},
    {kNamespace, "ipv6", "conf/default/ndisc_notify", "1", "the same for lan0"},
    {kNamespace, "ipv6", "conf/all/ndisc_notify", "0", "it would apply to vpn0 too"},
    {kTunnelOnly, "ipv6", "ndisc_notify", "0", "no announcements into a tunnel: they would count as drops"},
    {kEveryInterface, "ipv4", "promote_secondaries", "1",
     "removing one address of a network must not take its other addresses with it"},
    {kEveryInterface, "ipv6", "keep_addr_on_down", "1",
     "a device set down and up again keeps its addresses, as IPv4 does"},
    {kNamespace, "ipv4", "ping_group_range", "0\t65534",
     "a program without privileges may ping, as on most hosts: a namespace begins without. The kernel refuses groups "
     "that it does not know here, and a container has 65,536 of them or less",
     true},
    {kEveryInterface, "ipv4", "log_martians", "0", "a customer must not be able to fill the host's log"},
});

std::string interface_path(const SysctlRow& row, std::string_view interface) {
    return std::string(row.family) + "/conf/" + std::string(interface) + "/" + row.parameter;
}

bool is_ipv6(const SysctlRow& row) {
    return std::string_view(row.family) == "ipv6";
}

}  // namespace

std::span<const SysctlRow> sysctl_table() {
    return kTable;
}

std::vector<Sysctl> stack_sysctls() {
    std::vector<Sysctl> out;
    for (const SysctlRow& row : kTable) {
        if (row.scope == kNamespace)
            out.push_back({std::string(row.family) + "/" + row.parameter, row.value, row.is_optional});
        if (row.scope != kEveryInterface) continue;
        out.push_back({interface_path(row, "all"), row.value, row.is_optional});
        out.push_back({interface_path(row, "default"), row.value, row.is_optional});
    }
    return out;
}

std::vector<Sysctl> new_device_sysctls(const std::string& device, bool with_ipv6) {
    std::vector<Sysctl> out;
    for (const SysctlRow& row : kTable) {
        if (row.scope != kTunnelOnly || device != kTunnelDevice || (!with_ipv6 && is_ipv6(row))) continue;
        out.push_back({interface_path(row, device), row.value, row.is_optional});
    }
    return out;
}

std::vector<Sysctl> device_sysctls(const std::string& device, bool with_ipv6) {
    std::vector<Sysctl> out = new_device_sysctls(device, with_ipv6);
    const std::size_t own = out.size();
    for (const SysctlRow& row : kTable) {
        if (row.scope != kEveryInterface || (!with_ipv6 && is_ipv6(row))) continue;
        const Sysctl general{interface_path(row, device), row.value, row.is_optional};
        const auto is_same = [&general](const Sysctl& special) { return special.path == general.path; };
        if (std::none_of(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(own), is_same)) out.push_back(general);
    }
    return out;
}

}  // namespace warren::stacks
