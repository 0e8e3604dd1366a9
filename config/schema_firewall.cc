#include "config/schema_firewall.h"

#include <array>

#include "config/firewall.h"

namespace warren::config {

namespace {

constexpr auto kCustomer = Document::kCustomer;
constexpr std::array<std::string_view, 2> kDefaults{"accept", "drop"};
constexpr std::array<std::string_view, 3> kActions{"accept", "drop", "reject"};
constexpr std::array<std::string_view, 4> kProtocols{"tcp", "udp", "icmp", "any"};
constexpr std::array<std::string_view, 2> kForwarded{"tcp", "udp"};
constexpr std::array<std::string_view, 2> kSides{"handoff", "peers"};

// clang-format off
constexpr Key kSchema[] = {
    {.document = kCustomer, .path = "firewall", .type = Type::kTable,
     .doc = "What may pass through the stack, between peers and handoff. Without rules and with the default nothing is "
            "tracked, and no packet costs more."},
    {.document = kCustomer, .path = "firewall.default", .type = Type::kChoice, .choices = kDefaults,
     .default_text = "\"accept\"", .doc = "What happens to a connection that no rule matches.",
     .example = "\"drop\""},
    {.document = kCustomer, .path = "firewall.allow_ping", .type = Type::kBoolean, .default_text = "true",
     .doc = "Echo requests (ping) pass whatever the rules say, and the stack itself answers them. false: the rules "
            "decide, and the stack does not answer.", .example = "true"},
    {.document = kCustomer, .path = "firewall.max_connections", .type = Type::kInteger, .min = 1,
     .max = kMaxConnections, .unit = "connections", .default_text = "65536",
     .doc = "How many connections the stack tracks at once, where a rule or a translation needs it. More new ones are "
            "refused: `vpnctl status CUSTOMER` counts them. Near the limit some are refused before it is reached.",
     .example = "20000"},
    {.document = kCustomer, .path = "firewall.rule", .type = Type::kTables, .max = kMaxFirewallRules,
     .doc = "A rule. The first one that a connection matches decides about the connection and its replies. A change "
            "holds for connections that exist too: those that it forbids end at once, all others go on."},
    {.document = kCustomer, .path = "firewall.rule[].name", .type = Type::kTitle, .required = true,
     .doc = "The rule's name, unique within the customer, of at most 64 bytes: its counters have it.",
     .example = "\"branches reach the ERP\""},
    {.document = kCustomer, .path = "firewall.rule[].from", .type = Type::kRuleEnds, .max = kMaxRuleEnds,
     .default_text = "[\"any\"]",
     .doc = "Where the connection begins: `peer:NAME`, the networks of a peer or an IPsec connection, but for what a "
            "more specific network of another has; `group:NAME`, the same of all peers with it in `groups`; "
            "`handoff`, what is routed to lan0; `any`; or a network.",
     .example = "[\"peer:branch-graz\", \"group:sales\"]"},
    {.document = kCustomer, .path = "firewall.rule[].to", .type = Type::kRuleEnds, .max = kMaxRuleEnds,
     .default_text = "[\"any\"]",
     .doc = "Where it leads to, as in `from`; with a forward of [nat], the host behind the tunnel.",
     .example = "[\"10.42.0.10/32\"]"},
    {.document = kCustomer, .path = "firewall.rule[].proto", .type = Type::kChoice, .choices = kProtocols,
     .default_text = "\"any\"", .doc = "The protocol; `icmp` means ICMPv6 too. Errors of ICMP belong to the connection "
                                       "that they are about.", .example = "\"tcp\""},
    {.document = kCustomer, .path = "firewall.rule[].ports", .type = Type::kPorts, .max = kMaxRulePorts,
     .doc = "The destination's ports and ranges of them, with proto `tcp` or `udp`. Absent: all.",
     .example = "[443, \"8000-8010\"]"},
    {.document = kCustomer, .path = "firewall.rule[].action", .type = Type::kChoice, .required = true,
     .choices = kActions, .doc = "`reject` drops the packet and tells its sender.", .example = "\"accept\""},
    {.document = kCustomer, .path = "firewall.rule[].log", .type = Type::kBoolean, .default_text = "false",
     .doc = "true: the first packet of each connection that the rule decides about is a line of the customer's log "
            "(`vpnctl log CUSTOMER`), at most 10 in a second.", .example = "true"},
    {.document = kCustomer, .path = "nat", .type = Type::kTable, .doc = "Translation of addresses inside the stack."},
    {.document = kCustomer, .path = "nat.masquerade", .type = Type::kChoices, .max = 2, .choices = kSides,
     .doc = "IPv4 packets that leave there get the stack's address on that device: with `handoff` the LAN needs no "
            "route to the peers, and a device reaches the Internet behind it.", .example = "[\"handoff\"]"},
    {.document = kCustomer, .path = "nat.masquerade_ipv6", .type = Type::kChoices, .max = 2, .choices = kSides,
     .doc = "The same for IPv6 (NAT66).", .example = "[\"handoff\"]"},
    {.document = kCustomer, .path = "nat.forward", .type = Type::kTables, .max = kMaxForwards,
     .doc = "A port of the stack that leads to a host behind a tunnel. Rules of [firewall] see the host's address; "
            "where none of them decides, the forward is let through."},
    {.document = kCustomer, .path = "nat.forward[].proto", .type = Type::kChoice, .required = true,
     .choices = kForwarded, .doc = "The protocol.", .example = "\"tcp\""},
    {.document = kCustomer, .path = "nat.forward[].port", .type = Type::kInteger, .required = true, .min = 1,
     .max = 65535, .doc = "The port of the stack's own addresses, of the family of `to`, on the side `from`.",
     .example = "8443"},
    {.document = kCustomer, .path = "nat.forward[].from", .type = Type::kChoice, .choices = kSides,
     .default_text = "\"handoff\"", .doc = "Who may use it: machines of the LAN, or the peers.",
     .example = "\"peers\""},
    {.document = kCustomer, .path = "nat.forward[].to", .type = Type::kEndpoint, .required = true,
     .doc = "The host and its port.", .example = "\"10.0.1.10:443\""},
    {.document = kCustomer, .path = "nat.map", .type = Type::kTables, .max = kMaxNatMaps,
     .doc = "A network behind a WireGuard peer that the stack, and everything beyond it, sees as another one of the "
            "same length: each address keeps its host part, in both directions. So several peers may have the same "
            "network, each with a map of its own. Everything else names the mapped network: rules, forwards, static "
            "routes, and the devices of other peers. Addresses inside the data of a protocol (FTP, SIP) are not "
            "translated."},
    {.document = kCustomer, .path = "nat.map[].peer", .type = Type::kIdentifier,
     .doc = "The peer. Absent: the one that has networks within `real` among its allowed_ips.",
     .example = "\"branch-graz\""},
    {.document = kCustomer, .path = "nat.map[].real", .type = Type::kPrefix, .required = true,
     .doc = "The network as the peer has it. Of the peer's allowed_ips all that lie within it are mapped.",
     .example = "\"10.0.1.0/24\""},
    {.document = kCustomer, .path = "nat.map[].mapped", .type = Type::kPrefix, .required = true,
     .doc = "The network as everybody else sees it, which nothing else of the customer has.",
     .example = "\"10.101.1.0/24\""},
};
// clang-format on

}  // namespace

std::span<const Key> firewall_schema() {
    return kSchema;
}

}  // namespace warren::config
