// stackd -> statusd, in a file: what stackd knows of each customer's stack and vpnd does not.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/ip.h"
#include "base/result.h"
#include "ipc/fields.h"

namespace warren::ipc {

struct WebStack {
    static constexpr std::size_t kMaxRoutes = 200;
    static constexpr std::size_t kMaxDisabled = 200;
    static constexpr std::size_t kMaxDescriptions = 200;

    std::string customer;
    std::string lan;         // handoff.type; "" = no handoff
    std::string lan_parent;  // "" = none
    std::vector<Prefix> lan_addresses;
    std::vector<std::pair<Prefix, IpAddress>> routes;                      // destination, next hop; at most kMaxRoutes
    std::uint32_t more_routes = 0;                                         // not in `routes`
    std::vector<std::string> disabled_peers;                               // by name, at most kMaxDisabled
    std::uint32_t more_disabled = 0;                                       // not in `disabled_peers`
    bool complete = true;                                                  // false: the stack is not as configured
    std::string description{};                                             // for people; "" = none
    std::vector<std::pair<std::string, std::string>> peer_descriptions{};  // name, text; at most kMaxDescriptions
    std::optional<std::uint32_t> max_peers{};                              // absent: any number

    bool operator==(const WebStack&) const = default;
};
void fields(auto& codec, Is<WebStack> auto& m) {
    codec(m.customer, m.lan, m.lan_parent, m.lan_addresses, m.routes, m.more_routes, m.disabled_peers, m.more_disabled,
          m.complete, m.description, m.peer_descriptions, m.max_peers);
}

inline constexpr std::size_t kMaxStacksFile = 16 << 20;  // bytes

// The file's content: each after its size (u32, little-endian). All together take at most `most` bytes, and each has
// the same part of them: one that needs more loses the ends of its lists. One that is too large without its lists is
// left out.
[[nodiscard]] std::vector<std::uint8_t> encode_stacks(const std::vector<WebStack>& stacks,
                                                      std::size_t most = kMaxStacksFile);
// kInvalid when any of it is malformed.
[[nodiscard]] Result<std::vector<WebStack>> decode_stacks(Bytes file);

}  // namespace warren::ipc
