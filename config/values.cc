#include "config/values.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "config/alerts.h"
#include "config/emulation_text.h"
#include "config/firewall.h"
#include "config/identity.h"
#include "config/moment.h"
#include "config/parse.h"
#include "config/proposals.h"
#include "config/quantity.h"
#include "config/rate.h"
#include "crypto/keys.h"
#include "crypto/x25519.h"

namespace warren::config {

namespace {

constexpr std::size_t kLongestFound = 60;

bool is_letter_or_digit(char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

// What the kernel accepts (dev_valid_name), without the colon, which marks old-style aliases.
bool is_device_name(std::string_view text) {
    if (text.empty() || text.size() > 15 || text == "." || text == "..") return false;
    return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f && c != '/' && c != ':'; });
}

// One that nft prints and takes as it is: `iifname "vx*"` would mean all that begin so.
bool is_plain_device_name(std::string_view text) {
    return is_device_name(text) && std::all_of(text.begin(), text.end(), [](char c) {
               return is_letter_or_digit(c) || c == '.' || c == '_' || c == '-';
           });
}

bool is_title(std::string_view text) {
    const bool printable =
        std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) >= ' ' && c != 0x7f; });
    const auto characters =
        std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; });
    return printable && characters >= 1 && characters <= 128 && text.find_first_not_of(' ') != std::string_view::npos;
}

bool is_host_port(std::string_view text) {
    if (parse_endpoint(text)) return true;
    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos || colon == 0 || colon > 253) return false;
    const std::string_view host = text.substr(0, colon);
    const std::string_view port_text = text.substr(colon + 1);
    unsigned port = 0;
    const auto [end, error] = std::from_chars(port_text.data(), port_text.data() + port_text.size(), port);
    if (error != std::errc() || end != port_text.data() + port_text.size() || port == 0 || port > 65535) return false;
    const bool has_letter =
        std::any_of(host.begin(), host.end(), [](char c) { return is_letter_or_digit(c) && !(c >= '0' && c <= '9'); });
    return has_letter &&
           std::all_of(host.begin(), host.end(), [](char c) { return is_letter_or_digit(c) || c == '.' || c == '-'; });
}

std::optional<std::string> address_kind_problem(const IpAddress& address) {
    if (address.is_unspecified()) return "is the unspecified address";
    if (address.is_loopback()) return "is a loopback address";
    if (address.is_multicast()) return "is a multicast address";
    if (address.is_v4_mapped()) return "is an IPv4-mapped IPv6 address";
    if (address == IpAddress::v4(255, 255, 255, 255)) return "is the broadcast address";
    if (address.is_v4() && address.octets[0] == 0)
        return "is in 0.0.0.0/8, which is no host address (RFC 1122 §3.2.1.3)";
    return std::nullopt;
}

bool needs_zone(const IpAddress& address) {
    return !address.is_v4() && address.is_link_local();
}

// "[2001:db8::1]:51820" of "[2001:db8::1%up0]:51820".
std::string without_zone(std::string_view text) {
    const auto percent = text.find('%');
    const auto end = text.find(']');
    if (percent == std::string_view::npos || end == std::string_view::npos || end < percent) return std::string(text);
    return std::string(text.substr(0, percent)) + std::string(text.substr(end));
}

std::optional<std::string> with_accepted(const std::optional<std::string>& problem, std::string_view what) {
    if (!problem) return std::nullopt;
    return fmt::format("{}; accepted: {}", *problem, what);
}

std::optional<IpAddress> last_of(const Prefix& prefix) {
    if (!prefix.address.is_v4()) return std::nullopt;
    IpAddress out = prefix.address.masked(prefix.length);
    for (unsigned bit = prefix.length; bit < 32; ++bit)
        out.octets[bit / 8] = static_cast<std::uint8_t>(out.octets[bit / 8] | (0x80U >> (bit % 8)));
    return out;
}

// The part of an EAP identity that names a company: a domain, or what Windows writes before the backslash.
bool is_realm(std::string_view text) {
    return !text.empty() && text.size() <= 253 && std::all_of(text.begin(), text.end(), [](char c) {
        return is_letter_or_digit(c) || c == '.' || c == '_' || c == '-';
    });
}

bool is_duration(const Key& key, std::string_view text) {
    const bool may_be_off = !key.choices.empty();
    if (may_be_off && text == key.choices.front()) return true;
    const auto duration = parse_duration(text);
    return duration &&
           ((may_be_off && duration->count() == 0) || (duration->count() >= key.min && duration->count() <= key.max));
}

bool is_size(const Key& key, std::string_view text) {
    const auto size = parse_size(text);
    return size && *size >= static_cast<std::uint64_t>(key.min) && *size <= static_cast<std::uint64_t>(key.max);
}

std::optional<std::string> text_problem(const Key& key, std::string_view text) {
    const auto unless = [&key](bool fine) -> std::optional<std::string> {
        if (fine) return std::nullopt;
        return "accepted: " + accepted(key);
    };
    switch (key.type) {
        case Type::kTitle: return unless(is_title(text));
        case Type::kIdentifier:
        case Type::kNames: return unless(is_identifier(text));
        case Type::kPorts: return unless(parse_ports(text).has_value());
        case Type::kRuleEnds: {
            const auto end = parse_rule_end(text);
            if (!end) return "accepted: " + accepted(key);
            return end->kind == RuleEnd::Kind::kNetwork ? network_problem(end->network) : std::nullopt;
        }
        case Type::kDevice: return unless(is_device_name(text));
        case Type::kDevices:
            if (is_plain_device_name(text)) return std::nullopt;
            return "accepted: a network device's name of 1 to 15 letters, digits, \".\", \"_\", \"-\"";
        case Type::kHostPort: return unless(is_host_port(text));
        case Type::kEndpoint: return endpoint_problem(text);
        case Type::kListenEndpoint: {
            const auto endpoint = parse_endpoint(text);
            if (endpoint && endpoint->address.is_unspecified()) return std::nullopt;
            if (const auto zoned = parse_zoned_endpoint(text); zoned && needs_zone(zoned->endpoint.address))
                return "is link-local; accepted: another address of this machine";
            return endpoint_problem(text);
        }
        case Type::kPublicKey: return public_key_problem(text);
        case Type::kHttpUrl: return unless(is_http_url(text));
        case Type::kMailbox: return unless(is_mailbox(text));
        case Type::kMailboxes:
            if (is_mailbox(text)) return std::nullopt;
            return "accepted: a mail address, such as \"noc@example.net\"";
        case Type::kQuota: return unless(parse_quota(text).has_value());
        case Type::kAfterQuota: return unless(parse_after_quota(text).has_value());
        case Type::kRate: return unless(parse_rate(text).has_value());
        case Type::kDelay: return unless(parse_delay(text).has_value());
        case Type::kPart: return unless(parse_part(text).has_value());
        case Type::kCertificate:
        case Type::kCertificates:
            if (is_secret_name(text)) return std::nullopt;
            return "is no name of a file below certs/ (relative, letters, digits, \".\", \"_\", \"-\", no \"..\")";
        case Type::kIdentity: return unless(parse_identity(text, false).has_value());
        case Type::kPeerIdentity: return unless(parse_identity(text, true).has_value());
        case Type::kRealms: return unless(is_realm(text));
        case Type::kDomain:
        case Type::kDomains: return unless(is_domain(text));
        case Type::kDuration: return unless(is_duration(key, text));
        case Type::kSize: return unless(is_size(key, text));
        case Type::kIkeProposals: return proposal_problem(ProposalFor::kIke, text);
        case Type::kEspProposals: return proposal_problem(ProposalFor::kEsp, text);
        case Type::kChoices:
        case Type::kChoice: {
            if (std::find(key.choices.begin(), key.choices.end(), text) != key.choices.end()) return std::nullopt;
            const std::string near = suggest(text, key.choices);
            return "accepted: " + accepted(key) + (near.empty() ? "" : fmt::format(" (did you mean \"{}\"?)", near));
        }
        case Type::kAddresses:
        case Type::kAddress: {
            const auto address = parse_ip(text);
            if (!address) return "is no address; accepted: an IPv4 or IPv6 address";
            return with_accepted(address_kind_problem(*address), "a host's address");
        }
        case Type::kInterfaceAddresses: {
            if (text.find('/') == std::string_view::npos && parse_ip(text)) {
                return fmt::format("lacks the prefix length of its network; write for example \"{}/24\"", text);
            }
            const auto address = parse_prefix(text);
            if (!address) return "is no address with prefix length; accepted: such as \"10.0.0.1/24\"";
            return host_address_problem(*address);
        }
        case Type::kPrefix:
        case Type::kPrefixes: {
            const auto network = parse_prefix(text);
            if (!network) return "is no network with prefix length; accepted: such as \"10.43.0.0/16\"";
            return network_problem(*network);
        }
        default: return std::nullopt;
    }
}

bool is_list(const Key& key) {
    switch (key.type) {
        case Type::kPrefixes:
        case Type::kInterfaceAddresses:
        case Type::kDevices:
        case Type::kCertificates:
        case Type::kAddresses:
        case Type::kRealms:
        case Type::kDomains:
        case Type::kIkeProposals:
        case Type::kEspProposals:
        case Type::kNames:
        case Type::kRuleEnds:
        case Type::kPorts:
        case Type::kMailboxes:
        case Type::kChoices: return true;
        default: return false;
    }
}

void check_text(const Key& key, const Node& value, const Source& source, std::vector<Diagnostic>& out) {
    const std::string path = display_path(key.path);
    const bool is_port = value.kind == Node::Kind::kInteger && value.integer > 0 && value.integer <= 65535;
    if (key.type == Type::kPorts && is_port) return;
    if (value.kind != Node::Kind::kString && key.type != Type::kPorts) {
        out.push_back(source.diagnose(Severity::kError, value.place,
                                      fmt::format("{}: found {}; accepted: {}", path, found(value),
                                                  is_list(key) ? "strings in this list" : accepted(key))));
        return;
    }
    const auto problem = text_problem(key, value.text);  // a port that is no string: one of no text
    if (!problem) return;
    // Text that looks like a key is not repeated; the source line shows it if it is a public key.
    const std::string what = key.type == Type::kPublicKey ? "this" : found(value);
    const bool says_accepted_only = problem->starts_with("accepted");
    out.push_back(source.diagnose(Severity::kError, value.place,
                                  says_accepted_only ? fmt::format("{}: found {}; {}", path, what, *problem)
                                                     : fmt::format("{}: {} {}", path, what, *problem)));
}

constexpr std::size_t kMostOfList = 20;  // errors: what is wrong with one of thousands is often wrong with all

void check_list(const Key& key, const Node& value, const Source& source, std::vector<Diagnostic>& out) {
    if (value.kind != Node::Kind::kArray) {
        const std::string hint = value.kind == Node::Kind::kString ? fmt::format("; write [{}]", found(value)) : "";
        out.push_back(source.diagnose(
            Severity::kError, value.place,
            fmt::format("{}: found {}; accepted: {}{}", display_path(key.path), found(value), accepted(key), hint)));
        return;
    }
    const auto size = static_cast<std::int64_t>(value.items.size());
    if (size < key.min || size > key.max) {
        out.push_back(source.diagnose(
            Severity::kError, value.place,
            fmt::format("{}: found {} elements; accepted: {} to {}", display_path(key.path), size, key.min, key.max)));
        return;
    }
    const std::size_t before = out.size();
    for (const Node& item : value.items) {
        check_text(key, item, source, out);
        if (out.size() - before <= kMostOfList) continue;
        out.back().message = fmt::format("{}: more than {} elements of this list are wrong; the others are not shown",
                                         display_path(key.path), kMostOfList);
        return;
    }
}

void check_secret(const Key& key, const Node& value, const Source& source, std::vector<Diagnostic>& out) {
    const std::string path = display_path(key.path);
    const auto complain = [&](Place place, std::string message) {
        out.push_back(source.diagnose(Severity::kError, place,
                                      fmt::format("{}: {}; accepted: {}", path, message, accepted(key))));
    };
    if (value.kind == Node::Kind::kString) {
        complain(value.place, "found a string: a key is never written into this file");
        return mask_value(value, out.back());
    }
    if (value.kind != Node::Kind::kTable) return complain(value.place, fmt::format("found {}", found(value)));
    for (const Node::Entry& entry : value.entries) {
        if (entry.key != "secret") complain(entry.key_place, fmt::format("unknown key {}", found_text(entry.key)));
    }
    const Node* name = value.find("secret");
    if (name == nullptr) return value.entries.empty() ? complain(value.place, "found an empty table") : void();
    if (name->kind != Node::Kind::kString) return complain(name->place, fmt::format("found {}", found(*name)));
    if (!is_secret_name(name->text)) {
        complain(
            name->place,
            fmt::format(
                "{} is no name of a file below secrets/ (relative, letters, digits, \".\", \"_\", \"-\", no \"..\")",
                found(*name)));
    }
}

}  // namespace

bool is_identifier(std::string_view text) {
    if (text.empty() || text.size() > 63 || !is_letter_or_digit(text.front())) return false;
    return std::all_of(text.begin(), text.end(),
                       [](char c) { return is_letter_or_digit(c) || c == '.' || c == '_' || c == '-' || c == '@'; });
}

void check_value(const Key& key, const Node& value, const Source& source, std::vector<Diagnostic>& out) {
    const auto complain = [&](std::string message) {
        out.push_back(
            source.diagnose(Severity::kError, value.place, fmt::format("{}: {}", display_path(key.path), message)));
    };
    switch (key.type) {
        case Type::kSchemaNumber:
            if (value.kind == Node::Kind::kInteger && value.integer == 1) return;
            return complain(fmt::format("found {}; this version of Warren reads schema 1", found(value)));
        case Type::kInteger:
            if (value.kind != Node::Kind::kInteger)
                return complain(fmt::format("found {}; accepted: {}", found(value), accepted(key)));
            if (value.integer >= key.min && value.integer <= key.max) return;
            return complain(fmt::format("{} is out of range; accepted: {}", value.integer, accepted(key)));
        case Type::kBoolean:
            if (value.kind == Node::Kind::kBoolean) return;
            return complain(fmt::format("found {}; accepted: {}", found(value), accepted(key)));
        case Type::kMoment:
            if (value.kind != Node::Kind::kDate || !value.boolean)
                return complain(fmt::format("found {}; accepted: {}", found(value), accepted(key)));
            if (value.integer >= kFirstMoment && value.integer <= kLastMoment) return;
            return complain(fmt::format("is out of range; accepted: {}", accepted(key)));
        case Type::kInterfaceAddresses:
        case Type::kDevices:
        case Type::kPrefixes:
        case Type::kCertificates:
        case Type::kAddresses:
        case Type::kRealms:
        case Type::kDomains:
        case Type::kIkeProposals:
        case Type::kEspProposals:
        case Type::kNames:
        case Type::kRuleEnds:
        case Type::kPorts:
        case Type::kMailboxes:
        case Type::kChoices: return check_list(key, value, source, out);
        case Type::kSecret: return check_secret(key, value, source, out);
        case Type::kTable:
        case Type::kTables: return;  // parse.cc walks into tables
        default: return check_text(key, value, source, out);
    }
}

std::optional<std::string> host_address_problem(const Prefix& address) {
    if (auto problem = address_kind_problem(address.address)) return with_accepted(problem, "a host's address");
    if (address.length == 0) return "has prefix length 0: every address would be in its network";
    const bool has_network_address =
        address.length + 1U < address.address.bits();  // RFC 3021: a /31 has none, nor has a host route
    if (!has_network_address) return std::nullopt;
    if (!address.has_host_bits()) {
        return fmt::format("is the network itself, not a host in it; accepted: an address inside {}",
                           to_string(address.network()));
    }
    if (last_of(address) == address.address) {
        return fmt::format("is the broadcast address of {}; accepted: an address inside it",
                           to_string(address.network()));
    }
    return std::nullopt;
}

std::optional<std::string> network_problem(const Prefix& network) {
    if (network.has_host_bits()) return fmt::format("has host bits set; write \"{}\"", to_string(network.network()));
    if (network.address.is_v4_mapped()) return "is an IPv4-mapped IPv6 network; write it as IPv4";
    if (network.address.is_loopback()) return "is a loopback network, which is never routed";
    return std::nullopt;
}

std::optional<std::string> endpoint_problem(std::string_view text) {
    const std::string accepts =
        "accepted: a numeric address and port, such as \"198.51.100.77:51820\" or \"[2001:db8::1]:51820\"";
    const auto zoned = parse_zoned_endpoint(text);
    if (!zoned) {
        if (is_host_port(text)) return "is a name, and names are not resolved; " + accepts;
        if (const auto plain = parse_endpoint(without_zone(text)); plain && !needs_zone(plain->address))
            return "has a zone, which only link-local IPv6 addresses have; write \"" + to_string(*plain) + "\"";
        return accepts;
    }
    const Endpoint& endpoint = zoned->endpoint;
    if (needs_zone(endpoint.address) && zoned->zone.empty()) {
        return fmt::format("is link-local and names no device of the uplink; write for example \"{}\"",
                           to_string(ZonedEndpoint{endpoint, "eth0"}));
    }
    if (endpoint.address.is_loopback()) return std::nullopt;
    return with_accepted(address_kind_problem(endpoint.address), "the address of one machine");
}

std::optional<std::string> public_key_problem(std::string_view text) {
    const auto key = crypto::parse_public_key(text);
    if (!key) return "is no public key; accepted: 44 characters of base64, as `wg pubkey` prints them";
    if (*key == crypto::PublicKey{}) return "is the all-zero key, which means \"no key\"";
    // Any scalar is a multiple of the cofactor once clamped, so it takes every point of low order to zero (RFC 7748
    // §6.1).
    std::array<std::uint8_t, 32> scalar{};
    scalar.fill(0x40);
    const crypto::PrivateKey any{crypto::Secret<32>(scalar)};
    if (!crypto::x25519(any, *key))
        return "is a point of low order: anyone can compute its shared secrets (RFC 7748 §6.1)";
    return std::nullopt;
}

void mask_value(const Node& value, Diagnostic& in) {
    if (value.kind != Node::Kind::kString) return;
    if (value.place.line != in.place.line || value.place.width < 2) return in.source_line.clear();
    const auto first = static_cast<int>(value.place.column);
    const int last = first + static_cast<int>(value.place.width) - 1;  // the quotes
    int column = in.first_column - 1;
    std::string masked;
    for (const char c : in.source_line) {
        const bool begins = (static_cast<unsigned char>(c) & 0xc0) != 0x80;
        if (begins) ++column;
        if (column <= first || column >= last) {
            masked += c;
        } else if (begins) {
            masked += '*';
        }
    }
    in.source_line = std::move(masked);
}

std::string found_text(std::string_view written) {
    std::string text = mask_keys(written);
    if (text.size() > kLongestFound) {
        std::size_t cut = kLongestFound;
        while (cut > 0 && (static_cast<unsigned char>(text[cut]) & 0xc0) == 0x80) --cut;
        text = text.substr(0, cut) + "...";
    }
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') out += '\\';
        out += static_cast<unsigned char>(c) < ' ' || c == 0x7f ? '?' : c;
    }
    return out + '"';
}

std::string found(const Node& value) {
    if (value.kind == Node::Kind::kInteger) return fmt::format("{}", value.integer);
    if (value.kind == Node::Kind::kBoolean) return value.boolean ? "true" : "false";
    if (value.kind != Node::Kind::kString) return std::string(name_of(value.kind));
    return found_text(value.text);
}

}  // namespace warren::config
