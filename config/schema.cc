#include "config/schema.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <limits>
#include <map>
#include <utility>

#include "config/emulation_text.h"
#include "config/firewall.h"
#include "config/quantity.h"
#include "config/rate.h"
#include "config/schema_alerts.h"
#include "config/schema_emulation.h"
#include "config/schema_firewall.h"
#include "config/schema_ipsec.h"
#include "config/schema_services.h"

namespace warren::config {

namespace {

constexpr std::array<std::string_view, 2> kStates{"active", "suspended"};
constexpr std::array<std::string_view, 2> kParks{"never", "idle"};
constexpr std::array<std::string_view, 4> kHandoffTypes{"veth", "macvlan", "vlan", "physical"};

constexpr auto kAppliance = Document::kAppliance;
constexpr auto kCustomer = Document::kCustomer;

// clang-format off
constexpr Key kSchema[] = {
    {.document = kAppliance, .path = "schema", .type = Type::kSchemaNumber, .required = true,
     .doc = "The version of this file's format.", .example = "1"},
    {.document = kAppliance, .path = "workers", .type = Type::kInteger, .min = 1, .max = kMaxWorkers,
     .doc = "How many threads carry packets; absent: one for each CPU that stackd may run on. Another number replaces "
            "vpnd: sessions go on without a handshake.", .example = "4"},
    {.document = kAppliance, .path = "appliance", .type = Type::kTable, .doc = "The identity of this appliance."},
    {.document = kAppliance, .path = "appliance.name", .type = Type::kIdentifier, .default_text = "\"warren\"",
     .doc = "The appliance's name in `vpnctl status`, the status page and the metrics.", .example = "\"pop-vienna-1\""},
    {.document = kAppliance, .path = "wireguard", .type = Type::kTable,
     .doc = "The shared listener: one UDP port and one server key for all customers. Without this table every "
            "customer needs its own listener."},
    {.document = kAppliance, .path = "wireguard.listen_port", .type = Type::kInteger, .min = 1, .max = 65535,
     .default_text = "51820", .doc = "The UDP port that the shared listener is bound to, on IPv4 and IPv6.",
     .example = "51820"},
    {.document = kAppliance, .path = "wireguard.private_key", .type = Type::kSecret, .required = true,
     .doc = "The server's private key: the name of a file below secrets/ that holds it as `wg genkey` prints it.",
     .example = "{ secret = \"uplink\" }"},
    {.document = kAppliance, .path = "wireguard.previous_private_key", .type = Type::kSecret,
     .doc = "A second private key of the same listener, while the key is changed: clients that still have its public "
            "key are served as before. `vpnctl listeners` says how many those are; remove it when there are none.",
     .example = "{ secret = \"uplink-2026\" }"},
    {.document = kAppliance, .path = "wireguard.endpoint", .type = Type::kHostPort,
     .doc = "Where clients reach the shared listener: `vpnctl listeners` and `vpnctl status` show it, for the people "
            "who set up clients. Warren itself does not connect to it, so a DNS name is accepted.",
     .example = "\"vpn.example.net:51820\""},
    {.document = kAppliance, .path = "status", .type = Type::kTable,
     .doc = "The status page. Without this table there is none."},
    {.document = kAppliance, .path = "status.listen", .type = Type::kListenEndpoint, .required = true,
     .doc = "The address and TCP port of the status page (HTTPS). With a loopback address it is reachable on the "
            "appliance only.", .example = "\"127.0.0.1:8443\""},
    {.document = kAppliance, .path = "status.changes", .type = Type::kBoolean, .default_text = "false",
     .doc = "Whether users of the status page may change something there, with their password: operators add, enable "
            "and disable devices, suspend customers, and confirm or undo what waits for it; a customer's users add (up "
            "to max_peers) and disable its own devices. Each change of a file is in `vpnctl history` with the user's "
            "name; who confirmed is in the log.", .example = "true"},

    {.document = kCustomer, .path = "schema", .type = Type::kSchemaNumber, .required = true,
     .doc = "The version of this file's format.", .example = "1"},
    {.document = kCustomer, .path = "name", .type = Type::kTitle, .required = true,
     .doc = "The customer's name for people. Programs use the id, which is the name of the file.",
     .example = "\"Acme Manufacturing GmbH\""},
    {.document = kCustomer, .path = "description", .type = Type::kTitle,
     .doc = "Anything that people should know of the customer: a contract, a contact.",
     .example = "\"contract 4711, NOC +43 1 234567\""},
    {.document = kCustomer, .path = "state", .type = Type::kChoice, .choices = kStates, .default_text = "\"active\"",
     .doc = "`suspended` keeps the configuration and the stack and drops all tunnels.", .example = "\"active\""},
    {.document = kCustomer, .path = "group", .type = Type::kInteger, .max = 255,  // kMostGroups - 1
     .doc = "The group of the fleet that the customer belongs to: one node at a time serves its tunnels, at the "
            "group's address. Only with `/etc/warren/fleet.toml`, and not for customers with IPsec.",
     .example = "7"},
    {.document = kCustomer, .path = "stack", .type = Type::kTable, .required = true,
     .doc = "The customer's own network stack: the namespace `warren-ID` with the tunnel device `vpn0`."},
    {.document = kCustomer, .path = "stack.addresses", .type = Type::kInterfaceAddresses, .required = true, .min = 1,
     .max = kMaxStackAddresses,
     .doc = "The addresses of vpn0, our end of all the customer's tunnels, each with the length of its network.",
     .example = "[\"10.0.0.1/24\", \"fd00:42::1/64\"]"},
    {.document = kCustomer, .path = "stack.mtu", .type = Type::kInteger, .min = kMinMtuV4, .max = kMaxMtu,
     .unit = "bytes", .default_text = "1420",
     .doc = "The MTU of vpn0. 1420 fits an uplink of 1500 over IPv6; with IPv6 inside the tunnel at least 1280. With "
            "[ipsec] at most 1400, which is the default then.",
     .example = "1420"},
    {.document = kCustomer, .path = "stack.clamp_mss", .type = Type::kBoolean, .default_text = "true",
     .doc = "Lower the segment size that TCP connections through the stack announce to what vpn0 and lan0 have room "
            "for, so that they work where a firewall drops the ICMP errors of path MTU discovery.",
     .example = "true"},
    {.document = kCustomer, .path = "stack.devices", .type = Type::kDevices, .max = kMaxStackDevices,
     .doc = "Devices that you add in the stack yourself, such as a VXLAN or GRE tunnel: the firewall lets packets pass "
            "between them, vpn0 and lan0, and into the stack. From any other device nothing is let in. A device that "
            "is not there yet is no error.", .example = "[\"vx0\"]"},
    {.document = kCustomer, .path = "stack.queues", .type = Type::kInteger, .min = 1, .max = kMaxWorkers,
     .default_text = "1",
     .doc = "How many data workers share a large customer's packets: vpn0 gets this many queues, and the public key "
            "assigns each peer to one of them, so packets stay in order. At most `workers` of warren.toml are used. "
            "Cannot be combined with traffic.rate_up and rate_down. A change recreates vpn0 and the customer's "
            "tunnels.", .example = "4"},
    {.document = kCustomer, .path = "stack.park", .type = Type::kChoice, .choices = kParks,
     .default_text = "\"never\"",
     .doc = "`idle`: while no packet comes from the customer's peers there is no stack, which costs no memory of the "
            "kernel; the first packet makes it and is kept. What was done by hand in the stack, and its connection "
            "tracking, is lost whenever it is parked. Not with [handoff], [dns], [bgp], stack.devices or several "
            "stack.queues.", .example = "\"idle\""},
    {.document = kCustomer, .path = "stack.park_after", .type = Type::kDuration, .min = 2, .max = 86'400,
     .default_text = "\"10 min\"",
     .doc = "With stack.park = \"idle\", how long no packet has passed vpn0 when the stack goes. Keepalives do not "
            "count.", .example = "\"1 h\""},
    {.document = kCustomer, .path = "stack.route", .type = Type::kTables, .max = kMaxStackRoutes,
     .doc = "A static route inside the stack. The peers' allowed_ips are routed to vpn0 without one."},
    {.document = kCustomer, .path = "stack.route[].to", .type = Type::kPrefix, .required = true,
     .doc = "The destination.", .example = "\"10.42.0.0/16\""},
    {.document = kCustomer, .path = "stack.route[].via", .type = Type::kAddress, .required = true,
     .doc = "The next hop: an address in one of the networks of stack.addresses or handoff.address.",
     .example = "\"10.42.0.254\""},
    {.document = kCustomer, .path = "traffic", .type = Type::kTable,
     .doc = "How much of the appliance the customer may use. Without this table it has no limit, and an equal share "
            "when the processor is overloaded."},
    {.document = kCustomer, .path = "traffic.rate_up", .type = Type::kRate,
     .doc = "The highest rate from all its sites and devices into the stack, counted as the customer's IP packets. "
            "What exceeds it waits: each flow in its own queue, for 80 ms at most; the rest is dropped. What exceeds "
            "twice the rate is dropped before decryption. Absent: no limit.", .example = "\"100 Mbit/s\""},
    {.document = kCustomer, .path = "traffic.rate_down", .type = Type::kRate,
     .doc = "The highest rate from the stack to all its sites and devices, counted and limited in the same way, "
            "before encryption. Absent: no limit.", .example = "\"100 Mbit/s\""},
    {.document = kCustomer, .path = "traffic.quota", .type = Type::kQuota,
     .doc = "How much the customer may send and receive in a calendar month of UTC, both directions and all its peers "
            "and connections together: encrypted messages with their headers, as `wg show` counts them. "
            "`vpnctl usage` shows what is left. Absent: any amount, counted all the same.",
     .example = "\"500 GB/month\""},
    {.document = kCustomer, .path = "traffic.after_quota", .type = Type::kAfterQuota, .default_text = "\"drop\"",
     .doc = "What happens when the quota is spent, within a second, until the next month begins or the quota is "
            "raised. `drop`: no packet passes, tunnels stay up. A rate: of each direction from then on.",
     .example = "\"2 Mbit/s\""},
    {.document = kCustomer, .path = "traffic.share", .type = Type::kInteger, .min = 1, .max = kMaxShare,
     .default_text = "1",
     .doc = "Its weight against other customers when the processor is overloaded: with 2 it gets twice the time of "
            "one with 1.", .example = "2"},
    {.document = kCustomer, .path = "reseller", .type = Type::kTable,
     .doc = "The customer is a reseller: the files in the directory `customers/ID/` are its customers, each with a "
            "stack of its own. The keys bound what they have all together, at every level below it. Without this "
            "table such files are not used."},
    {.document = kCustomer, .path = "reseller.share", .type = Type::kInteger, .min = 1, .max = kMaxShare,
     .default_text = "1",
     .doc = "The weight of the reseller and all its customers together against other customers when the processor is "
            "overloaded. Among themselves they divide it by traffic.share.", .example = "2"},
    {.document = kCustomer, .path = "reseller.max_customers", .type = Type::kInteger, .min = 1, .max = 10000,
     .doc = "How many customers the reseller may have. More are an error of those that are new. Absent: any number.",
     .example = "20"},
    {.document = kCustomer, .path = "reseller.max_peers", .type = Type::kInteger, .min = 1, .max = 1000000,
     .doc = "How many peers and connections its customers may have together, those with enabled = false apart. "
            "Absent: any number.", .example = "500"},
    {.document = kCustomer, .path = "reseller.rate_up", .type = Type::kRate,
     .doc = "What the traffic.rate_up of its customers may add up to; each of them needs one then. Absent: anything.",
     .example = "\"1 Gbit/s\""},
    {.document = kCustomer, .path = "reseller.rate_down", .type = Type::kRate,
     .doc = "What the traffic.rate_down of its customers may add up to, likewise.", .example = "\"1 Gbit/s\""},
    {.document = kCustomer, .path = "handoff", .type = Type::kTable,
     .doc = "How the customer's LAN reaches the stack: the device `lan0` inside it. Without this table there is none."},
    {.document = kCustomer, .path = "handoff.type", .type = Type::kChoice, .required = true, .choices = kHandoffTypes,
     .doc = "`veth`: a pair of devices, the far end joins the bridge `parent`, if set. `macvlan`: a device with a MAC "
            "address of its own on `parent`. `vlan`: the 802.1Q VLAN `vlan_id` of `parent`. `physical`: the device "
            "`parent` itself moves into the stack; it returns down and without addresses.", .example = "\"veth\""},
    {.document = kCustomer, .path = "handoff.parent", .type = Type::kDevice,
     .doc = "A network device of the uplink namespace. For veth a bridge, and optional; required for the other types.",
     .example = "\"lan0\""},
    {.document = kCustomer, .path = "handoff.vlan_id", .type = Type::kInteger, .min = 1, .max = 4094,
     .doc = "The VLAN's number, for type vlan only (IEEE 802.1Q).", .example = "42"},
    {.document = kCustomer, .path = "handoff.address", .type = Type::kInterfaceAddresses, .max = kMaxStackAddresses,
     .doc = "The stack's addresses on the customer's LAN.", .example = "[\"10.42.0.1/24\"]"},
    {.document = kCustomer, .path = "handoff.mtu", .type = Type::kInteger, .min = kMinMtuV4, .max = 65535,
     .unit = "bytes",
     .doc = "The MTU of lan0; for macvlan and vlan at most that of the parent. Absent: the default of the kernel or "
            "of the parent.", .example = "1500"},
    {.document = kCustomer, .path = "wireguard", .type = Type::kTable, .doc = "The customer's WireGuard tunnels."},
    {.document = kCustomer, .path = "wireguard.listen_port", .type = Type::kInteger, .min = 1, .max = 65535,
     .doc = "The UDP port of the customer's own listener. Needs private_key; without both the shared listener serves "
            "the customer.", .example = "51842"},
    {.document = kCustomer, .path = "wireguard.private_key", .type = Type::kSecret,
     .doc = "The private key of the customer's own listener.", .example = "{ secret = \"acme/listener\" }"},
    {.document = kCustomer, .path = "wireguard.previous_private_key", .type = Type::kSecret,
     .doc = "A second private key of the customer's own listener, while its key is changed: clients that still have "
            "its public key are served as before.", .example = "{ secret = \"acme/listener-2026\" }"},
    {.document = kCustomer, .path = "wireguard.max_peers", .type = Type::kInteger, .min = 1,
     .max = kMaxPeersPerCustomer,
     .doc = "How many [[wireguard.peer]] the customer may have, those with enabled = false apart. More are an error. "
            "Absent: any number.", .example = "50"},
    {.document = kCustomer, .path = "wireguard.max_handshake_rate", .type = Type::kInteger, .min = 1, .max = 100000,
     .unit = "handshakes per second",
     .doc = "How many handshakes the customer's peers may begin in a second, all together; as many at once. More are "
            "dropped (`customer_handshake_rate`) and come again by themselves. Absent: only the bounds that all "
            "customers share under load.", .example = "50"},
    {.document = kCustomer, .path = "wireguard.peer", .type = Type::kTables, .max = kMaxPeersPerCustomer,
     .doc = "A site or a device at the other end of a tunnel."},
    {.document = kCustomer, .path = "wireguard.peer[].name", .type = Type::kIdentifier, .required = true,
     .doc = "The peer's name, unique within the customer.", .example = "\"branch-graz\""},
    {.document = kCustomer, .path = "wireguard.peer[].description", .type = Type::kTitle,
     .doc = "Anything that people should know of the peer: whose it is, or its name elsewhere.",
     .example = "\"Ms. Novak's laptop\""},
    {.document = kCustomer, .path = "wireguard.peer[].public_key", .type = Type::kPublicKey, .required = true,
     .doc = "The peer's public key, as `wg pubkey` prints it. It identifies the customer, so it occurs once on a "
            "listener.", .example = "\"gN65BkIKy1eCE9pP1wdc8ROUtkHLF2PfAqYdyYBz6EA=\""},
    {.document = kCustomer, .path = "wireguard.peer[].next_public_key", .type = Type::kPublicKey,
     .doc = "A second public key of the same peer, while its key is changed: the tunnel goes to whichever key the peer "
            "made its latest handshake with. `vpnctl peer rotate` writes it, and ends with it as public_key. No other "
            "peer of the listener may have it.", .example = "\"xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=\""},
    {.document = kCustomer, .path = "wireguard.peer[].preshared_key", .type = Type::kSecret,
     .doc = "A second, symmetric secret, as `wg genpsk` prints it, in a file below secrets/.",
     .example = "{ secret = \"acme/branch-graz.psk\" }"},
    {.document = kCustomer, .path = "wireguard.peer[].allowed_ips", .type = Type::kPrefixes, .required = true,
     .max = kMaxAllowedIpsPerPeer,
     .doc = "The networks behind the peer: routed to it, and accepted from it as source. A prefix belongs to one peer "
            "of a customer; other customers may use the same prefix. At most 20000 for a peer and 200000 for the "
            "enabled peers of a customer. Each is a route in the stack and takes some 60 bytes of vpnd's memory, twice "
            "as much while a change is applied.",
     .example = "[\"10.43.0.0/16\", \"fd00:43::/64\"]"},
    {.document = kCustomer, .path = "wireguard.peer[].endpoint", .type = Type::kEndpoint,
     .doc = "The peer's address. With it Warren can initiate; without it only the peer can. Numeric: names are not "
            "resolved. A link-local IPv6 address names the device of the uplink that leads to it: "
            "`[fe80::1%eth0]:51820`.", .example = "\"198.51.100.77:51820\""},
    {.document = kCustomer, .path = "wireguard.peer[].persistent_keepalive", .type = Type::kInteger, .max = 65535,
     .unit = "seconds", .default_text = "0",
     .doc = "Sends an empty packet at this interval when nothing else is sent, to keep NAT open; 0 = off.",
     .example = "25"},
    {.document = kCustomer, .path = "wireguard.peer[].enabled", .type = Type::kBoolean, .default_text = "true",
     .doc = "false: the peer stays in the file but has no tunnel and cannot clash.", .example = "true"},
    {.document = kCustomer, .path = "wireguard.peer[].expires", .type = Type::kMoment,
     .doc = "From this moment on the peer has no tunnel: its sessions end, and its handshakes are refused. A date "
            "begins at 00:00 UTC. The machine's clock decides. It stays in the file, and its keys and networks are "
            "its own.", .example = "2027-03-31"},
    {.document = kCustomer, .path = "wireguard.peer[].groups", .type = Type::kNames, .max = kMaxGroups,
     .doc = "Groups that rules of [firewall] name, as `group:NAME`.", .example = "[\"sales\"]"},
    {.document = kCustomer, .path = "wireguard.peer[].rate_up", .type = Type::kRate,
     .doc = "The highest rate from this peer into the stack, limited as traffic.rate_up is; that one applies too, to "
            "all peers together.", .example = "\"20 Mbit/s\""},
    {.document = kCustomer, .path = "wireguard.peer[].rate_down", .type = Type::kRate,
     .doc = "The highest rate from the stack to this peer, likewise.", .example = "\"50 Mbit/s\""},
    {.document = kCustomer, .path = "wireguard.peer[].quota", .type = Type::kQuota,
     .doc = "How much this peer may send and receive in a calendar month of UTC, counted as traffic.quota; that one "
            "applies too. The peer's name is what it is counted by.", .example = "\"50 GB/month\""},
    {.document = kCustomer, .path = "wireguard.peer[].after_quota", .type = Type::kAfterQuota,
     .default_text = "\"drop\"", .doc = "What happens when the peer's quota is spent, as traffic.after_quota.",
     .example = "\"1 Mbit/s\""},
    {.document = kCustomer, .path = "clients", .type = Type::kTable,
     .doc = "What the configurations contain that `vpnctl peer add` and `vpnctl profile` make for the customer's "
            "devices. It changes nothing in the stack."},
    {.document = kCustomer, .path = "clients.pool", .type = Type::kPrefixes, .min = 1, .max = kMaxStackAddresses,
     .doc = "The networks that new devices get their addresses from: each gets the next free one of IPv4 and of IPv6. "
            "Absent: the networks of stack.addresses.", .example = "[\"10.0.0.128/25\", \"fd00:42::/64\"]"},
    {.document = kCustomer, .path = "clients.routes", .type = Type::kPrefixes, .min = 1, .max = kMaxAllowedIpsPerPeer,
     .doc = "The networks that devices send through the tunnel, their AllowedIPs. Absent: those of stack.addresses and "
            "handoff.address, and those behind all other peers.", .example = "[\"0.0.0.0/0\", \"::/0\"]"},
    {.document = kCustomer, .path = "clients.dns", .type = Type::kAddresses, .max = 8,
     .doc = "The name servers that devices use while the tunnel is up.", .example = "[\"10.42.0.53\"]"},
    {.document = kCustomer, .path = "clients.search", .type = Type::kDomains, .max = 16,
     .doc = "The domains that devices search for short names.", .example = "[\"acme.internal\"]"},
    {.document = kCustomer, .path = "clients.mtu", .type = Type::kInteger, .min = kMinMtuV4, .max = kMaxMtu,
     .unit = "bytes", .doc = "The MTU of the devices' tunnels. Absent: as the device decides.", .example = "1380"},
    {.document = kCustomer, .path = "clients.persistent_keepalive", .type = Type::kInteger, .max = 65535,
     .unit = "seconds", .default_text = "25",
     .doc = "How often devices send an empty packet when nothing else is sent, to keep NAT open; 0 = off.",
     .example = "15"},
    {.document = kCustomer, .path = "clients.endpoint", .type = Type::kHostPort,
     .doc = "Where devices reach the customer's listener. Absent: wireguard.endpoint of warren.toml, with the port of "
            "the customer's own listener if it has one.", .example = "\"vpn.acme.example:51842\""},
};
// clang-format on

// All keys, and where each is.
struct Index {
    std::vector<Key> keys;
    std::map<std::pair<Document, std::string_view>, const Key*> by_path;
    std::map<std::pair<Document, std::string_view>, std::vector<const Key*>> by_table;
};

// The keys of each document together, those of IPsec last.
Index make_index() {
    Index out;
    for (const Document document : {kAppliance, kCustomer}) {
        for (const std::span<const Key> part : {std::span<const Key>(kSchema), alerts_schema(), emulation_schema(),
                                                firewall_schema(), services_schema(), ipsec_schema()})
            std::copy_if(part.begin(), part.end(), std::back_inserter(out.keys),
                         [document](const Key& key) { return key.document == document; });
    }
    for (const Key& key : out.keys) {
        out.by_path[{key.document, key.path}] = &key;
        out.by_table[{key.document, key.table()}].push_back(&key);
    }
    return out;
}

const Index& index() {
    static const Index kIndex = make_index();
    return kIndex;
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> before_last;
    std::vector<std::size_t> last(b.size() + 1);
    std::vector<std::size_t> row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
            const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (swapped) row[j] = std::min(row[j], before_last[j - 2] + 1);
        }
        before_last = std::exchange(last, row);
    }
    return last[b.size()];
}

// Without case and separators, so that WireGuard's "AllowedIPs" finds allowed_ips.
std::string squeezed(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '_' || c == '-' || c == ' ') continue;
        out += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    }
    return out;
}

constexpr std::size_t kLongestSuggested = 64;  // longer words are no typing errors, and the distance is quadratic

}  // namespace

std::string_view Key::leaf() const {
    const auto dot = path.rfind('.');
    return dot == std::string_view::npos ? path : path.substr(dot + 1);
}

std::string_view Key::table() const {
    const auto dot = path.rfind('.');
    return dot == std::string_view::npos ? std::string_view() : path.substr(0, dot);
}

std::span<const Key> schema() {
    return index().keys;
}

const Key* find_key(Document document, std::string_view path) {
    const auto found = index().by_path.find({document, path});
    return found == index().by_path.end() ? nullptr : found->second;
}

std::vector<const Key*> keys_of(Document document, std::string_view table) {
    const auto found = index().by_table.find({document, table});
    return found == index().by_table.end() ? std::vector<const Key*>() : found->second;
}

std::string display_path(std::string_view path) {
    std::string out;
    for (const char c : path) {
        if (c != '[' && c != ']') out += c;
    }
    return out;
}

std::string accepted(const Key& key) {
    const std::string unit = key.unit.empty() ? std::string() : fmt::format(" ({})", key.unit);
    switch (key.type) {
        case Type::kTable: return "a table";
        case Type::kTables: return fmt::format("a list of tables, each begun with [[{}]]", display_path(key.path));
        case Type::kSchemaNumber: return "1";
        case Type::kTitle: return "a string of 1 to 128 characters without control characters";
        case Type::kIdentifier:
            return "a string of 1 to 63 letters, digits, \".\", \"_\", \"-\", \"@\", which begins with a letter or "
                   "digit";
        case Type::kDevice: return "a network device's name of 1 to 15 characters";
        case Type::kDevices:
            return "a list of names of network devices, each of 1 to 15 letters, digits, \".\", \"_\", \"-\"";
        case Type::kChoice: return fmt::format("one of \"{}\"", fmt::join(key.choices, "\", \""));
        case Type::kInteger: return fmt::format("a whole number from {} to {}{}", key.min, key.max, unit);
        case Type::kBoolean: return "true or false";
        case Type::kAddress: return "an IPv4 or IPv6 address";
        case Type::kInterfaceAddresses: return "a list of host addresses with prefix length, such as \"10.0.0.1/24\"";
        case Type::kPrefix: return "a network with prefix length, such as \"10.42.0.0/16\"";
        case Type::kPrefixes: return "a list of networks with prefix length, such as \"10.43.0.0/16\"";
        case Type::kEndpoint:
            return "a numeric address and port, such as \"198.51.100.77:51820\", \"[2001:db8::1]:51820\" or "
                   "\"[fe80::1%eth0]:51820\"";
        case Type::kListenEndpoint: return "a numeric address and port, such as \"127.0.0.1:8443\" or \"[::]:8443\"";
        case Type::kHostPort: return "a name or address and a port, such as \"vpn.example.net:51820\"";
        case Type::kPublicKey: return "44 characters of base64, as `wg pubkey` prints them";
        case Type::kMoment:
            return "a date from 2000 to 2199, such as 2027-03-31 (00:00 UTC), or a date with time and offset, such as "
                   "2027-03-31T17:30:00Z";
        case Type::kRate:
            return fmt::format("a rate in bit/s, kbit/s, Mbit/s or Gbit/s from {} to {}, such as \"100 Mbit/s\"",
                               rate_text(kMinRate), rate_text(kMaxRate));
        case Type::kQuota: return "an amount in kB, MB, GB or TB for each month, such as \"500 GB/month\"";
        case Type::kAfterQuota:
            return fmt::format("\"drop\", or a rate in bit/s, kbit/s, Mbit/s or Gbit/s from {} to {}",
                               rate_text(kMinRate), rate_text(kMaxRate));
        case Type::kDelay:
            return fmt::format("a time in us, ms or s of at most {}, such as \"50 ms\"", delay_text(kMostDelay));
        case Type::kPart: return "a part from 0 % to 100 %, such as \"1 %\" or \"0.25 %\"";
        case Type::kSecret: return "{ secret = \"NAME\" }, NAME being a file below secrets/";
        case Type::kCertificate: return "the name of a file below certs/, such as \"acme/hub.pem\"";
        case Type::kCertificates: return "a list of names of files below certs/, such as \"acme/ca.pem\"";
        case Type::kIdentity:
            return "a name, a mail address, an IP address, a distinguished name (\"C=AT, O=Acme, CN=hub\") or "
                   "\"key-id:TEXT\"";
        case Type::kPeerIdentity:
            return "a name, a mail address, an IP address, a distinguished name (\"C=AT, O=Acme, CN=graz\"), "
                   "\"key-id:TEXT\", or a pattern: \"*.acme.example\", \"*@acme.example\", \"any\"";
        case Type::kAddresses: return "a list of IPv4 and IPv6 addresses";
        case Type::kRealms: return "a list of names, such as \"acme.example\" or \"ACME\"";
        case Type::kDomain: return "a domain name, such as \"corp.acme.example\"";
        case Type::kDomains: return "a list of domain names, such as \"corp.acme.example\"";
        case Type::kDuration:
            return fmt::format("a time in s, min, h or d from {} to {}{}, such as {}",
                               duration_text(std::chrono::seconds(key.min)),
                               duration_text(std::chrono::seconds(key.max)),
                               key.choices.empty() ? "" : fmt::format(", or \"{}\"", key.choices.front()), key.example);
        case Type::kSize:
            return fmt::format("an amount in kB, MB, GB or TB from {} to {}, such as {}",
                               size_text(static_cast<std::uint64_t>(key.min)),
                               size_text(static_cast<std::uint64_t>(key.max)), key.example);
        case Type::kIkeProposals:
            return "a list of proposals: a cipher, a hash and a group, such as \"aes256gcm-sha384-x25519\"";
        case Type::kEspProposals:
            return "a list of proposals: a cipher, a hash unless it is an AEAD, and perhaps a group, such as "
                   "\"aes128gcm\" or \"aes256-sha256-modp2048\"";
        case Type::kNames:
            return "a list of strings of 1 to 63 letters, digits, \".\", \"_\", \"-\", \"@\", which begin with a "
                   "letter "
                   "or digit";
        case Type::kRuleEnds: return "a list of \"peer:NAME\", \"group:NAME\", \"handoff\", \"any\" and networks";
        case Type::kHttpUrl:
            return "a URL with http or https and without a user, such as \"https://alerts.example.net/\"";
        case Type::kMailbox: return "a mail address, such as \"noc@example.net\"";
        case Type::kMailboxes: return "a list of mail addresses, such as \"noc@example.net\"";
        case Type::kPorts: return "a list of ports and ranges of ports, such as 443 and \"8000-8010\"";
        case Type::kChoices: return fmt::format("a list of \"{}\"", fmt::join(key.choices, "\", \""));
    }
    return {};
}

std::string suggest(std::string_view written, std::span<const std::string_view> candidates) {
    if (written.size() > kLongestSuggested) return {};
    const std::string wanted = squeezed(written);
    std::string_view best;
    std::size_t best_distance = std::numeric_limits<std::size_t>::max();
    for (const std::string_view candidate : candidates) {
        const std::string have = squeezed(candidate);
        const std::size_t distance = edit_distance(wanted, have);
        const std::size_t allowed = std::max<std::size_t>(1, std::min(wanted.size(), have.size()) / 3);
        if (distance <= allowed && distance < best_distance) {
            best = candidate;
            best_distance = distance;
        }
    }
    return std::string(best);
}

std::string suggest_key(Document document, std::string_view table, std::string_view written) {
    std::vector<std::string_view> near;
    for (const Key* key : keys_of(document, table)) near.push_back(key->leaf());
    if (std::string found = suggest(written, near); !found.empty()) return found;
    const std::string wanted = squeezed(written);
    for (const Key& key : schema()) {
        if (key.document == document && squeezed(key.leaf()) == wanted) return std::string(key.path);
    }
    // The end of a longer name: "port" for listen_port.
    constexpr std::size_t kShortestEnd = 4;
    for (const std::string_view candidate : near) {
        if (wanted.size() >= kShortestEnd && squeezed(candidate).ends_with(wanted)) return std::string(candidate);
    }
    return {};
}

}  // namespace warren::config
