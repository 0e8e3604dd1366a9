// Which networks behind peers the stack's BIRD has learned, within what the customer's file allows. PURE.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/ip.h"
#include "config/customer.h"

namespace warren::stacks {

// A route of the stack's main table that BIRD has made.
struct LearnedRoute {
    Prefix to;
    std::optional<IpAddress> via;  // absent: it has none, or several
    bool is_in_tunnel = false;     // over vpn0
    std::uint32_t metric = 0;
    auto operator<=>(const LearnedRoute&) const = default;
};

// At most so many of each family are looked at.
inline constexpr std::size_t kMostRoutesRead = 16'384;
struct LearnedRoutes {
    std::vector<LearnedRoute> routes;
    bool is_cut = false;  // there are more
    bool operator==(const LearnedRoutes&) const = default;
};

// Of all peers of a customer. Beyond it the peers that have the most lose some.
inline constexpr std::size_t kMostLearned = 4096;
// Beyond it what is refused is only counted.
inline constexpr std::size_t kMostRefusedShown = 64;

struct LearnedNetwork {
    Prefix network;
    std::string peer;
    IpAddress gateway;
    bool operator==(const LearnedNetwork&) const = default;
};
struct RefusedNetwork {
    Prefix network;
    std::string gateway;  // "": there is none
    std::string reason;   // "it is outside of bgp.allow_learned"
    bool operator==(const RefusedNetwork&) const = default;
};

struct Learned {
    std::vector<LearnedNetwork> networks;  // each once; sorted by network
    std::vector<RefusedNetwork> refused;   // the first ones, sorted likewise
    std::size_t refused_count = 0;
    bool is_cut = false;
    bool operator==(const Learned&) const = default;
};

// What the file says wins over what is learned. No network of the result is one of the file's, so none is allowed
// twice.
[[nodiscard]] Learned learn(const config::Customer& customer, const LearnedRoutes& routes);

// By peer.
using LearnedByPeer = std::map<std::string, std::vector<Prefix>>;
[[nodiscard]] LearnedByPeer by_peer(const Learned& learned);

// As if the file had them, for all but the routes: those are BIRD's.
[[nodiscard]] config::Customer with_learned(const config::Customer& customer, const LearnedByPeer& learned);

// What the customer's operator should know, as a note of the service "bgp"; "": nothing.
[[nodiscard]] std::string problem_of(const Learned& learned);

}  // namespace warren::stacks
