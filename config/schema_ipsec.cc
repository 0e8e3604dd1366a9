#include "config/schema_ipsec.h"

#include "base/ipsec.h"
#include "config/connection.h"
#include "config/firewall.h"

namespace warren::config {

namespace {

constexpr auto kAppliance = Document::kAppliance;
constexpr auto kCustomer = Document::kCustomer;
constexpr std::array<std::string_view, 1> kLegacy{"windows"};
constexpr std::array<std::string_view, 1> kOff{"off"};

// clang-format off
constexpr Key kSchema[] = {
    {.document = kAppliance, .path = "ipsec", .type = Type::kTable,
     .doc = "IKEv2 and IPsec: one listener for all customers, UDP ports 500 and 4500 on IPv4 and IPv6. Without this "
            "table there is none."},
    {.document = kAppliance, .path = "ipsec.encapsulation", .type = Type::kChoice, .choices = kIpsecEncapsulationNames,
     .default_text = "\"always\"",
     .doc = "`always`: packets travel in UDP, port 4500. `auto`: only where there is a NAT; else as ESP itself (IP "
            "protocol 50). `auto` has no effect yet: packets travel in UDP in any case.", .example = "\"auto\""},
    {.document = kAppliance, .path = "ipsec.legacy", .type = Type::kChoices, .max = 1, .choices = kLegacy,
     .doc = "Clients whose weak algorithms are taken. `windows`: MODP-1024 and HMAC-SHA1 in IKE, which Windows offers "
            "unless it is told otherwise; then a connection's `ike` may name them. Better: set the client.",
     .example = "[\"windows\"]"},
    {.document = kAppliance, .path = "ipsec.gateway", .type = Type::kTable,
     .doc = "Who we are to peers that do not say whom they want, as Windows does not. Without this table such peers "
            "are refused. With it their customer is found by the CA of their certificate, by the realm of their EAP "
            "identity, or by their identity when they have a preshared key."},
    {.document = kAppliance, .path = "ipsec.gateway.identity", .type = Type::kIdentity, .required = true,
     .doc = "Our identity for them, as their users type it; the certificate has it as a subjectAltName.",
     .example = "\"vpn.example.net\""},
    {.document = kAppliance, .path = "ipsec.gateway.certificate", .type = Type::kCertificate, .required = true,
     .doc = "Our certificate in PEM, then its chain.", .example = "\"gateway.pem\""},
    {.document = kAppliance, .path = "ipsec.gateway.private_key", .type = Type::kSecret, .required = true,
     .doc = "Its private key, PKCS8 in PEM: RSA of at least 2048 bits, P-256, P-384, P-521 or Ed25519.",
     .example = "{ secret = \"gateway.key\" }"},

    {.document = kCustomer, .path = "ipsec", .type = Type::kTable,
     .doc = "The customer's IKEv2 and IPsec tunnels. Needs [ipsec] in warren.toml."},
    {.document = kCustomer, .path = "ipsec.identity", .type = Type::kIdentity, .required = true,
     .doc = "Our identity for this customer's peers (IDr). A peer that asks for it is the customer's, so it occurs "
            "once on the appliance; a name has no case.", .example = "\"acme.vpn.example.net\""},
    {.document = kCustomer, .path = "ipsec.addresses", .type = Type::kAddresses, .max = 16,
     .doc = "Addresses of the uplink that are this customer's alone: a peer that comes there is the customer's, "
            "whatever it asks for.", .example = "[\"198.51.100.7\"]"},
    {.document = kCustomer, .path = "ipsec.certificate", .type = Type::kCertificate,
     .doc = "Our certificate for this customer's peers in PEM, then its chain. Not needed for preshared keys.",
     .example = "\"acme/hub.pem\""},
    {.document = kCustomer, .path = "ipsec.private_key", .type = Type::kSecret,
     .doc = "Its private key, PKCS8 in PEM.", .example = "{ secret = \"acme/hub.key\" }"},
    {.document = kCustomer, .path = "ipsec.ca", .type = Type::kCertificates, .max = 16,
     .doc = "The CAs that issue the certificates of this customer's peers, in PEM. No other CA is trusted.",
     .example = "[\"acme/ca.pem\"]"},
    {.document = kCustomer, .path = "ipsec.crl", .type = Type::kCertificates, .max = 16,
     .doc = "The CAs' lists of revoked certificates. Read from these files; nothing is fetched. A tunnel of a "
            "certificate that a new list names ends.",
     .example = "[\"acme/ca.crl\"]"},
    {.document = kCustomer, .path = "ipsec.crl_required", .type = Type::kBoolean, .default_text = "false",
     .doc = "true: a certificate whose CA has no list, or one that has expired, is refused.", .example = "true"},
    {.document = kCustomer, .path = "ipsec.realms", .type = Type::kRealms, .max = 16,
     .doc = "The realms of EAP identities that are this customer's: acme.example of alice@acme.example, ACME of "
            "ACME\\alice. Without case.", .example = "[\"acme.example\", \"ACME\"]"},
    {.document = kCustomer, .path = "ipsec.dns", .type = Type::kAddresses, .max = 8,
     .doc = "The DNS servers that clients with a leased address get.", .example = "[\"10.0.0.53\"]"},
    {.document = kCustomer, .path = "ipsec.dns_domains", .type = Type::kDomains, .max = 32,
     .doc = "The domains that these servers are for; without one they are for all names (RFC 8598).",
     .example = "[\"corp.acme.example\"]"},

    {.document = kCustomer, .path = "ipsec.connection", .type = Type::kTables, .max = kMaxPeersPerCustomer,
     .doc = "A site, or with `pool` the devices of many people."},
    {.document = kCustomer, .path = "ipsec.connection[].name", .type = Type::kIdentifier, .required = true,
     .doc = "The connection's name, unique among the connections and WireGuard peers of the customer.",
     .example = "\"branch-graz\""},
    {.document = kCustomer, .path = "ipsec.connection[].auth", .type = Type::kChoice, .required = true,
     .choices = kIpsecAuthNames,
     .doc = "How the peer proves who it is. We prove who we are with the same key for `psk`, else with our "
            "certificate.", .example = "\"certificate\""},
    {.document = kCustomer, .path = "ipsec.connection[].psk", .type = Type::kSecret,
     .doc = "The preshared key, for auth = \"psk\": one line of text of at least 20 characters, or `hex:` or `base64:` "
            "with at least 16 bytes.", .example = "{ secret = \"acme/branch-graz.psk\" }"},
    {.document = kCustomer, .path = "ipsec.connection[].users", .type = Type::kSecret,
     .doc = "The users, for auth = \"eap-mschapv2\": lines alice = \"password\", or alice = \"nt:HEX\" with the NT "
            "hash.", .example = "{ secret = \"acme/users\" }"},
    {.document = kCustomer, .path = "ipsec.connection[].remote_identity", .type = Type::kPeerIdentity,
     .doc = "Who the peer says it is (IDi; with EAP its EAP identity). Required, and no pattern, for auth = \"psk\"; "
            "required for \"certificate\", where the certificate must have it too. Absent with EAP: any.",
     .example = "\"graz@acme.example\""},
    {.document = kCustomer, .path = "ipsec.connection[].local_identity", .type = Type::kIdentity,
     .doc = "Our identity for this connection, where the peer expects another one than the customer's.",
     .example = "\"hub@acme.example\""},
    {.document = kCustomer, .path = "ipsec.connection[].remote_address", .type = Type::kAddress,
     .doc = "The peer's address: it is accepted from nowhere else when it begins, and Warren may initiate. Numeric: "
            "names are not resolved.", .example = "\"203.0.113.2\""},
    {.document = kCustomer, .path = "ipsec.connection[].start", .type = Type::kChoice, .choices = kIpsecStartNames,
     .default_text = "\"responder\"",
     .doc = "`responder`: the peer begins. `on-traffic`: Warren initiates when a packet is for the peer. `always`: "
            "Warren initiates at once, and again whenever the tunnel is lost. Both need remote_address.",
     .example = "\"always\""},
    {.document = kCustomer, .path = "ipsec.connection[].pool", .type = Type::kPrefixes, .max = kMaxPools,
     .doc = "Networks from which each client gets an address, one of each family that is here: remote access. They "
            "are routed to vpn0 and overlap no other network of the customer.",
     .example = "[\"10.99.0.0/24\", \"fd00:99::/112\"]"},
    {.document = kCustomer, .path = "ipsec.connection[].local", .type = Type::kPrefixes, .max = kMaxSelectors,
     .doc = "The networks on our side that the peer may reach. For a connection with one child; several have tables "
            "of their own.", .example = "[\"10.0.0.0/24\"]"},
    {.document = kCustomer, .path = "ipsec.connection[].remote", .type = Type::kPrefixes, .max = kMaxSelectors,
     .doc = "The networks on the peer's side. Absent with `pool`: the leased address.",
     .example = "[\"10.0.1.0/24\"]"},
    {.document = kCustomer, .path = "ipsec.connection[].routes", .type = Type::kPrefixes, .max = kMaxRoutesPerChild,
     .doc = "What of `remote` is routed to the peer and accepted from it as source; absent: all of it. For peers that "
            "want 0.0.0.0/0 on both sides and route themselves.", .example = "[\"10.0.1.0/25\"]"},
    {.document = kCustomer, .path = "ipsec.connection[].ike", .type = Type::kIkeProposals, .max = 16,
     .doc = "The algorithms of IKE, the best first. Absent: AES-GCM, ChaCha20-Poly1305 and AES-256-CBC, SHA2, and the "
            "groups x25519, ecp256, ecp384, ecp521, modp2048, modp3072, modp4096.",
     .example = "[\"aes256gcm-sha384-x25519\"]"},
    {.document = kCustomer, .path = "ipsec.connection[].esp", .type = Type::kEspProposals, .max = 16,
     .doc = "The algorithms of ESP, the best first; not sha384. Absent: AES-128-GCM, AES-256-GCM, ChaCha20-Poly1305, "
            "and AES-CBC with HMAC-SHA2.", .example = "[\"aes128gcm\", \"aes256-sha256\"]"},
    {.document = kCustomer, .path = "ipsec.connection[].pfs", .type = Type::kChoice, .choices = kIpsecUseNames,
     .default_text = "\"optional\"",
     .doc = "Whether a child is rekeyed with a new Diffie-Hellman exchange: perfect forward secrecy.",
     .example = "\"required\""},
    {.document = kCustomer, .path = "ipsec.connection[].ike_rekey", .type = Type::kDuration, .min = 60,
     .max = 604'800, .default_text = "\"4 h\"", .doc = "The age at which the IKE SA is rekeyed, less up to a tenth.",
     .example = "\"8 h\""},
    {.document = kCustomer, .path = "ipsec.connection[].child_rekey", .type = Type::kDuration, .min = 60,
     .max = 604'800, .default_text = "\"1 h\"", .doc = "The age at which a child is rekeyed, less up to a tenth.",
     .example = "\"30 min\""},
    {.document = kCustomer, .path = "ipsec.connection[].child_bytes", .type = Type::kSize, .min = 10'000'000,
     .max = 1'000'000'000'000, .default_text = "\"64 GB\"",
     .doc = "How much a child carries in one direction before it is rekeyed.", .example = "\"10 GB\""},
    {.document = kCustomer, .path = "ipsec.connection[].reauth", .type = Type::kDuration, .min = 600,
     .max = 2'592'000, .choices = kOff, .default_text = "\"off\"",
     .doc = "How often the peer has to prove who it is again (RFC 4478).", .example = "\"12 h\""},
    {.document = kCustomer, .path = "ipsec.connection[].dpd", .type = Type::kDuration, .min = 5, .max = 3'600,
     .choices = kOff, .default_text = "\"30 s\"",
     .doc = "How long the peer may be silent before it is asked whether it lives (dead peer detection).",
     .example = "\"10 s\""},
    {.document = kCustomer, .path = "ipsec.connection[].mobike", .type = Type::kBoolean, .default_text = "true",
     .doc = "The peer may change its address (RFC 4555).", .example = "false"},
    {.document = kCustomer, .path = "ipsec.connection[].fragmentation", .type = Type::kBoolean, .default_text = "true",
     .doc = "Large IKE messages are sent in parts (RFC 7383).", .example = "false"},
    {.document = kCustomer, .path = "ipsec.connection[].fragment_size", .type = Type::kInteger, .min = kMinMtuV4,
     .max = 9'000, .unit = "bytes", .default_text = "1280", .doc = "The size of such a part as an IP packet.",
     .example = "1400"},
    {.document = kCustomer, .path = "ipsec.connection[].encapsulation", .type = Type::kChoice,
     .choices = kIpsecEncapsulationNames,
     .doc = "As `encapsulation` of warren.toml, which it replaces here. It has no effect yet.",
     .example = "\"auto\""},
    {.document = kCustomer, .path = "ipsec.connection[].replay_window", .type = Type::kInteger, .min = 64, .max = 8'128,
     .unit = "packets", .default_text = "8128", .doc = "How far out of order packets may arrive.", .example = "1024"},
    {.document = kCustomer, .path = "ipsec.connection[].esn", .type = Type::kChoice, .choices = kIpsecUseNames,
     .default_text = "\"optional\"", .doc = "Sequence numbers of 64 bits (RFC 4304).", .example = "\"off\""},
    {.document = kCustomer, .path = "ipsec.connection[].split", .type = Type::kBoolean, .default_text = "false",
     .doc = "When Warren initiates: a child for each pair of a local and a remote network, for peers that take no "
            "more than one pair.", .example = "true"},
    {.document = kCustomer, .path = "ipsec.connection[].copy_dscp", .type = Type::kBoolean, .default_text = "false",
     .doc = "Copies the DSCP of a packet to the outer one, where everybody sees it.", .example = "true"},
    {.document = kCustomer, .path = "ipsec.connection[].ppk", .type = Type::kSecret,
     .doc = "A post-quantum preshared key (RFC 8784), written as psk, of at least 32 bytes (text: 43 characters). "
            "Needs ppk_identity.", .example = "{ secret = \"acme/branch-graz.ppk\" }"},
    {.document = kCustomer, .path = "ipsec.connection[].ppk_identity", .type = Type::kIdentifier,
     .doc = "The name of that key at both ends.", .example = "\"graz-2026\""},
    {.document = kCustomer, .path = "ipsec.connection[].ppk_required", .type = Type::kBoolean, .default_text = "false",
     .doc = "true: a peer without that key is refused.", .example = "true"},
    {.document = kCustomer, .path = "ipsec.connection[].max_sessions", .type = Type::kInteger, .min = 1,
     .max = kMaxSessions,
     .doc = "How many peers may have the connection at once. Absent: 1 for an exact remote_identity without a pool; "
            "else 1024, or as many as the pool has addresses. Each takes some 500 bytes of vpnd's memory.",
     .example = "200"},
    {.document = kCustomer, .path = "ipsec.connection[].enabled", .type = Type::kBoolean, .default_text = "true",
     .doc = "false: the connection stays in the file but has no tunnel and cannot clash.", .example = "false"},
    {.document = kCustomer, .path = "ipsec.connection[].groups", .type = Type::kNames, .max = kMaxGroups,
     .doc = "Groups that rules of [firewall] name, as `group:NAME`.", .example = "[\"sales\"]"},
    {.document = kCustomer, .path = "ipsec.connection[].rate_up", .type = Type::kRate,
     .doc = "The highest rate into the stack from each peer that has the connection, limited as traffic.rate_up is; "
            "that one applies too, to all together.", .example = "\"20 Mbit/s\""},
    {.document = kCustomer, .path = "ipsec.connection[].rate_down", .type = Type::kRate,
     .doc = "The highest rate from the stack to each of these peers, likewise.", .example = "\"50 Mbit/s\""},
    {.document = kCustomer, .path = "ipsec.connection[].quota", .type = Type::kQuota,
     .doc = "How much all peers of the connection together may send and receive in a calendar month of UTC, counted as "
            "traffic.quota; that one applies too.", .example = "\"50 GB/month\""},
    {.document = kCustomer, .path = "ipsec.connection[].after_quota", .type = Type::kAfterQuota,
     .default_text = "\"drop\"",
     .doc = "What happens when the connection's quota is spent, as traffic.after_quota. A rate is each peer's.",
     .example = "\"1 Mbit/s\""},

    {.document = kCustomer, .path = "ipsec.connection[].child", .type = Type::kTables, .max = kMaxChildren,
     .doc = "One of several children of a connection, each with networks of its own; instead of local, remote and "
            "routes of the connection. A packet takes the first child that fits."},
    {.document = kCustomer, .path = "ipsec.connection[].child[].name", .type = Type::kIdentifier, .required = true,
     .doc = "The child's name, unique within the connection.", .example = "\"lan\""},
    {.document = kCustomer, .path = "ipsec.connection[].child[].local", .type = Type::kPrefixes, .required = true,
     .min = 1, .max = kMaxSelectors, .doc = "The networks on our side.", .example = "[\"10.0.0.0/24\"]"},
    {.document = kCustomer, .path = "ipsec.connection[].child[].remote", .type = Type::kPrefixes, .required = true,
     .min = 1, .max = kMaxSelectors, .doc = "The networks on the peer's side.", .example = "[\"10.0.1.0/24\"]"},
    {.document = kCustomer, .path = "ipsec.connection[].child[].routes", .type = Type::kPrefixes,
     .max = kMaxRoutesPerChild,
     .doc = "What of `remote` is routed to the peer and accepted from it as source; absent: all of it.",
     .example = "[\"10.0.1.0/25\"]"},
};
// clang-format on

}  // namespace

std::span<const Key> ipsec_schema() {
    return kSchema;
}

}  // namespace warren::config
