#include "base/ip.h"

#include <doctest/doctest.h>

#include <random>
#include <set>

namespace warren {

namespace {

IpAddress ip(std::string_view text) {
    const auto address = parse_ip(text);
    REQUIRE_MESSAGE(address, text);
    return *address;
}
Prefix prefix(std::string_view text) {
    const auto parsed = parse_prefix(text);
    REQUIRE_MESSAGE(parsed, text);
    return *parsed;
}

bool bit_of(const IpAddress& address, unsigned bit) {
    return ((address.octets[bit / 8] >> (7 - bit % 8)) & 1) != 0;
}

IpAddress random_address(std::mt19937& random, Family family) {
    IpAddress out;
    out.family = family;
    for (unsigned i = 0; i < out.bits() / 8; ++i) out.octets[i] = static_cast<std::uint8_t>(random());
    return out;
}

}  // namespace

TEST_CASE("addresses are printed as they are read, IPv6 as RFC 5952 wants it") {
    for (const char* text : {"0.0.0.0", "10.0.0.1", "255.255.255.255", "::", "::1", "fd00:42::1",
                             "2001:db8::ff00:42:8329", "fe80::1", "1:2:3:4:5:6:7:8", "::ffff:192.0.2.1"}) {
        CHECK(to_string(ip(text)) == text);
    }
    CHECK(to_string(ip("2001:0DB8:0000:0000:0000:0000:0000:0001")) == "2001:db8::1");
    CHECK(ip("10.0.0.1") == IpAddress::v4(10, 0, 0, 1));
    CHECK(ip("10.0.0.1").is_v4());
    CHECK_FALSE(ip("::ffff:10.0.0.1").is_v4());
    CHECK(ip("::ffff:10.0.0.1") != ip("10.0.0.1"));
}

TEST_CASE("what is no address is refused") {
    using namespace std::string_view_literals;
    for (const std::string_view text :
         {""sv,          " 10.0.0.1"sv,  "10.0.0.1 "sv,         "10.0.0"sv,       "10.0.0.256"sv, "10.0.0.1.2"sv,
          "10.0.0.-1"sv, "0x0a.0.0.1"sv, "10.0.0.1\0"sv,        "10.0.0.1\0.2"sv, "::1\0"sv,      "example.net"sv,
          ":"sv,         ":::"sv,        "1:2:3:4:5:6:7:8:9"sv, "12345::"sv,      "[::1]"sv,      "fe80::1%eth0"sv,
          "::g"sv,       "10.0.0.1/32"sv}) {
        CAPTURE(text);
        CHECK_FALSE(parse_ip(text));
    }
}

TEST_CASE("from_bytes takes the family from the length") {
    const std::array<std::uint8_t, 16> octets = {0xfd, 0, 0, 0x42, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
    CHECK(IpAddress::from_bytes(octets) == ip("fd00:42::1"));
    CHECK(IpAddress::from_bytes(Bytes(octets).first(4)) == ip("253.0.0.66"));
    CHECK(ip("10.1.2.3").bytes().size() == 4);
    CHECK(ip("::").bytes().size() == 16);
}

TEST_CASE("kinds of addresses are told apart at their edges") {
    CHECK(ip("0.0.0.0").is_unspecified());
    CHECK(ip("::").is_unspecified());
    CHECK_FALSE(ip("0.0.0.1").is_unspecified());
    CHECK_FALSE(ip("::1").is_unspecified());

    CHECK(ip("127.0.0.1").is_loopback());
    CHECK(ip("127.255.255.255").is_loopback());
    CHECK_FALSE(ip("126.255.255.255").is_loopback());
    CHECK_FALSE(ip("128.0.0.0").is_loopback());
    CHECK(ip("::1").is_loopback());
    CHECK_FALSE(ip("::2").is_loopback());
    CHECK_FALSE(ip("1::1").is_loopback());

    CHECK_FALSE(ip("223.255.255.255").is_multicast());
    CHECK(ip("224.0.0.0").is_multicast());
    CHECK(ip("239.255.255.255").is_multicast());
    CHECK_FALSE(ip("240.0.0.0").is_multicast());
    CHECK(ip("ff02::1").is_multicast());
    CHECK_FALSE(ip("feff::1").is_multicast());

    CHECK(ip("169.254.0.0").is_link_local());
    CHECK_FALSE(ip("169.253.255.255").is_link_local());
    CHECK_FALSE(ip("169.255.0.0").is_link_local());
    CHECK(ip("fe80::1").is_link_local());
    CHECK(ip("febf::1").is_link_local());
    CHECK_FALSE(ip("fec0::1").is_link_local());

    CHECK(ip("::ffff:1.2.3.4").is_v4_mapped());
    CHECK_FALSE(ip("::fffe:1.2.3.4").is_v4_mapped());
    CHECK_FALSE(ip("1::ffff:1.2.3.4").is_v4_mapped());
    CHECK_FALSE(ip("1.2.3.4").is_v4_mapped());
}

TEST_CASE("masking keeps exactly the first bits, for every length") {
    std::mt19937 random(30);
    for (const Family family : {Family::kV4, Family::kV6}) {
        for (unsigned length = 0; length <= (family == Family::kV4 ? 32U : 128U); ++length) {
            const IpAddress address = random_address(random, family);
            const IpAddress masked = address.masked(length);
            CHECK(masked.family == family);
            for (unsigned bit = 0; bit < 128; ++bit) {
                CAPTURE(length);
                CAPTURE(bit);
                CHECK(bit_of(masked, bit) == (bit < length && bit_of(address, bit)));
            }
        }
    }
}

TEST_CASE("a prefix contains an address when their first bits agree, and never the other family's") {
    std::mt19937 random(31);
    for (const Family family : {Family::kV4, Family::kV6}) {
        const unsigned bits = family == Family::kV4 ? 32 : 128;
        for (unsigned length = 0; length <= bits; ++length) {
            const IpAddress address = random_address(random, family);
            const Prefix network{address, static_cast<std::uint8_t>(length)};
            CHECK(network.contains(address));
            for (unsigned bit = 0; bit < bits; ++bit) {
                IpAddress other = address;
                other.octets[bit / 8] ^= static_cast<std::uint8_t>(0x80U >> (bit % 8));
                CHECK(network.contains(other) == (bit >= length));
            }
        }
    }
    CHECK_FALSE(prefix("0.0.0.0/0").contains(ip("::")));
    CHECK_FALSE(prefix("::/0").contains(ip("0.0.0.0")));
}

TEST_CASE("prefixes are printed as they are read, with their host bits") {
    for (const char* text :
         {"0.0.0.0/0", "10.0.0.1/24", "10.0.0.0/8", "192.0.2.1/32", "::/0", "fd00:42::1/64", "2001:db8::/127"}) {
        CHECK(to_string(prefix(text)) == text);
    }
    CHECK(to_string(prefix("192.0.2.1")) == "192.0.2.1/32");
    CHECK(to_string(prefix("::1")) == "::1/128");
    CHECK(prefix("10.0.0.1/24").has_host_bits());
    CHECK_FALSE(prefix("10.0.0.0/24").has_host_bits());
    CHECK(prefix("10.0.0.1/24").network() == prefix("10.0.0.0/24"));
}

TEST_CASE("what is no prefix is refused") {
    using namespace std::string_view_literals;
    for (const std::string_view text :
         {""sv, "/"sv, "/24"sv, "10.0.0.0/"sv, "10.0.0.0/33"sv, "::/129"sv, "10.0.0.0/-1"sv, "10.0.0.0/+8"sv,
          "10.0.0.0/8 "sv, "10.0.0.0/ 8"sv, "10.0.0.0/8/8"sv, "10.0.0.0/255.0.0.0"sv, "10.0.0.0/99999999999999999999"sv,
          "10.0.0.0/8\0"sv, "10.0.0.0\0/8"sv, "10/8"sv}) {
        CAPTURE(text);
        CHECK_FALSE(parse_prefix(text));
    }
}

TEST_CASE("endpoints are printed as they are read") {
    for (const char* text : {"198.51.100.7:51820", "0.0.0.0:1", "[2001:db8::1]:65535", "[::]:80"}) {
        const auto endpoint = parse_endpoint(text);
        REQUIRE_MESSAGE(endpoint, text);
        CHECK(to_string(*endpoint) == text);
    }
    CHECK(parse_endpoint("198.51.100.7:51820") == Endpoint{ip("198.51.100.7"), 51820, 0});
}

TEST_CASE("the zone of a link-local endpoint is a device's index, or its name for who knows the devices") {
    const Endpoint local{ip("fe80::1"), 51820, 3};
    CHECK(to_string(local) == "[fe80::1%3]:51820");
    CHECK(parse_endpoint("[fe80::1%3]:51820") == local);
    CHECK(parse_endpoint("[fe80::1]:51820") == Endpoint{ip("fe80::1"), 51820, 0});
    CHECK(parse_endpoint("[fe80::1%4]:51820") != local);
    CHECK_FALSE(parse_endpoint("[fe80::1%up0]:51820"));
    for (const char* text : {"[fe80::1%up0]:51820", "[fe80::1%3]:1", "[fe80::1%exactly-15-long]:1",
                             "[fe80::1%eth0.7]:1", "[fe80::1]:51820", "[2001:db8::1]:51820", "198.51.100.7:51820"}) {
        const auto zoned = parse_zoned_endpoint(text);
        REQUIRE_MESSAGE(zoned, text);
        CHECK(to_string(*zoned) == text);
        CHECK(zoned->endpoint.scope_id == 0);
    }
    CHECK(parse_zoned_endpoint("[fe80::1%up0]:51820") == ZonedEndpoint{{ip("fe80::1"), 51820, 0}, "up0"});
    for (const char* text :
         {"[fe80::1%]:80", "[fe80::1%longer-than-15-c]:80", "[fe80::1%a b]:80", "[fe80::1%a/b]:80", "[fe80::1%a%b]:80",
          "[fe80::1%a:b]:80", "[fe80::1%a]b]:80", "fe80::1%up0:80", "[%up0]:80", "[2001:db8::1%up0]:80",
          "[ff02::1%up0]:80", "169.254.0.1%up0:80", "[169.254.0.1%up0]:80"}) {
        CAPTURE(text);
        CHECK_FALSE(parse_zoned_endpoint(text));
    }
    CHECK(parse_zone_index("7") == 7U);
    CHECK(parse_zone_index("2147483647") == 2147483647U);
    for (const char* text : {"", "0", "2147483648", "up0", "-1", "7 "}) CHECK_FALSE(parse_zone_index(text));
}

TEST_CASE("what is no endpoint is refused") {
    using namespace std::string_view_literals;
    for (const std::string_view text : {""sv,
                                        ":"sv,
                                        ":80"sv,
                                        "198.51.100.7"sv,
                                        "198.51.100.7:"sv,
                                        "198.51.100.7:0"sv,
                                        "198.51.100.7:65536"sv,
                                        "198.51.100.7:-1"sv,
                                        "198.51.100.7:+1"sv,
                                        "198.51.100.7:80 "sv,
                                        "[198.51.100.7]:80"sv,
                                        "2001:db8::1:80"sv,
                                        "::1:80"sv,
                                        "[2001:db8::1]"sv,
                                        "[2001:db8::1]80"sv,
                                        "[2001:db8::1:80"sv,
                                        "2001:db8::1]:80"sv,
                                        "[]:80"sv,
                                        "vpn.example.net:51820"sv,
                                        "198.51.100.7\0:80"sv}) {
        CAPTURE(text);
        CHECK_FALSE(parse_endpoint(text));
    }
}

TEST_CASE("equal addresses hash alike, and a million neighbours nearly never") {
    CHECK(std::hash<IpAddress>()(ip("10.0.0.1")) == std::hash<IpAddress>()(IpAddress::v4(10, 0, 0, 1)));
    CHECK(std::hash<IpAddress>()(ip("0.0.0.0")) != std::hash<IpAddress>()(ip("::")));
    std::set<std::size_t> seen;
    for (unsigned i = 0; i < 20'000; ++i) {
        const auto low = static_cast<std::uint8_t>(i);
        const auto high = static_cast<std::uint8_t>(i >> 8);
        seen.insert(std::hash<IpAddress>()(IpAddress::v4(10, 0, high, low)));
        IpAddress v6 = ip("2001:db8::");
        v6.octets[14] = high;
        v6.octets[15] = low;
        seen.insert(std::hash<IpAddress>()(v6));
    }
    CHECK(seen.size() == 40'000);
}

}  // namespace warren
