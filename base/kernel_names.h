// The names that stackd gives things in the kernel.
#pragma once

#include <cstdint>

namespace warren {

// Where ip-netns(8) and Warren name network namespaces.
inline constexpr const char* kNamespaceDirectory = "/run/netns";
// Every stack is the network namespace kNamespacePrefix + customer id.
inline constexpr const char* kNamespacePrefix = "warren-";
// Marks our routes, so that routes added by an operator are left alone (a free number of rtnetlink(7)'s rtm_protocol).
inline constexpr std::uint8_t kRouteProtocol = 87;

}  // namespace warren
