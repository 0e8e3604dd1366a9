#include "config/service_tables.h"

#include <fmt/format.h>

#include <algorithm>

#include "config/read.h"

namespace warren::config {

// --- reading -------------------------------------------------------------------------------------

// Found by argument-dependent lookup from the templates of config/read.h, hence not in an anonymous namespace.

static void read(const Node* node, DnsZone& to) {
    read(node->find("name"), to.name);
    read(node->find("servers"), to.servers);
}

static void read(const Node* node, DnsHost& to) {
    read(node->find("name"), to.name);
    read(node->find("addresses"), to.addresses);
}

static void read(const Node* node, Dns& to) {
    read(node->find("listen"), to.listen);
    read(node->find("upstream"), to.upstream);
    read(node->find("domain"), to.domain);
    read(node->find("zone"), to.zones);
    read(node->find("host"), to.hosts);
}

static void read(const Node* node, BgpNeighbour& to) {
    read(node->find("name"), to.name);
    read(node->find("address"), to.address);
    read(node->find("asn"), to.asn);
    read(node->find("import"), to.import);
    read(node->find("max_prefixes"), to.max_prefixes);
}

static void read(const Node* node, Bgp& to) {
    read(node->find("asn"), to.asn);
    read(node->find("router_id"), to.router_id);
    read(node->find("announce"), to.announce);
    read(node->find("allow_learned"), to.allow_learned);
    read(node->find("neighbour"), to.neighbours);
}

void read_services(const Node& root, Customer& to) {
    read(root.find("dns"), to.dns);
    read(root.find("bgp"), to.bgp);
}

// --- differences ---------------------------------------------------------------------------------

namespace {

template <typename T>
std::string listed(const std::vector<T>& all) {
    std::vector<std::string> texts;
    for (const T& each : all) texts.push_back(to_string(each));
    return fmt::to_string(fmt::join(texts, ", "));
}

}  // namespace

void flatten_services(const Customer& customer, std::map<std::string, std::string>& out) {
    if (customer.dns) {
        const Dns& dns = *customer.dns;
        out["dns.listen"] = listed(dns.listen);
        if (!dns.upstream.empty()) out["dns.upstream"] = listed(dns.upstream);
        if (!dns.domain.empty()) out["dns.domain"] = dns.domain;
        for (const DnsZone& zone : dns.zones) out["dns.zone " + zone.name] = listed(zone.servers);
        for (const DnsHost& host : dns.hosts) out["dns.host " + host.name] = listed(host.addresses);
    }
    if (!customer.bgp) return;
    const Bgp& bgp = *customer.bgp;
    out["bgp.asn"] = fmt::to_string(bgp.asn);
    if (!bgp.router_id.is_unspecified()) out["bgp.router_id"] = to_string(bgp.router_id);
    if (bgp.announce) out["bgp.announce"] = bgp.announce->empty() ? "nothing" : listed(*bgp.announce);
    if (!bgp.allow_learned.empty()) out["bgp.allow_learned"] = listed(bgp.allow_learned);
    for (const BgpNeighbour& each : bgp.neighbours)
        out["bgp.neighbour " + each.name] =
            fmt::format("{} AS {}, import {}, at most {}", to_string(each.address), each.asn,
                        each.import.empty() ? "nothing" : listed(each.import), each.max_prefixes);
}

}  // namespace warren::config
