// The only list of keys. It drives the checks of parse.cc, the suggestions, docs/config.md and `vpnctl explain KEY`.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace warren::config {

enum class Document { kAppliance, kCustomer };  // warren.toml, customers/ID.toml

enum class Type {
    kTable,
    kTables,        // [[...]], any number
    kSchemaNumber,  // 1
    kTitle,         // text for people
    kIdentifier,    // a name for programs
    kDevice,        // a network device's name
    kDevices,       // ["vx0", ...]: names of network devices
    kChoice,        // one of `choices`
    kInteger,       // min..max
    kBoolean,
    kAddress,             // "10.0.0.1"
    kInterfaceAddresses,  // ["10.0.0.1/24", ...]: host bits are the address
    kPrefix,              // "10.0.0.0/24": no host bits
    kPrefixes,            // [kPrefix, ...]
    kEndpoint,            // "198.51.100.7:51820": numeric
    kListenEndpoint,      // the same, and an unspecified address means all
    kHostPort,            // "vpn.example.net:51820": a name may be used
    kPublicKey,           // 44 characters of base64
    kMoment,              // 2027-03-31, or 2027-03-31T17:30:00Z (config/moment.h)
    kRate,                // "100 Mbit/s"
    kSecret,              // { secret = "file below secrets/" }
    kCertificate,         // "file below certs/"
    kCertificates,        // [kCertificate, ...]
    kIdentity,            // of IKE: "hub.example.net" (config/identity.h)
    kPeerIdentity,        // the same, or a pattern
    kAddresses,           // [kAddress, ...]
    kRealms,              // ["acme.example", "ACME"]
    kDomains,             // ["corp.example", ...]
    kDuration,            // "4 h", min..max seconds, or one of `choices`, which means 0, as "0 s" does
    kSize,                // "64 GB", min..max bytes
    kIkeProposals,        // ["aes256gcm-sha384-x25519", ...] (config/proposals.h)
    kEspProposals,        // ["aes128gcm", ...]
    kChoices,             // [one of `choices`, ...]
    kNames,               // [kIdentifier, ...]
    kRuleEnds,            // ["peer:NAME", "group:NAME", "handoff", "10.0.0.0/8", ...] (config/firewall.h)
    kPorts,               // [443, "8000-8010", ...]
    kQuota,               // "500 GB/month" (config/limits.h)
    kAfterQuota,          // "drop", or a rate
    kDelay,               // "50 ms" (config/emulation_text.h)
    kPart,                // "1 %"
    kHttpUrl,             // "https://alerts.example.net/warren"
    kMailbox,             // "noc@example.net"
    kMailboxes,           // [kMailbox, ...]
    kDomain,              // "corp.example"
};

struct Key {
    Document document;
    std::string_view path;  // "wireguard.peer[].public_key": [] stands for each element
    Type type;
    bool required = false;  // in its table, when the table is there
    std::int64_t min = 0;   // kInteger, kDuration, kSize: the range; lists: the number of elements
    std::int64_t max = 0;
    std::string_view unit = {};
    std::span<const std::string_view> choices = {};
    std::string_view default_text = {};  // as TOML, "" = none
    std::string_view doc = {};
    std::string_view example = {};  // as TOML, the value only

    // The part behind the last dot.
    [[nodiscard]] std::string_view leaf() const;
    // The path of the table it is in, "" for the top.
    [[nodiscard]] std::string_view table() const;
};

// All keys in the order of the manual; a table stands before its keys.
[[nodiscard]] std::span<const Key> schema();
[[nodiscard]] const Key* find_key(Document document, std::string_view path);
// The keys directly in a table ("" = the top).
[[nodiscard]] std::vector<const Key*> keys_of(Document document, std::string_view table);

// The key's path as people type it: without "[]".
[[nodiscard]] std::string display_path(std::string_view path);
// "a whole number from 576 to 65455 (bytes)": what a key takes, in words.
[[nodiscard]] std::string accepted(const Key& key);

// The known key that was probably meant by `written` in `table`, as a full path if it belongs elsewhere; "" when
// nothing is near.
[[nodiscard]] std::string suggest_key(Document document, std::string_view table, std::string_view written);
// The candidate within a small edit distance of `written`; "" when nothing is near.
[[nodiscard]] std::string suggest(std::string_view written, std::span<const std::string_view> candidates);

// Limits that several checks share.
inline constexpr std::size_t kMaxAllowedIpsPerPeer = 20'000;
inline constexpr std::size_t kMaxAllowedIpsPerCustomer = 200'000;  // of its enabled peers together
inline constexpr std::size_t kMaxStackAddresses = 64;
inline constexpr std::size_t kMaxStackRoutes = 2000;
inline constexpr std::size_t kMaxStackDevices = 8;  // each needs rules for each other
inline constexpr std::size_t kMaxPeersPerCustomer = 65536;
inline constexpr std::uint16_t kMaxShare = 100;
inline constexpr std::uint16_t kMaxWorkers = 63;  // what a receiver index and the steering program can name
inline constexpr std::uint16_t kMinMtuV4 = 576;   // RFC 791: every host takes 576
inline constexpr std::uint16_t kMinMtuV6 = 1280;  // RFC 8200 §5
inline constexpr std::uint16_t kMaxMtu =
    65455;  // 65535 - 80: outer IPv6 (40), UDP (8), WireGuard data header and tag (32)

}  // namespace warren::config
