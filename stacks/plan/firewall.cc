#include "stacks/plan/firewall.h"

#include "base/bytes.h"
#include "stacks/plan/desired.h"
#include "stacks/plan/fingerprint.h"

namespace warren::stacks {

namespace {

const char* name_of(Verdict verdict) {
    return verdict == Verdict::kAccept ? "accept" : "drop";
}

FirewallRule accept(const char* in_device, const char* out_device) {
    return {in_device, out_device, false, Verdict::kAccept};
}

std::string render_rule(const FirewallRule& rule) {
    std::string line = "\t\t";
    if (rule.ipv6_source_unrouted) line += "meta nfproto ipv6 fib saddr . iif oif missing ";
    if (!rule.in_device.empty()) line += "iifname \"" + rule.in_device + "\" ";
    if (!rule.out_device.empty()) line += "oifname \"" + rule.out_device + "\" ";
    return line + name_of(rule.verdict) + "\n";
}

std::string render_chains(const Firewall& firewall) {
    std::string text;
    for (const FirewallChain& chain : firewall.chains) {
        const std::string hook = name_of(chain.hook);
        if (!text.empty()) text += "\n";
        text += "\tchain " + hook + " {\n\t\ttype filter hook " + hook + " priority filter; policy " +
                name_of(chain.policy) + ";\n";
        for (const FirewallRule& rule : chain.rules) text += render_rule(rule);
        text += "\t}\n";
    }
    return text;
}

}  // namespace

const char* name_of(FirewallChain::Hook hook) {
    switch (hook) {
        case FirewallChain::Hook::kInput: return "input";
        case FirewallChain::Hook::kForward: return "forward";
        case FirewallChain::Hook::kOutput: return "output";
    }
    return "input";
}

Firewall default_firewall() {
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
    firewall.chains.push_back({kOutput, Verdict::kAccept, {}});
    return firewall;
}

std::string identity(const Firewall& firewall) {
    return "warren " + fingerprint(as_bytes(render_chains(firewall)));
}

std::string render(const Firewall& firewall) {
    return std::string("table inet ") + kFirewallTable + " {\n\tcomment \"" + identity(firewall) + "\"\n" +
           render_chains(firewall) + "}\n";
}

std::size_t rule_count(const Firewall& firewall) {
    std::size_t count = 0;
    for (const FirewallChain& chain : firewall.chains) count += chain.rules.size();
    return count;
}

}  // namespace warren::stacks
