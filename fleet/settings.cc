#include "fleet/settings.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

#include "config/document.h"
#include "fleet/records/records.h"

namespace warren::fleet {

namespace {

using Kind = config::Node::Kind;

constexpr std::array<std::string_view, 13> kKeys{
    "schema",   "node",      "weight", "zone",   "etcd",        "etcd_ca", "etcd_certificate",
    "etcd_key", "addresses", "groups", "uplink", "bird_socket", "nodes"};
constexpr std::int64_t kMostGroups = 256;

class Reader {
  public:
    explicit Reader(const config::Source& source) : source_(source) {}

    Settings read() {
        for (const auto& entry : source_.root.entries) {
            if (std::find(kKeys.begin(), kKeys.end(), entry.key) == kKeys.end())
                refuse(entry.key,
                       "unknown key; accepted: schema, node, weight, zone, etcd, etcd_ca, etcd_certificate, etcd_key, "
                       "addresses, groups, uplink, bird_socket, nodes");
        }
        if (integer("schema") != 1) refuse("schema", "schema: accepted: 1");
        out_.node = text("node").value_or("");
        if (!is_node_name(out_.node)) refuse("node", "node: accepted: a name of a-z, 0-9 and -, at most 63 characters");
        read_place();
        read_etcd();
        read_addresses();
        const std::string uplink = text("uplink").value_or("bird");
        if (uplink != "bird" && uplink != "none") refuse("uplink", "uplink: accepted: \"bird\", \"none\"");
        out_.uses_bird = uplink == "bird";
        if (const auto socket = text("bird_socket")) out_.bird_socket = *socket;
        if (out_.bird_socket.size() > 100 || out_.bird_socket.front() != '/')
            refuse("bird_socket", "bird_socket: accepted: an absolute path of at most 100 characters");
        return out_;
    }

    [[nodiscard]] const std::string& error() const { return error_; }

  private:
    void refuse(std::string_view key, const std::string& message) {
        if (error_.empty()) error_ = config::format(source_.error(key, message));
    }
    [[nodiscard]] std::optional<std::string> text(std::string_view key) const {
        const config::Node* node = source_.root.find(key);
        return node != nullptr && node->kind == Kind::kString && !node->text.empty() ? std::optional(node->text)
                                                                                     : std::nullopt;
    }
    [[nodiscard]] std::optional<std::int64_t> integer(std::string_view key) const {
        const config::Node* node = source_.root.find(key);
        return node != nullptr && node->kind == Kind::kInteger ? std::optional(node->integer) : std::nullopt;
    }

    void read_place() {
        const std::int64_t weight =
            source_.root.find("weight") == nullptr ? kLeastWeight : integer("weight").value_or(0);
        if (weight < kLeastWeight || weight > kMostWeight) return refuse("weight", "weight: accepted: 1 to 100");
        out_.weight = static_cast<unsigned>(weight);
        const config::Node* zone = source_.root.find("zone");
        if (zone == nullptr) return;
        if (zone->kind != Kind::kString || (!zone->text.empty() && !is_node_name(zone->text)))
            return refuse("zone", "zone: accepted: a name of a-z, 0-9 and -, at most 63 characters; \"\" for none");
        out_.zone = zone->text;
    }

    // Whoever reaches etcd without TLS can take groups: then it is the member on this node, on a loopback address.
    void read_etcd() {
        read_tls();
        const auto endpoint = parse_endpoint(text("etcd").value_or("127.0.0.1:2379"));
        const bool is_loopback = endpoint && (endpoint->address.is_v4() ? endpoint->address.octets[0] == 127
                                                                        : to_string(endpoint->address) == "::1");
        if (!endpoint || endpoint->address.is_unspecified() || (!is_loopback && !out_.tls))
            return refuse("etcd",
                          "etcd: accepted: an address and a port, such as \"127.0.0.1:2379\"; without etcd_ca, "
                          "etcd_certificate and etcd_key only a loopback address");
        out_.etcd = *endpoint;
    }

    void read_tls() {
        const auto authority = text("etcd_ca");
        const auto certificate = text("etcd_certificate");
        const auto key = text("etcd_key");
        if (!authority && !certificate && !key) return;
        if (!authority || !certificate || !key)
            return refuse("etcd_ca", "etcd_ca, etcd_certificate and etcd_key: accepted: all three, or none");
        out_.tls = TlsFiles{*authority, *certificate, *key};
    }

    void read_addresses() {
        const config::Node* list = source_.root.find("addresses");
        const bool is_list = list != nullptr && list->kind == Kind::kArray;
        for (std::size_t i = 0; is_list && i < list->items.size(); ++i) {
            const auto prefix = parse_prefix(list->items[i].text);
            if (!prefix || prefix->network() != *prefix)
                return refuse("addresses", "addresses: accepted: prefixes without host bits, such as \"192.0.2.0/28\"");
            out_.addresses.push_back(*prefix);
        }
        const bool one_family_twice =
            out_.addresses.size() == 2 && out_.addresses[0].address.family == out_.addresses[1].address.family;
        if (out_.addresses.empty() || out_.addresses.size() > 2 || one_family_twice)
            return refuse("addresses", "addresses: accepted: one prefix, or one of IPv4 and one of IPv6");
        const std::int64_t groups = integer("groups").value_or(0);
        if (groups < 1 || groups > kMostGroups) return refuse("groups", "groups: accepted: 1 to 256");
        for (const Prefix& prefix : out_.addresses) {
            const unsigned bits = prefix.address.bits() - prefix.length;
            if (bits < 8 && groups > std::int64_t{1} << bits)
                return refuse("groups", "groups: " + to_string(prefix) + " has not so many addresses");
        }
        out_.groups = static_cast<GroupNumber>(groups);
    }

    const config::Source& source_;
    Settings out_;
    std::string error_;
};

}  // namespace

std::vector<IpAddress> Settings::addresses_of(GroupNumber group) const {
    std::vector<IpAddress> out;
    for (const Prefix& prefix : addresses) {
        IpAddress address = prefix.address;
        const std::size_t last = address.bits() / 8 - 1;
        address.octets[last] = static_cast<std::uint8_t>(address.octets[last] + group);  // below 256: no carry
        out.push_back(address);
    }
    return out;
}

Result<Settings> parse_settings(const std::string& file, const std::string& text) {
    config::Source source{file, "", text, {}};
    std::vector<config::Diagnostic> diagnostics;
    if (!config::read_document(source, diagnostics))
        return fail(ErrorCode::kInvalid,
                    diagnostics.empty() ? file + " is no TOML" : config::format(diagnostics.front()));
    Reader reader(source);
    Settings settings = reader.read();
    if (!reader.error().empty()) return fail(ErrorCode::kInvalid, reader.error());
    return settings;
}

}  // namespace warren::fleet
