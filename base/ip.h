// Addresses, prefixes and endpoints, IPv4 and IPv6.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace warren {

enum class Family : std::uint8_t { kV4, kV6 };

// An IPv4 or IPv6 address in network byte order. IPv4 uses the first four bytes, the rest are zero.
struct IpAddress {
    Family family = Family::kV4;
    std::array<std::uint8_t, 16> octets{};

    auto operator<=>(const IpAddress&) const = default;
    // Inline: used several times for every packet.
    bool operator==(const IpAddress& other) const {
        const auto differs = [&](std::size_t at) {
            return load_le<std::uint64_t>(octets.data() + at) ^ load_le<std::uint64_t>(other.octets.data() + at);
        };
        return family == other.family && (differs(0) | differs(8)) == 0;
    }

    static IpAddress v4(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d) {
        return {Family::kV4, {a, b, c, d}};
    }
    // `octets` has 4 or 16 bytes.
    static IpAddress from_bytes(Bytes octets);

    [[nodiscard]] bool is_v4() const { return family == Family::kV4; }
    [[nodiscard]] unsigned bits() const { return is_v4() ? 32 : 128; }
    [[nodiscard]] Bytes bytes() const { return Bytes(octets).first(is_v4() ? 4 : 16); }
    [[nodiscard]] bool is_unspecified() const;
    [[nodiscard]] bool is_loopback() const;
    [[nodiscard]] bool is_multicast() const;
    [[nodiscard]] bool is_link_local() const;
    // ::ffff:a.b.c.d, RFC 4291 §2.5.5.2
    [[nodiscard]] bool is_v4_mapped() const;
    // The first `length` bits kept, the rest zero. length <= bits().
    [[nodiscard]] IpAddress masked(unsigned length) const;
};

// An address with a prefix length, as written: host bits are kept ("10.0.0.1/24" is an interface address).
struct Prefix {
    IpAddress address;
    std::uint8_t length = 0;  // 0..32 or 0..128

    auto operator<=>(const Prefix&) const = default;
    [[nodiscard]] bool contains(const IpAddress& candidate) const;
    [[nodiscard]] bool has_host_bits() const { return address.masked(length) != address; }
    // The same prefix with its host bits cleared.
    [[nodiscard]] Prefix network() const { return {address.masked(length), length}; }
};

// An outer UDP address.
struct Endpoint {
    IpAddress address;
    std::uint16_t port = 0;      // host byte order
    std::uint32_t scope_id = 0;  // interface index of a link-local IPv6 address, else 0

    auto operator<=>(const Endpoint&) const = default;
};

// An endpoint as people write it. `zone` names the device of a link-local IPv6 address (RFC 4007 §11), by its name or
// its index; "" without one. `endpoint.scope_id` is 0: who knows the devices sets it.
struct ZonedEndpoint {
    Endpoint endpoint;
    std::string zone;

    auto operator<=>(const ZonedEndpoint&) const = default;
};

// Which of our addresses a datagram was sent to, so that the answer leaves from the same one ("sticky source").
struct LocalAddress {
    IpAddress address;
    std::uint32_t interface_index = 0;

    auto operator<=>(const LocalAddress&) const = default;
};

[[nodiscard]] std::optional<IpAddress> parse_ip(std::string_view text);
// "10.0.0.0/8", "fd00::/64"; an address without a length is a host (/32, /128).
[[nodiscard]] std::optional<Prefix> parse_prefix(std::string_view text);
// "198.51.100.7:51820", "[2001:db8::1]:51820", "[fe80::1%3]:51820" with the index of a device; names are not resolved.
[[nodiscard]] std::optional<Endpoint> parse_endpoint(std::string_view text);
// The same, and "[fe80::1%up0]:51820".
[[nodiscard]] std::optional<ZonedEndpoint> parse_zoned_endpoint(std::string_view text);

[[nodiscard]] std::string to_string(const IpAddress& address);
[[nodiscard]] std::string to_string(const Prefix& prefix);
[[nodiscard]] std::string to_string(const Endpoint& endpoint);
[[nodiscard]] std::string to_string(const ZonedEndpoint& endpoint);
// The index of a device in a zone's text; nothing when it is a name.
[[nodiscard]] std::optional<std::uint32_t> parse_zone_index(std::string_view zone);

}  // namespace warren

template <>
struct std::hash<warren::IpAddress> {
    std::size_t operator()(const warren::IpAddress& address) const noexcept;
};
