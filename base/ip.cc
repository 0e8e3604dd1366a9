#include "base/ip.h"

#include <arpa/inet.h>

#include <fmt/format.h>
#include <algorithm>
#include <charconv>

#include "base/check.h"

namespace warren {

namespace {

constexpr unsigned kLargestIndex = 0x7fffffff;  // of a network device
constexpr std::size_t kLongestDeviceName = 15;  // IFNAMSIZ - 1

std::optional<unsigned> parse_number(std::string_view text, unsigned maximum) {
    unsigned value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (text.empty() || error != std::errc() || end != text.data() + text.size() || value > maximum)
        return std::nullopt;
    return value;
}

bool is_zone(std::string_view text) {
    constexpr std::string_view kOthers = "/:[]%\"\\";  // marks of an endpoint, or of the text around it
    return !text.empty() && text.size() <= kLongestDeviceName && std::all_of(text.begin(), text.end(), [&](char c) {
        return c > ' ' && c < 0x7f && kOthers.find(c) == std::string_view::npos;
    });
}

}  // namespace

IpAddress IpAddress::from_bytes(Bytes octets) {
    WARREN_CHECK(octets.size() == 4 || octets.size() == 16);
    IpAddress out;
    out.family = octets.size() == 4 ? Family::kV4 : Family::kV6;
    std::copy(octets.begin(), octets.end(), out.octets.begin());
    return out;
}

bool IpAddress::is_unspecified() const {
    return std::all_of(octets.begin(), octets.end(), [](std::uint8_t octet) { return octet == 0; });
}

bool IpAddress::is_loopback() const {
    if (is_v4()) return octets[0] == 127;
    return octets[15] == 1 &&
           std::all_of(octets.begin(), octets.end() - 1, [](std::uint8_t octet) { return octet == 0; });
}

bool IpAddress::is_multicast() const {
    return is_v4() ? (octets[0] & 0xf0) == 0xe0 : octets[0] == 0xff;
}

bool IpAddress::is_link_local() const {
    if (is_v4()) return octets[0] == 169 && octets[1] == 254;
    return octets[0] == 0xfe && (octets[1] & 0xc0) == 0x80;
}

bool IpAddress::is_v4_mapped() const {
    return !is_v4() && octets[10] == 0xff && octets[11] == 0xff &&
           std::all_of(octets.begin(), octets.begin() + 10, [](std::uint8_t octet) { return octet == 0; });
}

IpAddress IpAddress::masked(unsigned length) const {
    IpAddress out = *this;
    for (unsigned i = 0; i < bits() / 8; ++i) {
        const unsigned kept = length > i * 8 ? std::min(length - i * 8, 8U) : 0;
        out.octets[i] = static_cast<std::uint8_t>(out.octets[i] & (0xff00U >> kept));
    }
    return out;
}

bool Prefix::contains(const IpAddress& candidate) const {
    return candidate.family == address.family && candidate.masked(length) == address.masked(length);
}

std::optional<IpAddress> parse_ip(std::string_view text) {
    // inet_pton stops at the first zero byte, so one inside the text would hide what follows it.
    if (text.find('\0') != std::string_view::npos) return std::nullopt;
    const std::string terminated(text);
    IpAddress out;
    if (inet_pton(AF_INET, terminated.c_str(), out.octets.data()) == 1) return out;
    out.octets = {};
    out.family = Family::kV6;
    if (inet_pton(AF_INET6, terminated.c_str(), out.octets.data()) == 1) return out;
    return std::nullopt;
}

std::optional<Prefix> parse_prefix(std::string_view text) {
    const auto slash = text.find('/');
    const auto address = parse_ip(text.substr(0, slash));
    if (!address) return std::nullopt;
    if (slash == std::string_view::npos) return Prefix{*address, static_cast<std::uint8_t>(address->bits())};
    const auto length = parse_number(text.substr(slash + 1), address->bits());
    if (!length) return std::nullopt;
    return Prefix{*address, static_cast<std::uint8_t>(*length)};
}

std::optional<ZonedEndpoint> parse_zoned_endpoint(std::string_view text) {
    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos) return std::nullopt;
    std::string_view host = text.substr(0, colon);
    const bool bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
    if (bracketed) host = host.substr(1, host.size() - 2);
    std::string zone;
    const auto percent = host.find('%');
    if (percent != std::string_view::npos) {
        zone = host.substr(percent + 1);
        host = host.substr(0, percent);
        if (!is_zone(zone)) return std::nullopt;
    }
    const auto address = parse_ip(host);
    const auto port = parse_number(text.substr(colon + 1), 65535);
    if (!address || !port || *port == 0 || address->is_v4() == bracketed) return std::nullopt;
    if (!zone.empty() && (address->is_v4() || !address->is_link_local())) return std::nullopt;
    return ZonedEndpoint{{*address, static_cast<std::uint16_t>(*port), 0}, std::move(zone)};
}

std::optional<Endpoint> parse_endpoint(std::string_view text) {
    const auto zoned = parse_zoned_endpoint(text);
    if (!zoned) return std::nullopt;
    Endpoint endpoint = zoned->endpoint;
    if (zoned->zone.empty()) return endpoint;
    const auto index = parse_zone_index(zoned->zone);
    if (!index) return std::nullopt;
    endpoint.scope_id = *index;
    return endpoint;
}

std::optional<std::uint32_t> parse_zone_index(std::string_view zone) {
    const auto index = parse_number(zone, kLargestIndex);
    if (!index || *index == 0) return std::nullopt;
    return static_cast<std::uint32_t>(*index);
}

std::string to_string(const IpAddress& address) {
    std::array<char, INET6_ADDRSTRLEN> text{};
    inet_ntop(address.is_v4() ? AF_INET : AF_INET6, address.octets.data(), text.data(), text.size());
    return text.data();
}

std::string to_string(const Prefix& prefix) {
    return fmt::format("{}/{}", to_string(prefix.address), prefix.length);
}

std::string to_string(const Endpoint& endpoint) {
    if (endpoint.address.is_v4()) return fmt::format("{}:{}", to_string(endpoint.address), endpoint.port);
    const std::string zone = endpoint.scope_id == 0 ? std::string() : fmt::format("%{}", endpoint.scope_id);
    return fmt::format("[{}{}]:{}", to_string(endpoint.address), zone, endpoint.port);
}

std::string to_string(const ZonedEndpoint& zoned) {
    if (zoned.zone.empty()) return to_string(zoned.endpoint);
    return fmt::format("[{}%{}]:{}", to_string(zoned.endpoint.address), zoned.zone, zoned.endpoint.port);
}

}  // namespace warren

std::size_t std::hash<warren::IpAddress>::operator()(const warren::IpAddress& address) const noexcept {
    const std::uint64_t high = warren::load_le<std::uint64_t>(address.octets.data());
    const std::uint64_t low = warren::load_le<std::uint64_t>(address.octets.data() + 8);
    std::uint64_t mixed = (high ^ (low * 0x9e3779b97f4a7c15U)) + static_cast<std::uint64_t>(address.family);
    mixed ^= mixed >> 32;
    mixed *= 0xd6e8feb86659fd93U;
    return mixed ^ (mixed >> 32);
}
