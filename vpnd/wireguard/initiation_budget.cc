#include "vpnd/wireguard/initiation_budget.h"

#include <chrono>

namespace warren::wireguard {

namespace {
constexpr Duration kSweepInterval = std::chrono::seconds(1);
}

Instant InitiationBudget::reserve(Instant now, CustomerIndex customer) {
    if (now - last_sweep_ >= kSweepInterval) {
        std::erase_if(buckets_, [&](const auto& entry) { return entry.second.is_full(now, rate_.depth()); });
        last_sweep_ = now;
    }
    return buckets_[customer].reserve(now, rate_);
}

}  // namespace warren::wireguard
