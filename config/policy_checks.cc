// What [firewall] and [nat] name must be there, and what they say must be able to match.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>
#include <string_view>

#include "config/nat_map.h"
#include "config/policy.h"
#include "config/schema.h"
#include "config/tunnel_networks.h"

namespace warren::config {

namespace {

class PolicyCheck {
  public:
    PolicyCheck(const Parsed<Customer>& parsed, std::vector<Diagnostic>& out)
        : customer_(parsed.value), source_(parsed.source), out_(out) {
        for (const Peer& peer : customer_.peers) {
            peers_.insert(peer.name);
            groups_.insert(peer.groups.begin(), peer.groups.end());
        }
        if (!customer_.ipsec) return;
        for (const Connection& connection : customer_.ipsec->connections) {
            peers_.insert(connection.name);
            groups_.insert(connection.groups.begin(), connection.groups.end());
        }
    }

    void check() {
        for (std::size_t i = 0; i < customer_.firewall.rules.size(); ++i) check_rule(i);
        check_masquerade("nat.masquerade", customer_.nat.masquerade, Family::kV4);
        check_masquerade("nat.masquerade_ipv6", customer_.nat.masquerade_ipv6, Family::kV6);
        for (std::size_t i = 0; i < customer_.nat.forwards.size(); ++i) check_forward(i);
    }

  private:
    void error(const std::string& path, std::string message) {
        out_.push_back(source_.error(path, std::move(message)));
    }

    void warning(const std::string& path, std::string message) {
        out_.push_back(source_.warning(path, std::move(message)));
    }

    void check_rule(std::size_t number) {
        const FirewallRule& rule = customer_.firewall.rules[number];
        const std::string path = fmt::format("firewall.rule[{}]", number);
        if (rule.name.size() > kMaxRuleName)
            error(path + ".name", fmt::format("firewall.rule.name: this has {} bytes; accepted: up to {}",
                                              rule.name.size(), kMaxRuleName));
        const auto [found, is_new] = rules_.try_emplace(rule.name, number);
        if (!rule.name.empty() && !is_new)
            error(path + ".name",
                  fmt::format("firewall.rule.name: \"{}\" is also at {}; a name occurs once per customer", rule.name,
                              source_.cite(fmt::format("firewall.rule[{}].name", found->second))));
        if (!rule.ports.empty() && rule.protocol != FirewallProtocol::kTcp && rule.protocol != FirewallProtocol::kUdp)
            error(path + ".ports", fmt::format("firewall.rule.ports: proto is \"{}\", which has no ports; accepted: "
                                               "with proto \"tcp\" or \"udp\"",
                                               name_of(rule.protocol)));
        check_ends(path + ".from", "firewall.rule.from", rule.from);
        check_ends(path + ".to", "firewall.rule.to", rule.to);
        const auto from = only_family(rule.from);
        const auto to = only_family(rule.to);
        if (from && to && *from != *to)
            error(path + ".to", fmt::format("firewall.rule.to: only {}, and `from` has only {}; a connection has both "
                                            "ends in one family",
                                            name_of(*to), name_of(*from)));
    }

    void check_ends(const std::string& path, std::string_view key, const std::vector<std::string>& ends) {
        for (std::size_t i = 0; i < ends.size(); ++i) {
            const auto end = parse_rule_end(ends[i]);
            if (!end) continue;  // reported with the shape
            const std::string at = fmt::format("{}[{}]", path, i);
            if (end->kind == RuleEnd::Kind::kPeer && !peers_.contains(end->name))
                error(at, fmt::format("{}: there is no peer or IPsec connection \"{}\"{}", key, end->name,
                                      near(end->name, peers_)));
            // Its last peer may leave; the rule matches nothing until there is one again.
            if (end->kind == RuleEnd::Kind::kGroup && !groups_.contains(end->name))
                warning(at, fmt::format("{}: no peer has \"{}\" in its `groups`{}", key, end->name,
                                        near(end->name, groups_)));
            if (end->kind == RuleEnd::Kind::kHandoff && !customer_.handoff)
                error(at, fmt::format("{}: \"handoff\", and this customer has none: there is no [handoff]", key));
            if (end->kind == RuleEnd::Kind::kAny && ends.size() > 1)
                error(at, fmt::format("{}: \"any\" stands alone; the others in this list have no effect", key));
        }
    }

    static std::string near(const std::string& name, const std::set<std::string>& known) {
        const std::vector<std::string_view> names(known.begin(), known.end());
        const std::string meant = suggest(name, names);
        return meant.empty() ? "" : fmt::format(" (did you mean \"{}\"?)", meant);
    }

    // The family of a list that has networks of one family alone; nothing: what is meant depends on others.
    static std::optional<Family> only_family(const std::vector<std::string>& ends) {
        std::optional<Family> family;
        for (const std::string& text : ends) {
            const auto end = parse_rule_end(text);
            if (!end || end->kind != RuleEnd::Kind::kNetwork) return std::nullopt;
            if (family && *family != end->network.address.family) return std::nullopt;
            family = end->network.address.family;
        }
        return family;
    }

    static const char* name_of(Family family) { return family == Family::kV4 ? "IPv4" : "IPv6"; }
    static const char* name_of(FirewallProtocol protocol) { return config::name_of(protocol); }

    // The stack's own addresses of a family where packets leave, or arrive.
    [[nodiscard]] bool has_address(bool on_handoff, Family family) const {
        if (on_handoff && !customer_.handoff) return false;
        const auto& addresses = on_handoff ? customer_.handoff->addresses : customer_.stack.addresses;
        return std::any_of(addresses.begin(), addresses.end(),
                           [&](const Prefix& own) { return own.address.family == family && readable(own); });
    }

    void check_side(const std::string& path, std::string_view key, bool on_handoff, Family family) {
        if (on_handoff && !customer_.handoff)
            return error(path, fmt::format("{}: \"handoff\", and this customer has none: there is no [handoff]", key));
        if (!has_address(on_handoff, family))
            error(path, fmt::format("{}: the stack has no {} address there; accepted: with one in {}", key,
                                    name_of(family), on_handoff ? "handoff.address" : "stack.addresses"));
    }

    void check_masquerade(std::string_view key, const std::vector<std::string>& sides, Family family) {
        for (std::size_t i = 0; i < sides.size(); ++i)
            check_side(fmt::format("{}[{}]", key, i), key, sides[i] == "handoff", family);
    }

    void check_forward(std::size_t number) {
        const Forward& forward = customer_.nat.forwards[number];
        const std::string path = fmt::format("nat.forward[{}]", number);
        const IpAddress& host = forward.to.address;
        if (forward.port == 0 || host.is_unspecified()) return;  // reported with the shape
        const bool on_handoff = forward.from == ForwardFrom::kHandoff;
        const std::string from = path + (source_.root.at(path + ".from") == nullptr ? "" : ".from");
        check_side(from, "nat.forward.from", on_handoff, host.family);
        const TunnelNetworks networks(customer_);
        const auto& all = networks.all();
        if (std::none_of(all.begin(), all.end(), [&](const auto& entry) { return entry.first.contains(host); }))
            error(path + ".to", fmt::format("nat.forward.to: {} is in no network of a peer or connection, so no tunnel "
                                            "leads to it",
                                            to_string(host)));
        const auto [found, is_new] =
            forwards_.try_emplace({forward.from, forward.protocol, host.family, forward.port}, number);
        if (!is_new)
            error(path + ".port",
                  fmt::format("nat.forward.port: {} {} is also forwarded at {}", config::name_of(forward.protocol),
                              forward.port, source_.cite(fmt::format("nat.forward[{}].port", found->second))));
    }

    const Customer& customer_;
    const Source& source_;
    std::vector<Diagnostic>& out_;
    std::set<std::string> peers_;  // and connections
    std::set<std::string> groups_;
    std::map<std::string, std::size_t> rules_;
    std::map<std::tuple<ForwardFrom, FirewallProtocol, Family, std::uint16_t>, std::size_t> forwards_;
};

}  // namespace

void check_policy(const Parsed<Customer>& customer, std::vector<Diagnostic>& out) {
    PolicyCheck(customer, out).check();
    check_maps(customer, out);
}

}  // namespace warren::config
