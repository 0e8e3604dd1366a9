#include "stacks/plan/territory.h"

#include <doctest/doctest.h>

#include <optional>
#include <random>
#include <string>

namespace warren::stacks {
namespace {

Prefix prefix(const char* text) {
    return *parse_prefix(text);
}

std::string text_of(const std::vector<AddressRange>& ranges) {
    std::string out;
    for (const AddressRange& range : ranges) out += to_string(range.first) + "-" + to_string(range.last) + " ";
    return out;
}

TEST_CASE("the most specific network decides whose an address is") {
    const auto owned = territories({{prefix("10.0.0.0/8"), 0},
                                    {prefix("10.1.0.0/16"), 1},
                                    {prefix("10.1.2.0/24"), 0},
                                    {prefix("fd00::/8"), 1},
                                    {prefix("fd00::1/128"), 2}},
                                   4);
    CHECK(text_of(owned[0]) == "10.0.0.0-10.0.255.255 10.1.2.0-10.1.2.255 10.2.0.0-10.255.255.255 ");
    CHECK(text_of(owned[1]) ==
          "10.1.0.0-10.1.1.255 10.1.3.0-10.1.255.255 fd00::-fd00:: "
          "fd00::2-fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ");
    CHECK(text_of(owned[2]) == "fd00::1-fd00::1 ");
    CHECK(owned[3].empty());
}

TEST_CASE("everything but one network, up to both ends") {
    const auto owned = territories(
        {{prefix("0.0.0.0/0"), 0}, {prefix("0.0.0.0/8"), 1}, {prefix("255.255.255.255/32"), 1}, {prefix("::/0"), 1}},
        2);
    CHECK(text_of(owned[0]) == "1.0.0.0-255.255.255.254 ");
    CHECK(text_of(owned[1]) ==
          "0.0.0.0-0.255.255.255 255.255.255.255-255.255.255.255 ::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ");
}

TEST_CASE("networks side by side are one range") {
    CHECK(text_of(territories({{prefix("10.0.0.0/25"), 0}, {prefix("10.0.0.128/25"), 0}}, 1)[0]) ==
          "10.0.0.0-10.0.0.255 ");
    CHECK(text_of(united({range_of(prefix("10.0.1.0/24")), range_of(prefix("10.0.0.0/24")),
                          range_of(prefix("10.0.1.7/32")), range_of(prefix("10.0.3.0/24"))})) ==
          "10.0.0.0-10.0.1.255 10.0.3.0-10.0.3.255 ");
    CHECK(united({}).empty());
}

// The oracle: a search through all networks.
std::optional<std::size_t> owner_of(const Claims& claims, const IpAddress& address) {
    std::optional<std::size_t> owner;
    unsigned length = 0;
    for (const auto& [network, whose] : claims) {
        if (!network.contains(address) || (owner && network.length < length)) continue;
        owner = whose;
        length = network.length;
    }
    return owner;
}

TEST_CASE("ranges say the same as a search for the longest prefix") {
    constexpr std::size_t kOwners = 4;
    for (unsigned seed = 0; seed < 300; ++seed) {
        CAPTURE(seed);
        std::mt19937 random(seed);
        Claims claims;
        for (int i = 0; i < 12; ++i) {
            const auto octet = static_cast<std::uint8_t>(random());
            const auto length = static_cast<std::uint8_t>(random() % 9);
            const bool is_v6 = random() % 3 == 0;
            // All in the last byte, or in the first one.
            Prefix network{IpAddress::v4(10, 0, 0, octet), static_cast<std::uint8_t>(24 + length)};
            if (random() % 2 == 0) network = {IpAddress::v4(octet, 0, 0, 0), length};
            if (is_v6) network = {IpAddress{Family::kV6, {octet}}, length};
            claims[network.network()] = random() % kOwners;
        }
        const auto owned = territories(claims, kOwners);
        for (unsigned octet = 0; octet < 256; ++octet) {
            const auto byte = static_cast<std::uint8_t>(octet);
            for (const IpAddress& address : {IpAddress::v4(10, 0, 0, byte), IpAddress::v4(byte, 0, 0, 0),
                                             IpAddress::v4(byte, 255, 255, 255), IpAddress{Family::kV6, {byte}}}) {
                std::optional<std::size_t> found;
                for (std::size_t owner = 0; owner < kOwners; ++owner) {
                    for (const AddressRange& range : owned[owner]) {
                        const bool is_in =
                            range.first.family == address.family && range.first <= address && address <= range.last;
                        if (!is_in) continue;
                        CHECK_FALSE(found.has_value());
                        found = owner;
                    }
                }
                CHECK(found == owner_of(claims, address));
            }
        }
    }
}

}  // namespace
}  // namespace warren::stacks
