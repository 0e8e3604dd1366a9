#include "config/firewall.h"

#include <fmt/format.h>

#include <charconv>

#include "config/values.h"

namespace warren::config {

namespace {

std::optional<std::uint16_t> parse_port(std::string_view text) {
    std::uint16_t port = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
    if (error != std::errc() || end != text.data() + text.size() || port == 0) return std::nullopt;
    return port;
}

}  // namespace

std::optional<RuleEnd> parse_rule_end(std::string_view text) {
    using enum RuleEnd::Kind;
    if (text == "any") return RuleEnd{};
    if (text == "handoff") return RuleEnd{kHandoff, {}, {}};
    for (const auto& [start, kind] : {std::pair{std::string_view("peer:"), kPeer}, {"group:", kGroup}}) {
        if (!text.starts_with(start)) continue;
        const std::string_view name = text.substr(start.size());
        if (!is_identifier(name)) return std::nullopt;
        return RuleEnd{kind, std::string(name), {}};
    }
    const auto network = parse_prefix(text);
    if (!network) return std::nullopt;
    return RuleEnd{kNetwork, {}, *network};
}

std::optional<PortRange> parse_ports(std::string_view text) {
    const auto dash = text.find('-');
    const auto first = parse_port(text.substr(0, dash));
    const auto last = dash == std::string_view::npos ? first : parse_port(text.substr(dash + 1));
    if (!first || !last || *last < *first) return std::nullopt;
    return PortRange{*first, *last};
}

std::string to_string(const PortRange& ports) {
    return ports.first == ports.last ? fmt::to_string(ports.first) : fmt::format("{}-{}", ports.first, ports.last);
}

const char* name_of(FirewallAction action) {
    switch (action) {
        case FirewallAction::kAccept: return "accept";
        case FirewallAction::kDrop: return "drop";
        case FirewallAction::kReject: return "reject";
    }
    return "drop";
}

const char* name_of(FirewallProtocol protocol) {
    switch (protocol) {
        case FirewallProtocol::kAny: return "any";
        case FirewallProtocol::kTcp: return "tcp";
        case FirewallProtocol::kUdp: return "udp";
        case FirewallProtocol::kIcmp: return "icmp";
    }
    return "any";
}

const char* name_of(ForwardFrom from) {
    return from == ForwardFrom::kHandoff ? "handoff" : "peers";
}

}  // namespace warren::config
