#include "stacks/plan/policy.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "base/bytes.h"
#include "config/nat_map.h"
#include "config/policy.h"
#include "stacks/plan/desired.h"
#include "stacks/plan/territory.h"

namespace warren::stacks {

namespace {

constexpr std::size_t kNobody = 0;  // networks of the stack itself
constexpr std::size_t kHandoff = 1;
constexpr std::size_t kFirstPeer = 2;

std::uint8_t number_of(config::FirewallProtocol protocol) {
    return protocol == config::FirewallProtocol::kTcp ? kProtocolTcp : kProtocolUdp;
}

KeyRange keys_of(const AddressRange& range) {
    return {range.first.octets, range.last.octets};
}

KeyRange keys_of(const config::PortRange& ports) {
    const auto key = [](std::uint16_t port) {
        std::array<std::uint8_t, 16> out{};
        store_be(out.data(), port);
        return out;
    };
    return {key(ports.first), key(ports.last)};
}

// What `from` and `to` of rules mean for one customer.
class Map {
  public:
    Map(const config::Customer& customer, const std::vector<Prefix>& behind_handoff) {
        Claims claims;
        for (const Prefix& own : customer.stack.addresses) claims[own.network()] = kNobody;
        std::size_t owner = kFirstPeer;
        for (const config::Peer& peer : customer.peers) {
            if (peer.enabled) claim(config::stack_networks(customer, peer), owner, claims);
            name(peer.name, peer.groups, owner++);
        }
        for (std::size_t i = 0; customer.ipsec && i < customer.ipsec->connections.size(); ++i) {
            const config::Connection& connection = customer.ipsec->connections[i];
            if (connection.enabled) {
                for (const config::Child& child : config::children_of(connection)) claim(child.routes, owner, claims);
                claim(connection.pool, owner, claims);
            }
            name(connection.name, connection.groups, owner++);
        }
        if (customer.handoff) claim(customer.handoff->addresses, kHandoff, claims);
        claim(behind_handoff, kHandoff, claims);
        owned_ = territories(claims, owner);
    }

    // Of one family; `ends` has no "any".
    [[nodiscard]] std::vector<KeyRange> ranges_of(const std::vector<config::RuleEnd>& ends, Family family) const {
        std::vector<AddressRange> all;
        for (const config::RuleEnd& end : ends) add(end, all);
        std::erase_if(all, [family](const AddressRange& range) { return range.first.family != family; });
        std::vector<KeyRange> out;
        for (const AddressRange& range : united(std::move(all))) out.push_back(keys_of(range));
        return out;
    }

  private:
    static void claim(const std::vector<Prefix>& networks, std::size_t owner, Claims& claims) {
        for (const Prefix& network : networks) claims[network.network()] = owner;
    }
    void name(const std::string& peer, const std::vector<std::string>& groups, std::size_t owner) {
        peers_[peer].push_back(owner);
        for (const std::string& group : groups) groups_[group].push_back(owner);
    }
    void add(std::size_t owner, std::vector<AddressRange>& to) const {
        to.insert(to.end(), owned_[owner].begin(), owned_[owner].end());
    }
    void add(const config::RuleEnd& end, std::vector<AddressRange>& to) const {
        using enum config::RuleEnd::Kind;
        if (end.kind == kNetwork) to.push_back(range_of(end.network));
        if (end.kind == kHandoff) add(stacks::kHandoff, to);
        if (end.kind != kPeer && end.kind != kGroup) return;
        const auto& named = end.kind == kPeer ? peers_ : groups_;
        const auto found = named.find(end.name);
        if (found == named.end()) return;
        for (const std::size_t owner : found->second) add(owner, to);
    }

    std::vector<std::vector<AddressRange>> owned_;
    std::map<std::string, std::vector<std::size_t>> peers_;
    std::map<std::string, std::vector<std::size_t>> groups_;
};

// Adds the rules of the file to a policy, each with the lists that it needs.
class RuleMaker {
  public:
    RuleMaker(const Map& map, Policy& policy) : map_(map), policy_(policy) {}

    void add(const config::FirewallRule& rule, std::size_t number) {
        number_ = number;
        const auto from = ends_of(rule.from);
        const auto to = ends_of(rule.to);
        PolicyRule base;
        base.name = rule.name;
        base.summary = summary_of(rule);
        base.ports = ports_of(rule);
        if (rule.protocol == config::FirewallProtocol::kTcp) base.protocol = kProtocolTcp;
        if (rule.protocol == config::FirewallProtocol::kUdp) base.protocol = kProtocolUdp;
        const bool is_icmp = rule.protocol == config::FirewallProtocol::kIcmp;
        const bool is_for_both = from.empty() && to.empty() && !is_icmp;
        for (const Family family : {Family::kV4, Family::kV6}) {
            if (!can_match(from, family) || !can_match(to, family)) continue;
            PolicyRule one = base;
            if (is_icmp) one.protocol = family == Family::kV4 ? kProtocolIcmp : kProtocolIcmpv6;
            one.from = selector("from", from, family);
            one.to = selector("to", to, family);
            if (rule.log) {
                one.action = PolicyAction::kLog;
                policy_.rules.push_back(one);
            }
            append(std::move(one), rule.action);
            if (is_for_both) return;
        }
    }

  private:
    using Ends = std::vector<config::RuleEnd>;

    // Empty: any.
    static Ends ends_of(const std::vector<std::string>& texts) {
        Ends out;
        for (const std::string& text : texts) {
            const auto end = config::parse_rule_end(text);
            if (!end || end->kind == config::RuleEnd::Kind::kAny) return {};
            out.push_back(*end);
        }
        return out;
    }

    // What it means may change while the rule stays.
    static bool is_named(const config::RuleEnd& end) { return end.kind != config::RuleEnd::Kind::kNetwork; }

    static bool can_match(const Ends& ends, Family family) {
        return ends.empty() || std::any_of(ends.begin(), ends.end(), [family](const config::RuleEnd& end) {
                   return is_named(end) || end.network.address.family == family;
               });
    }

    void append(PolicyRule rule, config::FirewallAction action) {
        if (action != config::FirewallAction::kReject) {
            rule.action = action == config::FirewallAction::kAccept ? PolicyAction::kAdmit : PolicyAction::kDrop;
            policy_.rules.push_back(std::move(rule));
            return;
        }
        if (!rule.protocol || rule.protocol == kProtocolTcp) {
            PolicyRule reset = rule;
            reset.protocol = kProtocolTcp;
            reset.action = PolicyAction::kReset;
            policy_.rules.push_back(std::move(reset));
        }
        if (rule.protocol == kProtocolTcp) return;
        rule.action = PolicyAction::kUnwelcome;
        policy_.rules.push_back(std::move(rule));
    }

    std::optional<Selector> selector(const std::string& side, const Ends& ends, Family family) {
        if (ends.empty()) return std::nullopt;
        const auto key = family == Family::kV4 ? KeyList::Key::kV4 : KeyList::Key::kV6;
        std::vector<KeyRange> ranges = map_.ranges_of(ends, family);
        const bool is_fixed = std::none_of(ends.begin(), ends.end(), is_named);
        if (is_fixed && ranges.size() == 1) return Selector{"", key, ranges.front()};
        const std::string end = std::string(".") + (family == Family::kV4 ? "4" : "6");
        return Selector{list(name_for(side, ends) + end, key, std::move(ranges)), key, {}};
    }

    // One name alone has a list that all rules share.
    [[nodiscard]] std::string name_for(const std::string& side, const Ends& ends) const {
        using enum config::RuleEnd::Kind;
        const config::RuleEnd& first = ends.front();
        // nft does not read it in names.
        const bool is_plain = first.name.find('@') == std::string::npos;
        if (ends.size() == 1 && first.kind == kHandoff) return "handoff";
        if (ends.size() == 1 && first.kind == kPeer && is_plain) return "peer." + first.name;
        if (ends.size() == 1 && first.kind == kGroup && is_plain) return "group." + first.name;
        return "rule." + std::to_string(number_) + "." + side;
    }

    std::string list(std::string name, KeyList::Key key, std::vector<KeyRange> members) {
        if (lists_.insert(name).second) policy_.lists.push_back({name, key, std::move(members)});
        return name;
    }

    std::optional<Selector> ports_of(const config::FirewallRule& rule) {
        if (rule.ports.empty()) return std::nullopt;
        std::vector<config::PortRange> sorted = rule.ports;
        std::sort(sorted.begin(), sorted.end());
        std::vector<config::PortRange> joined;
        for (const config::PortRange& next : sorted) {
            if (!joined.empty() && next.first <= joined.back().last + 1) {
                joined.back().last = std::max(joined.back().last, next.last);
            } else {
                joined.push_back(next);
            }
        }
        std::vector<KeyRange> keys;
        for (const config::PortRange& range : joined) keys.push_back(keys_of(range));
        if (keys.size() == 1) return Selector{"", KeyList::Key::kPort, keys.front()};
        // Rules about the same ports share a list, if its name is not too long for one of nftables.
        std::string name = "ports";
        for (const config::PortRange& range : joined) name += "." + config::to_string(range);
        constexpr std::size_t kLongestName = 200;
        if (name.size() > kLongestName) name = "rule." + std::to_string(number_) + ".ports";
        return Selector{list(name, KeyList::Key::kPort, std::move(keys)), KeyList::Key::kPort, {}};
    }

    const Map& map_;
    Policy& policy_;
    std::size_t number_ = 0;
    std::set<std::string> lists_;
};

PolicyRule plain(PolicyRule::Kind kind, PolicyAction action) {
    PolicyRule rule;
    rule.kind = kind;
    rule.action = action;
    return rule;
}

PolicyRule ping(std::uint8_t protocol, PolicyAction action) {
    PolicyRule rule = plain(PolicyRule::Kind::kPing, action);
    rule.protocol = protocol;
    return rule;
}

// From where, and on which address of the stack.
void add_redirections(const config::Customer& customer, Policy& policy) {
    for (const config::Forward& forward : customer.nat.forwards) {
        const bool on_handoff = forward.from == config::ForwardFrom::kHandoff;
        if (on_handoff && !customer.handoff) continue;
        const auto& addresses = on_handoff ? customer.handoff->addresses : customer.stack.addresses;
        for (const Prefix& own : addresses) {
            if (own.address.family != forward.to.address.family) continue;
            policy.redirections.push_back({on_handoff ? kHandoffDevice : kTunnelDevice, own.address,
                                           number_of(forward.protocol), forward.port, forward.to});
        }
    }
}

void add_masquerades(const std::vector<std::string>& sides, Family family, Policy& policy) {
    for (const std::string& side : sides)
        policy.masquerades.push_back({side == "handoff" ? kHandoffDevice : kTunnelDevice, family});
}

// --- as text -------------------------------------------------------------------------------------

std::string text_of(const std::array<std::uint8_t, 16>& key, KeyList::Key kind) {
    if (kind == KeyList::Key::kPort) return std::to_string(load_be<std::uint16_t>(key.data()));
    return to_string(IpAddress::from_bytes(Bytes(key).first(size_of(kind))));
}

std::string text_of(const Selector& selector) {
    if (!selector.list.empty()) return "@" + selector.list;
    const std::string first = text_of(selector.range.first, selector.key);
    const std::string last = text_of(selector.range.last, selector.key);
    return first == last ? first : first + "-" + last;
}

const char* text_of(PolicyAction action) {
    switch (action) {
        case PolicyAction::kAdmit: return "goto admit";
        case PolicyAction::kAccept: return "accept";
        case PolicyAction::kDrop: return "drop";
        case PolicyAction::kReset: return "reject with tcp reset";
        case PolicyAction::kUnwelcome: return "reject with icmpx admin-prohibited";
        case PolicyAction::kLog: return "log";
    }
    return "drop";
}

std::string ip_of(const Selector& selector) {
    return selector.key == KeyList::Key::kV4 ? "ip " : "ip6 ";
}

std::string render(const PolicyRule& rule) {
    std::string line = "\t\t";
    if (rule.kind == PolicyRule::Kind::kForward) line += "ct status dnat ";
    if (rule.kind == PolicyRule::Kind::kPing) {
        line += rule.protocol == kProtocolIcmp ? "icmp type { echo-reply, echo-request } "
                                               : "icmpv6 type { echo-request, echo-reply } ";
    } else if (rule.protocol) {
        line += "ct protocol " + std::to_string(*rule.protocol) + " ";
    }
    if (rule.from) line += "ct original " + ip_of(*rule.from) + "saddr " + text_of(*rule.from) + " ";
    if (rule.to) line += "ct reply " + ip_of(*rule.to) + "saddr " + text_of(*rule.to) + " ";
    if (rule.ports) line += "ct reply proto-src " + text_of(*rule.ports) + " ";
    if (rule.action == PolicyAction::kLog)
        return line + "ct state new limit rate " + std::to_string(kLoggedPerSecond) + "/second burst " +
               std::to_string(kLoggedAtOnce) + " packets log prefix \"" + rule.name + "\" group " +
               std::to_string(kLogGroup) + " comment \"" + counter_name(rule) + "\"\n";
    return line + "counter last " + text_of(rule.action) + " comment \"" + counter_name(rule) + "\"\n";
}

std::string render(const Redirection& one) {
    const std::string ip = one.at.is_v4() ? "ip " : "ip6 ";
    return "\t\tiifname \"" + one.in_device + "\" " + ip + "daddr " + to_string(one.at) +
           (one.protocol == kProtocolTcp ? " tcp" : " udp") + " dport " + std::to_string(one.port) + " dnat " + ip +
           "to " + to_string(one.to) + "\n";
}

std::string render(const Masquerade& one) {
    return "\t\toifname \"" + one.out_device + "\" meta nfproto " + (one.family == Family::kV4 ? "ipv4" : "ipv6") +
           " masquerade\n";
}

std::string render_list(const KeyList& list) {
    constexpr std::array<const char*, 3> kTypes{"ipv4_addr", "ipv6_addr", "inet_service"};
    return "\tset " + list.name + " {\n\t\ttype " + kTypes.at(static_cast<std::size_t>(list.key)) +
           "\n\t\tflags interval\n\t}\n\n";
}

std::string chain(const char* name, const std::string& head, const std::string& rules) {
    return std::string("\tchain ") + name + " {\n" + head + rules + "\t}\n\n";
}

}  // namespace

std::size_t size_of(KeyList::Key key) {
    switch (key) {
        case KeyList::Key::kV4: return 4;
        case KeyList::Key::kV6: return 16;
        case KeyList::Key::kPort: return 2;
    }
    return 4;
}

ConnectionLimit limit_of(std::uint32_t max_connections) {
    constexpr std::uint32_t kOfList = 512;
    constexpr std::uint32_t kMostLists = 128;
    // The kernel forgets eight refused connections of a list at a time, at most once in a tick of 10 ms.
    constexpr std::uint32_t kForgets = 100;
    ConnectionLimit limit;
    limit.lists = std::clamp<std::uint32_t>(max_connections / kOfList, 1, kMostLists);
    limit.each = std::max<std::uint32_t>(1, max_connections / limit.lists);
    limit.faster = limit.lists * kForgets;
    return limit;
}

std::string connection_set(std::uint32_t max_connections) {
    return kConnectionSet + std::to_string(max_connections);
}

Policy policy_of(const config::Customer& customer, const std::vector<Prefix>& behind_handoff) {
    const config::Firewall& firewall = customer.firewall;
    Policy policy;
    policy.answers_ping = firewall.allow_ping;
    add_redirections(customer, policy);
    add_masquerades(customer.nat.masquerade, Family::kV4, policy);
    add_masquerades(customer.nat.masquerade_ipv6, Family::kV6, policy);
    const bool translates = !policy.redirections.empty() || !policy.masquerades.empty();
    const bool drops = firewall.otherwise != config::FirewallAction::kAccept;
    if (!firewall.rules.empty() || translates) policy.max_connections = firewall.max_connections;
    if (!policy.is_stateful() && !drops) return policy;
    const PolicyAction accept = policy.is_stateful() ? PolicyAction::kAdmit : PolicyAction::kAccept;
    if (firewall.allow_ping) policy.rules = {ping(kProtocolIcmp, accept), ping(kProtocolIcmpv6, accept)};
    if (!firewall.rules.empty()) {
        const Map map(customer, behind_handoff);
        RuleMaker maker(map, policy);
        for (std::size_t i = 0; i < firewall.rules.size(); ++i) maker.add(firewall.rules[i], i + 1);
    }
    if (!policy.redirections.empty()) policy.rules.push_back(plain(PolicyRule::Kind::kForward, accept));
    policy.rules.push_back(plain(PolicyRule::Kind::kDefault, drops ? PolicyAction::kDrop : accept));
    return policy;
}

bool is_policy_list(std::string_view name) {
    return name.starts_with("peer.") || name.starts_with("group.") || name.starts_with("handoff.") ||
           name.starts_with("rule.") || name.starts_with("ports.");
}

bool is_policy_chain(std::string_view name) {
    return name == kPolicyChain || name == kAdmitChain || name == kRedirectChain || name == kMasqueradeChain;
}

std::string render(const Policy& policy) {
    std::string text;
    for (const KeyList& list : policy.lists) text += render_list(list);
    std::string rules;
    if (policy.is_stateful()) {
        const ConnectionLimit limit = limit_of(policy.max_connections);
        const std::string end = " counter last drop comment \"refused\"\n";
        const std::string set = connection_set(policy.max_connections);
        text += "\tset " + set + " {\n\t\ttype mark\n\t\tsize " + std::to_string(limit.lists) +
                "\n\t\tflags dynamic\n\t}\n\n";
        rules = "\t\tct state new limit rate over " + std::to_string(limit.faster) + "/second" + end;
        rules += "\t\tct state new add @" + set + " { jhash ct id mod " + std::to_string(limit.lists) +
                 " ct count over " + std::to_string(limit.each) + " }" + end + "\t\taccept\n";
        text += chain(kAdmitChain, "", rules);
    }
    rules.clear();
    for (const PolicyRule& rule : policy.rules) rules += render(rule);
    if (!rules.empty()) text += chain(kPolicyChain, "", rules);
    rules.clear();
    for (const Redirection& one : policy.redirections) rules += render(one);
    if (!rules.empty())
        text += chain(kRedirectChain, "\t\ttype nat hook prerouting priority dstnat; policy accept;\n", rules);
    rules.clear();
    for (const Masquerade& one : policy.masquerades) rules += render(one);
    if (!rules.empty())
        text += chain(kMasqueradeChain, "\t\ttype nat hook postrouting priority srcnat; policy accept;\n", rules);
    return text;
}

std::size_t rule_count(const Policy& policy) {
    return (policy.is_stateful() ? 3 : 0) + policy.rules.size() + policy.redirections.size() +
           policy.masquerades.size();
}

std::vector<std::string> chains_of(const Policy& policy) {
    std::vector<std::string> out;
    if (policy.is_stateful()) out.emplace_back(kAdmitChain);
    if (!policy.rules.empty()) out.emplace_back(kPolicyChain);
    if (!policy.redirections.empty()) out.emplace_back(std::string(kRedirectChain) + " accept");
    if (!policy.masquerades.empty()) out.emplace_back(std::string(kMasqueradeChain) + " accept");
    return out;
}

std::string counter_name(const PolicyRule& rule) {
    switch (rule.kind) {
        case PolicyRule::Kind::kPing: return "ping";
        case PolicyRule::Kind::kRule: return "rule " + rule.name;
        case PolicyRule::Kind::kForward: return "forward";
        case PolicyRule::Kind::kDefault: return "default";
        case PolicyRule::Kind::kRefused: return "refused";
    }
    return "default";
}

}  // namespace warren::stacks
