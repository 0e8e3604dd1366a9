// Names of the devices that lead to link-local endpoints: vpnd knows their indexes only.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "base/ip.h"

namespace warren::ctl {

using ZoneNames = std::map<std::uint32_t, std::string>;  // by index

// The name of the device with this index in our own network namespace, which is the uplink's; "" when there is none.
[[nodiscard]] std::string device_name(std::uint32_t index);

// "[fe80::1%up0]:51820"; with the index where the name is not known. PURE.
[[nodiscard]] std::string endpoint_text(const Endpoint& endpoint, const ZoneNames& zones);

}  // namespace warren::ctl
