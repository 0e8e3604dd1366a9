// Customers to make stacks of, written shortly or drawn at random.
#pragma once

#include <doctest/doctest.h>

#include <random>
#include <string>
#include <vector>

#include "config/customer.h"
#include "fake_kernel.h"
#include "stacks/plan/desired.h"

namespace warren::stacks {

inline constexpr const char* kTestRunDir = "/run/test";

inline Prefix prefix(const std::string& text) {
    const auto parsed = parse_prefix(text);
    REQUIRE_MESSAGE(parsed.has_value(), text);
    return *parsed;
}

inline IpAddress ip(const std::string& text) {
    const auto parsed = parse_ip(text);
    REQUIRE_MESSAGE(parsed.has_value(), text);
    return *parsed;
}

inline config::Peer peer(const std::string& name, const std::vector<std::string>& allowed_ips, bool enabled = true) {
    config::Peer out;
    out.name = name;
    for (const std::string& text : allowed_ips) out.allowed_ips.push_back(prefix(text));
    out.enabled = enabled;
    return out;
}

inline config::Handoff handoff(config::HandoffType type, const std::string& parent,
                               const std::vector<std::string>& addresses) {
    config::Handoff out;
    out.type = type;
    out.parent = parent;
    for (const std::string& text : addresses) out.addresses.push_back(prefix(text));
    return out;
}

// A customer with one peer that is a site.
inline config::Customer acme() {
    config::Customer customer;
    customer.id = "acme";
    customer.stack.addresses = {prefix("10.0.0.1/24"), prefix("fd00:42::1/64")};
    customer.peers = {peer("graz", {"10.43.0.0/16", "fd00:43::/64"})};
    return customer;
}

}  // namespace warren::stacks
