#include "config/schema_services.h"

namespace warren::config {

namespace {

constexpr auto kCustomer = Document::kCustomer;

// clang-format off
constexpr Key kSchema[] = {
    {.document = kCustomer, .path = "dns", .type = Type::kTable,
     .doc = "A resolver for the customer's devices: Debian's unbound, confined inside the stack. It answers only what "
            "arrives in this stack. Each peer that has single addresses among its allowed_ips has a name, "
            "`PEER.DOMAIN`, and these addresses have it in reverse."},
    {.document = kCustomer, .path = "dns.listen", .type = Type::kAddresses, .required = true, .min = 1, .max = 8,
     .doc = "The addresses of the stack that it answers on, UDP and TCP port 53: of stack.addresses or "
            "handoff.address. Devices get them by clients.dns.", .example = "[\"10.0.0.1\", \"fd00:42::1\"]"},
    {.document = kCustomer, .path = "dns.upstream", .type = Type::kAddresses, .max = 8,
     .doc = "The resolvers that it asks for all other names, reached inside the stack. Absent: other names are "
            "refused.", .example = "[\"10.42.0.53\"]"},
    {.document = kCustomer, .path = "dns.domain", .type = Type::kDomain, .default_text = {},
     .doc = "The domain of the peers' names and of hosts without one. Absent: `ID.internal`.",
     .example = "\"vpn.acme.example\""},
    {.document = kCustomer, .path = "dns.zone", .type = Type::kTables, .max = 64,
     .doc = "A domain whose names are asked of servers of its own."},
    {.document = kCustomer, .path = "dns.zone[].name", .type = Type::kDomain, .required = true,
     .doc = "The domain, all names below it included.", .example = "\"corp.acme.example\""},
    {.document = kCustomer, .path = "dns.zone[].servers", .type = Type::kAddresses, .required = true, .min = 1,
     .max = 8, .doc = "Its servers, reached inside the stack.", .example = "[\"10.43.0.53\"]"},
    {.document = kCustomer, .path = "dns.host", .type = Type::kTables, .max = 1000,
     .doc = "A name beside those of the peers."},
    {.document = kCustomer, .path = "dns.host[].name", .type = Type::kDomain, .required = true,
     .doc = "One label, which gets dns.domain, or a whole name. A peer of that name has these addresses instead of its "
            "own.", .example = "\"erp\""},
    {.document = kCustomer, .path = "dns.host[].addresses", .type = Type::kAddresses, .required = true, .min = 1,
     .max = 8, .doc = "What the name stands for.", .example = "[\"10.42.0.10\"]"},
    {.document = kCustomer, .path = "bgp", .type = Type::kTable,
     .doc = "A router that speaks BGP for the stack: Debian's BIRD, confined inside it, but for "
            "allow_network_admin. What it learns, within the lists of each neighbour, is routed in the stack."},
    {.document = kCustomer, .path = "bgp.asn", .type = Type::kInteger, .required = true, .min = 1, .max = 4294967294,
     .doc = "The stack's own number of an autonomous system.", .example = "64512"},
    {.document = kCustomer, .path = "bgp.router_id", .type = Type::kAddress,
     .doc = "An IPv4 address that names the router to its neighbours. Absent: the first one of stack.addresses.",
     .example = "\"10.0.0.1\""},
    {.document = kCustomer, .path = "bgp.allow_network_admin", .type = Type::kBoolean, .default_text = "false",
     .doc = "Must be true: BIRD gets CAP_NET_ADMIN to write routes, and if a neighbour takes BIRD over, that reaches "
            "devices of the uplink and of other customers, too (threat model, \"Services inside a stack\"). For "
            "neighbours that are trusted that far.", .example = "true"},
    {.document = kCustomer, .path = "bgp.announce", .type = Type::kPrefixes, .max = kMaxAllowedIpsPerPeer,
     .doc = "The networks that neighbours are told of. Absent: all that are behind the customer's tunnels, but not a "
            "default route.", .example = "[\"10.43.0.0/16\"]"},
    {.document = kCustomer, .path = "bgp.allow_learned", .type = Type::kPrefixes, .max = 64,
     .doc = "What is learned towards a peer of WireGuard becomes that peer's network, as if it were among its "
            "allowed_ips, as long as it is learned: these networks and parts of them, but nothing that the file gives "
            "to another tunnel, to the handoff or to the stack, and at most 4096 of the customer. The peer is the one "
            "whose allowed_ips have the route's gateway. Neighbours may be behind tunnels then, and are told of what "
            "is learned within these networks, unless bgp.announce is there. Not with stack.devices. Absent: what is "
            "learned behind a tunnel gets no packets.",
     .example = "[\"10.60.0.0/14\"]"},
    {.document = kCustomer, .path = "bgp.neighbour", .type = Type::kTables, .max = 32,
     .doc = "A router that the stack exchanges routes with."},
    {.document = kCustomer, .path = "bgp.neighbour[].name", .type = Type::kIdentifier, .required = true,
     .doc = "The neighbour's name, unique within the customer.", .example = "\"core\""},
    {.document = kCustomer, .path = "bgp.neighbour[].address", .type = Type::kAddress, .required = true,
     .doc = "Its address, in a network of handoff.address; with bgp.allow_learned also among a peer's allowed_ips.",
     .example = "\"10.42.0.254\""},
    {.document = kCustomer, .path = "bgp.neighbour[].asn", .type = Type::kInteger, .required = true, .min = 1,
     .max = 4294967294, .doc = "Its number of an autonomous system; the same as bgp.asn for an internal neighbour.",
     .example = "64600"},
    {.document = kCustomer, .path = "bgp.neighbour[].import", .type = Type::kPrefixes, .max = 1000,
     .doc = "What it may announce: these networks and parts of them. Absent: nothing is learned. A network of "
            "the stack, of the handoff, of a tunnel or of stack.route stays where it is: neither it nor a part of it "
            "is learned.",
     .example = "[\"10.50.0.0/16\"]"},
    {.document = kCustomer, .path = "bgp.neighbour[].max_prefixes", .type = Type::kInteger, .min = 1, .max = 20000,
     .default_text = "1000", .doc = "How many networks it may announce; with more the session ends, "
                                       "and is tried again after a minute or more.",
     .example = "100"},
};
// clang-format on

}  // namespace

std::span<const Key> services_schema() {
    return kSchema;
}

}  // namespace warren::config
