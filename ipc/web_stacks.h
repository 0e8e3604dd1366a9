// stackd -> statusd, in a file: what the configuration says of each customer's stack and vpnd does not know.
#pragma once

#include <cstdint>
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

    std::string customer;
    std::string lan;         // handoff.type; "" = no handoff
    std::string lan_parent;  // "" = none
    std::vector<Prefix> lan_addresses;
    std::vector<std::pair<Prefix, IpAddress>> routes;  // destination, next hop; at most kMaxRoutes
    std::vector<std::string> disabled_peers;           // by name, at most kMaxDisabled

    bool operator==(const WebStack&) const = default;
};
void fields(auto& codec, Is<WebStack> auto& m) {
    codec(m.customer, m.lan, m.lan_parent, m.lan_addresses, m.routes, m.disabled_peers);
}

// The file's content: each after its size (u32, little-endian). One that is too large for a message is left out.
[[nodiscard]] std::vector<std::uint8_t> encode_stacks(const std::vector<WebStack>& stacks);
// kInvalid when any of it is malformed.
[[nodiscard]] Result<std::vector<WebStack>> decode_stacks(Bytes file);

}  // namespace warren::ipc
