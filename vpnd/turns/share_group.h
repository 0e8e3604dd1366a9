// Customers that have one share of the processor together: a reseller and its customers.
#pragma once

#include <cstdint>
#include <string>

namespace warren::dataplane {

struct ShareGroup {
    std::string id;
    std::uint32_t share = 1;  // at least 1

    bool operator==(const ShareGroup&) const = default;
};

}  // namespace warren::dataplane
