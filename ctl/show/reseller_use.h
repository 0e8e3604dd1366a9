// What a reseller has of what it may have.
#pragma once

#include <cstddef>

#include "config/customer.h"

namespace warren::ctl {

struct ResellerUse {
    config::Reseller caps;
    std::size_t customers = 0;  // below it, at every level
    std::size_t peers = 0;      // enabled peers and connections of those
};

}  // namespace warren::ctl
