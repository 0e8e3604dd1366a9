#include "config/policy.h"

#include <fmt/format.h>

#include "config/nat_map.h"
#include "config/read.h"

namespace warren::config {

// --- reading -------------------------------------------------------------------------------------

// Found by argument-dependent lookup from the templates of config/read.h, hence not in an anonymous namespace.

static void read(const Node* node, FirewallAction& to) {
    if (node == nullptr) return;
    if (node->text == "accept") to = FirewallAction::kAccept;
    if (node->text == "drop") to = FirewallAction::kDrop;
    if (node->text == "reject") to = FirewallAction::kReject;
}

static void read(const Node* node, FirewallProtocol& to) {
    if (node == nullptr) return;
    if (node->text == "tcp") to = FirewallProtocol::kTcp;
    if (node->text == "udp") to = FirewallProtocol::kUdp;
    if (node->text == "icmp") to = FirewallProtocol::kIcmp;
}

static void read(const Node* node, ForwardFrom& to) {
    if (node != nullptr && node->text == "peers") to = ForwardFrom::kPeers;
}

static void read(const Node* node, PortRange& to) {
    std::uint16_t port = 0;
    read(node, port);
    to = node->kind == Node::Kind::kString ? parse_ports(node->text).value_or(to) : PortRange{port, port};
}

// "any" alone is as good as nothing.
static void read_ends(const Node* node, std::vector<std::string>& to) {
    read(node, to);
    if (to == std::vector<std::string>{"any"}) to.clear();
}

static void read(const Node* node, FirewallRule& to) {
    read(node->find("name"), to.name);
    read_ends(node->find("from"), to.from);
    read_ends(node->find("to"), to.to);
    read(node->find("proto"), to.protocol);
    read(node->find("ports"), to.ports);
    read(node->find("action"), to.action);
    read(node->find("log"), to.log);
}

static void read(const Node* node, Firewall& to) {
    if (node == nullptr) return;
    read(node->find("default"), to.otherwise);
    read(node->find("allow_ping"), to.allow_ping);
    read(node->find("max_connections"), to.max_connections);
    read(node->find("rule"), to.rules);
}

static void read(const Node* node, Forward& to) {
    read(node->find("proto"), to.protocol);
    read(node->find("port"), to.port);
    read(node->find("from"), to.from);
    read(node->find("to"), to.to);
}

static void read(const Node* node, Nat& to) {
    if (node == nullptr) return;
    read(node->find("masquerade"), to.masquerade);
    read(node->find("masquerade_ipv6"), to.masquerade_ipv6);
    read(node->find("forward"), to.forwards);
    read(node->find("map"), to.maps);
}

void read_policy(const Node& root, Customer& to) {
    read(root.find("firewall"), to.firewall);
    read(root.find("nat"), to.nat);
}

// --- differences ---------------------------------------------------------------------------------

namespace {

std::string ends_text(const std::vector<std::string>& ends) {
    return ends.empty() ? std::string("any") : fmt::to_string(fmt::join(ends, ", "));
}

}  // namespace

std::string summary_of(const FirewallRule& rule) {
    std::string text = fmt::format("{} -> {}", ends_text(rule.from), ends_text(rule.to));
    if (rule.protocol != FirewallProtocol::kAny) text += fmt::format(" {}", name_of(rule.protocol));
    std::vector<std::string> ports;
    for (const PortRange& range : rule.ports) ports.push_back(to_string(range));
    if (!ports.empty()) text += fmt::format(" {}", fmt::join(ports, ", "));
    return text + " " + name_of(rule.action) + (rule.log ? " log" : "");
}

void flatten_policy(const Customer& customer, std::map<std::string, std::string>& out) {
    const Firewall& firewall = customer.firewall;
    const Firewall unchanged;
    if (firewall.otherwise != unchanged.otherwise) out["firewall.default"] = name_of(firewall.otherwise);
    if (firewall.allow_ping != unchanged.allow_ping) out["firewall.allow_ping"] = fmt::to_string(firewall.allow_ping);
    if (firewall.max_connections != unchanged.max_connections)
        out["firewall.max_connections"] = fmt::to_string(firewall.max_connections);
    std::vector<std::string> order;
    for (const FirewallRule& rule : firewall.rules) {
        out["firewall.rule " + rule.name] = summary_of(rule);
        order.push_back(rule.name);
    }
    if (order.size() > 1) out["firewall.rule order"] = fmt::to_string(fmt::join(order, ", "));
    const Nat& nat = customer.nat;
    if (!nat.masquerade.empty()) out["nat.masquerade"] = ends_text(nat.masquerade);
    if (!nat.masquerade_ipv6.empty()) out["nat.masquerade_ipv6"] = ends_text(nat.masquerade_ipv6);
    for (const Forward& forward : nat.forwards) {
        const std::string field =
            fmt::format("nat.forward {} {} {}", name_of(forward.from), name_of(forward.protocol), forward.port);
        // A port may lead to a host of each family.
        std::string& text = out[field];
        text += (text.empty() ? "" : ", ") + to_string(forward.to);
    }
    flatten_maps(customer, out);
}

}  // namespace warren::config
