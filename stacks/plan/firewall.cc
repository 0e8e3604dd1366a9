#include "stacks/plan/firewall.h"

#include <algorithm>
#include <set>

#include "base/bytes.h"
#include "base/fingerprint.h"
#include "stacks/plan/desired.h"

namespace warren::stacks {

namespace {

// ICMPv6 types, RFC 4861 §4.
constexpr std::uint8_t kRouterSolicitation = 133;
constexpr std::uint8_t kRouterAdvertisement = 134;
constexpr std::uint8_t kNeighbourSolicitation = 135;
constexpr std::uint8_t kRedirect = 137;
constexpr std::uint8_t kEchoRequest = 128;  // RFC 4443 §4.1

FirewallRule accept(const std::string& in_device, const std::string& out_device) {
    return {in_device, out_device, false, Verdict::kAccept};
}

FirewallRule drop(const std::string& in_device, const std::string& out_device) {
    return {in_device, out_device, false, Verdict::kDrop};
}

FirewallRule of_type(std::uint8_t icmpv6_type, FirewallRule rule) {
    rule.icmpv6_type = icmpv6_type;
    return rule;
}

FirewallRule if_fits(Neighbour neighbour, FirewallRule rule) {
    rule.fits = neighbour;
    return rule;
}

FirewallRule call(const char* chain) {
    FirewallRule rule;
    rule.calls = chain;
    return rule;
}

// What a packet to or from any device but vpn0 makes the kernel remember is bounded: its neighbour tables are shared by
// all stacks and the uplink. Lifetimes are the kernel's own.
void limit_neighbours(Firewall& firewall, std::uint32_t size, std::span<const Prefix> lan) {
    using enum FirewallChain::Hook;
    firewall.sets = {{set_of(Neighbour::kNextHopV4), Neighbour::kNextHopV4, size},
                     {set_of(Neighbour::kNextHopV6), Neighbour::kNextHopV6, size},
                     {set_of(Neighbour::kArpSender), Neighbour::kArpSender, size}};
    std::vector<FirewallRule>& input = firewall.chains.front().rules;
    const std::vector<FirewallRule> from_lan{
        // A router that sends no advertisements needs no solicitations; from each of these three the kernel would learn
        // the sender.
        of_type(kRouterSolicitation, drop("", "")), of_type(kRouterAdvertisement, drop("", "")),
        of_type(kRedirect, drop("", "")),
        of_type(kNeighbourSolicitation, if_fits(Neighbour::kSourceV6, accept("", ""))),
        of_type(kNeighbourSolicitation, drop("", ""))};
    input.insert(input.begin() + 1, from_lan.begin(), from_lan.end());
    FirewallRule multicast = accept("", "");
    // Solicitations of neighbours that are in the set, and the stack's own group reports.
    multicast.ipv6_multicast = true;
    firewall.chains.push_back(
        {kPostrouting,
         Verdict::kAccept,
         {accept("", kTunnelDevice), accept("", kLoopback), multicast, if_fits(Neighbour::kNextHopV4, accept("", "")),
          if_fits(Neighbour::kNextHopV6, accept("", "")), drop("", "")}});
    // On lan0 the kernel learns the sender of a request for an address of lan0. Other requests, and replies, only
    // change what it knows already (sysctls arp_ignore, arp_accept, proxy_arp). Which addresses the operator's devices
    // have is not known here: there, the senders of all requests count.
    FirewallChain arp{kArpInput, Verdict::kAccept, {}};
    std::set<IpAddress> own;
    for (const Prefix& address : lan) {
        if (address.address.is_v4()) own.insert(address.address);
    }
    for (const IpAddress& address : own) {
        FirewallRule asks = drop(kHandoffDevice, "");
        asks.arp_request_for = address;
        FirewallRule fits = if_fits(Neighbour::kArpSender, asks);
        fits.verdict = Verdict::kAccept;
        arp.rules.push_back(std::move(fits));
        arp.rules.push_back(std::move(asks));
    }
    arp.rules.push_back(accept(kHandoffDevice, ""));
    FirewallRule asks = drop("", "");
    asks.arp_request = true;
    FirewallRule fits = if_fits(Neighbour::kArpSender, asks);
    fits.verdict = Verdict::kAccept;
    arp.rules.push_back(std::move(fits));
    arp.rules.push_back(std::move(asks));
    firewall.chains.push_back(std::move(arp));
}

const char* key_of(Neighbour neighbour) {
    switch (neighbour) {
        case Neighbour::kNextHopV4: return "oif . rt ip nexthop";
        case Neighbour::kNextHopV6: return "oif . rt ip6 nexthop";
        case Neighbour::kSourceV6: return "iif . ip6 saddr";
        case Neighbour::kArpSender: return "iif . arp saddr ip";
    }
    return "";
}

const char* name_of_type(std::uint8_t icmpv6_type) {
    switch (icmpv6_type) {
        case kRouterSolicitation: return "nd-router-solicit";
        case kRouterAdvertisement: return "nd-router-advert";
        case kNeighbourSolicitation: return "nd-neighbor-solicit";
        case kEchoRequest: return "echo-request";
        default: return "nd-redirect";
    }
}

std::string render_rule(const FirewallRule& rule) {
    std::string line = "\t\t";
    if (rule.ipv6_source_unrouted) line += "meta nfproto ipv6 fib saddr . iif oif missing ";
    if (!rule.in_device.empty()) line += "iifname \"" + rule.in_device + "\" ";
    if (!rule.out_device.empty()) line += "oifname \"" + rule.out_device + "\" ";
    if (rule.icmpv6_type) line += std::string("icmpv6 type ") + name_of_type(*rule.icmpv6_type) + " ";
    if (rule.ipv6_multicast) line += "ip6 daddr ff00::/8 ";
    if (rule.arp_request) line += "arp operation request ";
    if (rule.arp_request_for) line += "arp operation request arp daddr ip " + to_string(*rule.arp_request_for) + " ";
    if (rule.untracked) line += "ct state invalid ";
    if (rule.echo_request) line += "icmp type echo-request ";
    if (!rule.calls.empty()) return line + "jump " + rule.calls + "\n";
    if (rule.clamps_mss) return line + "tcp flags syn tcp option maxseg size set rt mtu\n";
    if (rule.fits) line += std::string("update @") + set_of(*rule.fits) + " { " + key_of(*rule.fits) + " } ";
    return line + name_of(rule.verdict) + "\n";
}

std::string render_set(const NeighbourSet& set) {
    const char* type = set.of == Neighbour::kNextHopV6 ? "ipv6_addr" : "ipv4_addr";
    return "\tset " + set.name + " {\n\t\ttype iface_index . " + type + "\n\t\tsize " + std::to_string(set.size) +
           "\n\t\tflags dynamic,timeout\n\t\ttimeout " + std::to_string(kNeighbourSeconds / 60) + "m\n\t}\n";
}

// `comment`: of the chain input.
std::string render_contents(const Firewall& firewall, bool arp, const std::string& comment = {}) {
    std::string text;
    for (const NeighbourSet& set : firewall.sets) {
        if (is_arp(set) != arp) continue;
        if (!text.empty()) text += "\n";
        text += render_set(set);
    }
    if (!arp) text += (text.empty() ? "" : "\n") + render(firewall.policy) + "\tchain " + kCustomerChain + " {\n\t}\n";
    for (const FirewallChain& chain : firewall.chains) {
        if (is_arp(chain) != arp) continue;
        const std::string hook = name_of(chain.hook);
        if (!text.empty()) text += "\n";
        text += "\tchain " + hook + " {\n";
        if (chain.hook == FirewallChain::Hook::kInput && !comment.empty()) text += "\t\tcomment \"" + comment + "\"\n";
        text += "\t\ttype filter hook " + hook + " priority filter; policy " + name_of(chain.policy) + ";\n";
        for (const FirewallRule& rule : chain.rules) text += render_rule(rule);
        text += "\t}\n";
    }
    return text;
}

}  // namespace

const char* name_of(Verdict verdict) {
    return verdict == Verdict::kAccept ? "accept" : "drop";
}

const char* name_of(FirewallChain::Hook hook) {
    switch (hook) {
        case FirewallChain::Hook::kInput: return "input";
        case FirewallChain::Hook::kForward: return "forward";
        case FirewallChain::Hook::kOutput: return "output";
        case FirewallChain::Hook::kPostrouting: return "postrouting";
        case FirewallChain::Hook::kArpInput: return "input";
    }
    return "input";
}

const char* set_of(Neighbour neighbour) {
    switch (neighbour) {
        case Neighbour::kNextHopV4: return "neighbours4";
        case Neighbour::kNextHopV6:
        case Neighbour::kSourceV6: return "neighbours6";
        case Neighbour::kArpSender: return "senders";
    }
    return "";
}

bool is_arp(const FirewallChain& chain) {
    return chain.hook == FirewallChain::Hook::kArpInput;
}

bool is_arp(const NeighbourSet& set) {
    return set.of == Neighbour::kArpSender;
}

bool is_our_chain(bool arp, std::string_view name) {
    using enum FirewallChain::Hook;
    if (arp) return name == name_of(kArpInput);
    return name == name_of(kInput) || name == name_of(kForward) || name == name_of(kOutput) ||
           name == name_of(kPostrouting) || is_policy_chain(name);
}

Firewall default_firewall(std::uint32_t neighbours, std::span<const Prefix> lan, bool clamp_mss,
                          std::span<const std::string> devices) {
    using enum FirewallChain::Hook;
    Firewall firewall;
    firewall.chains.push_back(
        {kInput, Verdict::kDrop, {accept(kTunnelDevice, ""), accept(kHandoffDevice, ""), accept(kLoopback, "")}});
    firewall.chains.push_back({kForward,
                               Verdict::kDrop,
                               {{"", "", true, Verdict::kDrop},
                                accept(kTunnelDevice, kTunnelDevice),
                                accept(kTunnelDevice, kHandoffDevice),
                                accept(kHandoffDevice, kTunnelDevice)}});
    if (clamp_mss) {
        FirewallRule clamp;
        clamp.clamps_mss = true;
        std::vector<FirewallRule>& forward = firewall.chains.back().rules;
        forward.insert(forward.begin(), clamp);
    }
    std::vector<FirewallRule>& forwarded = firewall.chains.back().rules;
    for (const std::string& device : devices) {
        firewall.chains.front().rules.push_back(accept(device, ""));
        for (const char* own : {kTunnelDevice, kHandoffDevice}) {
            forwarded.push_back(accept(own, device));
            forwarded.push_back(accept(device, own));
        }
        for (const std::string& other : devices) {
            if (other != device) forwarded.push_back(accept(device, other));
        }
    }
    firewall.chains.front().rules.push_back(call(kCustomerChain));
    forwarded.push_back(call(kCustomerChain));
    // From one site to another there is no better way than the stack (the IPv4 switch is send_redirects).
    firewall.chains.push_back({kOutput, Verdict::kAccept, {of_type(kRedirect, drop("", kTunnelDevice))}});
    if (neighbours > 0) limit_neighbours(firewall, neighbours, lan);
    return firewall;
}

Firewall with_policy(Firewall base, Policy policy) {
    using enum FirewallChain::Hook;
    for (FirewallChain& chain : base.chains) {
        if (chain.hook != kInput && chain.hook != kForward) continue;
        const char* decides = policy.is_stateful() ? kAdmitChain : nullptr;
        if (chain.hook == kForward && !policy.rules.empty()) decides = kPolicyChain;
        for (FirewallRule& rule : chain.rules) {
            // A neighbour's solicitation is no connection.
            const bool is_general = !rule.icmpv6_type && rule.in_device != kLoopback;
            if (decides != nullptr && rule.verdict == Verdict::kAccept && is_general) rule.calls = decides;
        }
        std::vector<FirewallRule> first;
        if (chain.hook == kInput && !policy.answers_ping) {
            FirewallRule ping = drop("", "");
            ping.echo_request = true;
            first.push_back(ping);
            first.push_back(of_type(kEchoRequest, drop("", "")));
        }
        if (policy.is_stateful()) {
            FirewallRule untracked = drop("", "");
            untracked.untracked = true;
            first.push_back(untracked);
        }
        const auto decided = std::find_if(chain.rules.begin(), chain.rules.end(),
                                          [](const FirewallRule& rule) { return rule.verdict == Verdict::kAccept; });
        chain.rules.insert(decided, first.begin(), first.end());
    }
    base.policy = std::move(policy);
    return base;
}

std::string identity(const Firewall& firewall) {
    std::string text = render_contents(firewall, false) + render_contents(firewall, true);
    // What an operator is shown is kept with the rules, also where their lists alone say what matches.
    for (const PolicyRule& rule : firewall.policy.rules) {
        if (!rule.summary.empty()) text += rule.summary + "\n";
    }
    return "warren " + fingerprint(as_bytes(text));
}

std::string render(const Firewall& firewall) {
    const std::string head = std::string(kFirewallTable) + " {\n";
    const std::string arp = render_contents(firewall, true);
    std::string text = "table inet " + head + render_contents(firewall, false, identity(firewall)) + "}\n";
    if (!arp.empty()) text += "table arp " + head + arp + "}\n";
    return text;
}

std::size_t rule_count(const Firewall& firewall) {
    std::size_t count = 0;
    for (const FirewallChain& chain : firewall.chains) count += chain.rules.size();
    return count + rule_count(firewall.policy);
}

std::string chain_summary(std::vector<std::string> chains) {
    std::sort(chains.begin(), chains.end());
    std::string text;
    for (const std::string& chain : chains) text += (text.empty() ? "" : ", ") + chain;
    return text;
}

std::string chain_summary(const Firewall& firewall) {
    std::vector<std::string> chains = chains_of(firewall.policy);
    for (const FirewallChain& chain : firewall.chains)
        chains.push_back(std::string(name_of(chain.hook)) + " " + name_of(chain.policy));
    return chain_summary(std::move(chains));
}

}  // namespace warren::stacks
