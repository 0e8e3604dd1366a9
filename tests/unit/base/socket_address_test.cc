#include "base/socket_address.h"

#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <cstring>

using namespace warren;

namespace {

Endpoint parsed(std::string_view text) {
    const auto endpoint = parse_endpoint(text);
    REQUIRE(endpoint.has_value());
    return *endpoint;
}

}  // namespace

TEST_CASE("an IPv4 endpoint becomes a sockaddr_in in network byte order, and back") {
    sockaddr_storage address{};
    CHECK(fill_address(parsed("198.51.100.7:51820"), address) == sizeof(sockaddr_in));
    sockaddr_in v4{};
    std::memcpy(&v4, &address, sizeof v4);
    CHECK(v4.sin_family == AF_INET);
    CHECK(v4.sin_port == htons(51820));
    CHECK(v4.sin_addr.s_addr == htonl(0xc6336407));
    CHECK(endpoint_of(address) == parsed("198.51.100.7:51820"));
}

TEST_CASE("an IPv6 endpoint becomes a sockaddr_in6 with its scope, and back") {
    Endpoint endpoint = parsed("[fe80::1]:443");
    endpoint.scope_id = 7;
    sockaddr_storage address{};
    CHECK(fill_address(endpoint, address) == sizeof(sockaddr_in6));
    sockaddr_in6 v6{};
    std::memcpy(&v6, &address, sizeof v6);
    CHECK(v6.sin6_family == AF_INET6);
    CHECK(v6.sin6_port == htons(443));
    CHECK(v6.sin6_scope_id == 7);
    CHECK(endpoint_of(address) == endpoint);
}

TEST_CASE("an address of another family is the unspecified endpoint") {
    sockaddr_storage address{};
    address.ss_family = AF_UNIX;
    CHECK(endpoint_of(address) == Endpoint{});
}
