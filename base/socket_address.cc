#include "base/socket_address.h"

#include <netinet/in.h>

#include <cstring>

namespace warren {

Endpoint endpoint_of(const sockaddr_storage& address) {
    Endpoint out;
    if (address.ss_family == AF_INET) {
        sockaddr_in v4{};
        std::memcpy(&v4, &address, sizeof v4);
        std::memcpy(out.address.octets.data(), &v4.sin_addr, sizeof v4.sin_addr);
        out.port = ntohs(v4.sin_port);
    } else if (address.ss_family == AF_INET6) {
        sockaddr_in6 v6{};
        std::memcpy(&v6, &address, sizeof v6);
        out.address.family = Family::kV6;
        std::memcpy(out.address.octets.data(), &v6.sin6_addr, sizeof v6.sin6_addr);
        out.port = ntohs(v6.sin6_port);
        out.scope_id = v6.sin6_scope_id;
    }
    return out;
}

socklen_t fill_address(const Endpoint& endpoint, sockaddr_storage& out) {
    if (endpoint.address.is_v4()) {
        sockaddr_in v4{};
        v4.sin_family = AF_INET;
        v4.sin_port = htons(endpoint.port);
        std::memcpy(&v4.sin_addr, endpoint.address.octets.data(), sizeof v4.sin_addr);
        std::memcpy(&out, &v4, sizeof v4);
        return sizeof v4;
    }
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(endpoint.port);
    v6.sin6_scope_id = endpoint.scope_id;
    std::memcpy(&v6.sin6_addr, endpoint.address.octets.data(), sizeof v6.sin6_addr);
    std::memcpy(&out, &v6, sizeof v6);
    return sizeof v6;
}

}  // namespace warren
