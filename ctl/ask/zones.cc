#include "ctl/ask/zones.h"

#include <net/if.h>

#include <array>

namespace warren::ctl {

std::string device_name(std::uint32_t index) {
    std::array<char, IF_NAMESIZE> name{};
    return ::if_indextoname(index, name.data()) == nullptr ? std::string() : std::string(name.data());
}

std::string endpoint_text(const Endpoint& endpoint, const ZoneNames& zones) {
    const auto found = zones.find(endpoint.scope_id);
    if (endpoint.scope_id == 0 || found == zones.end()) return to_string(endpoint);
    return to_string(ZonedEndpoint{endpoint, found->second});
}

}  // namespace warren::ctl
