#include "stacks/fleet_addresses.h"

#include "config/document.h"

namespace warren::stacks {

namespace {

using Kind = config::Node::Kind;

// Address N of the prefix. Nothing: it has not so many.
Result<IpAddress> address_of(const Prefix& prefix, std::uint16_t number) {
    IpAddress address = prefix.address;
    const unsigned host_bits = address.bits() - prefix.length;
    const std::size_t last = address.bits() / 8 - 1;
    const unsigned sum = address.octets.at(last) + unsigned{number};
    const bool has_room = host_bits >= 8 || number < 1U << host_bits;
    if (prefix.network() != prefix || sum > UINT8_MAX || !has_room)
        return fail(ErrorCode::kInvalid, to_string(prefix) + " has no address for group " + std::to_string(number));
    address.octets.at(last) = static_cast<std::uint8_t>(sum);
    return address;
}

}  // namespace

Result<std::vector<IpAddress>> group_addresses(const std::string& text, std::uint16_t group) {
    config::Source source{"fleet.toml", "", text, {}};
    std::vector<config::Diagnostic> diagnostics;
    if (!config::read_document(source, diagnostics)) return fail(ErrorCode::kInvalid, "fleet.toml is no TOML");
    const config::Node* groups = source.root.find("groups");
    if (groups == nullptr || groups->kind != Kind::kInteger || group >= groups->integer)
        return fail(ErrorCode::kInvalid, "fleet.toml has no group " + std::to_string(group));
    const config::Node* prefixes = source.root.find("addresses");
    if (prefixes == nullptr || prefixes->kind != Kind::kArray || prefixes->items.empty())
        return fail(ErrorCode::kInvalid, "fleet.toml has no addresses");
    std::vector<IpAddress> out;
    for (const config::Node& item : prefixes->items) {
        const auto prefix = parse_prefix(item.text);
        if (!prefix) return fail(ErrorCode::kInvalid, "fleet.toml has an address that is none");
        const auto address = address_of(*prefix, group);
        if (!address) return tl::unexpected(address.error());
        out.push_back(*address);
    }
    return out;
}

}  // namespace warren::stacks
