#include "config/connection.h"

#include <algorithm>
#include <charconv>

#include "base/bytes.h"
#include "base/fingerprint.h"

namespace warren::config {

std::vector<Child> children_of(const Connection& connection) {
    std::vector<Child> out = connection.children;
    if (out.empty()) out.push_back({connection.name, connection.local, connection.remote, connection.routes});
    for (Child& child : out) {
        if (child.routes.empty()) child.routes = child.remote;
    }
    return out;
}

PeerIdentity identity_of(const Ipsec& ipsec, const Connection& connection) {
    const IkeIdentity remote = canonical(connection.remote_identity.value_or(IkeIdentity()));
    const std::string text =
        canonical(ipsec.identity).text + '\n' + connection.name + '\n' + static_cast<char>(remote.type) + remote.text;
    PeerIdentity out;
    for (std::size_t i = 0; i < out.bytes.size(); i += sizeof(std::uint64_t)) {
        const std::string part = fingerprint(as_bytes(text + static_cast<char>(i)));
        std::uint64_t number = 0;
        std::from_chars(part.data(), part.data() + part.size(), number, 16);
        store_le(out.bytes.data() + i, number);
    }
    return out;
}

bool is_for_one(const Connection& connection) {
    const bool is_exact = connection.remote_identity && connection.remote_identity->type != IkeIdentityType::kAny &&
                          !connection.remote_identity->is_pattern;
    return is_exact && connection.pool.empty();
}

std::size_t sessions_of(const Connection& connection) {
    if (connection.max_sessions) return *connection.max_sessions;
    if (is_for_one(connection)) return 1;
    std::size_t out = kDefaultSessions;
    for (const Family family : {Family::kV4, Family::kV6}) {
        if (const auto size = pool_size(connection.pool, family)) out = std::min(out, *size);
    }
    return out;
}

std::optional<std::size_t> pool_size(const std::vector<Prefix>& pool, Family family) {
    std::optional<std::size_t> out;
    for (const Prefix& prefix : pool) {
        if (prefix.address.family != family || prefix.length > prefix.address.bits()) continue;
        const unsigned host_bits = prefix.address.bits() - prefix.length;
        const std::size_t size = host_bits > 14 ? kMaxSessions : std::size_t{1} << host_bits;
        out = std::min(kMaxSessions, out.value_or(0) + size);
    }
    return out;
}

}  // namespace warren::config
