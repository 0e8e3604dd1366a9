#include "stacks/plan/territory.h"

#include <algorithm>
#include <optional>

namespace warren::stacks {

namespace {

// Nothing behind the last address of a family.
std::optional<IpAddress> after(IpAddress address) {
    for (std::size_t at = address.bytes().size(); at > 0; --at) {
        if (++address.octets[at - 1] != 0) return address;
    }
    return std::nullopt;
}

// Not of the first address of a family.
IpAddress before(IpAddress address) {
    for (std::size_t at = address.bytes().size(); at > 0; --at) {
        if (address.octets[at - 1]-- != 0) break;
    }
    return address;
}

void append(std::vector<AddressRange>& ranges, const AddressRange& next) {
    if (!ranges.empty() && after(ranges.back().last) == next.first) {
        ranges.back().last = next.last;
    } else {
        ranges.push_back(next);
    }
}

}  // namespace

AddressRange range_of(const Prefix& network) {
    AddressRange range{network.address.masked(network.length), network.address.masked(network.length)};
    for (unsigned bit = network.length; bit < network.address.bits(); ++bit) {
        std::uint8_t& octet = range.last.octets[bit / 8];
        octet = static_cast<std::uint8_t>(octet | (0x80U >> bit % 8));
    }
    return range;
}

std::vector<std::vector<AddressRange>> territories(const Claims& claims, std::size_t owners) {
    struct Open {
        AddressRange range;
        std::size_t owner;
    };
    std::vector<std::vector<AddressRange>> out(owners);
    std::vector<Open> open;            // each in the one before it
    std::optional<IpAddress> reached;  // what is before is done; nothing: the family is
    const auto close = [&] {
        const Open last = open.back();
        open.pop_back();
        if (reached && *reached <= last.range.last) append(out[last.owner], {*reached, last.range.last});
        reached = after(last.range.last);
    };
    // Prefixes are in the order of their families, their addresses, and then their lengths.
    for (const auto& [network, owner] : claims) {
        const AddressRange range = range_of(network);
        while (!open.empty() && open.back().range.last < range.first) close();
        if (!open.empty() && reached && *reached < range.first)
            append(out[open.back().owner], {*reached, before(range.first)});
        reached = range.first;
        open.push_back({range, owner});
    }
    while (!open.empty()) close();
    return out;
}

std::vector<AddressRange> united(std::vector<AddressRange> ranges) {
    std::sort(ranges.begin(), ranges.end());
    std::vector<AddressRange> out;
    for (const AddressRange& next : ranges) {
        if (!out.empty() && out.back().last.family == next.first.family && next.first <= out.back().last) {
            out.back().last = std::max(out.back().last, next.last);
        } else {
            append(out, next);
        }
    }
    return out;
}

}  // namespace warren::stacks
