// When a customer's next initiation to a peer that is not there may leave: no customer delays another (conformance T8).
#pragma once

#include <cstddef>
#include <unordered_map>

#include "base/ids.h"
#include "base/time.h"
#include "base/token_bucket.h"

namespace warren::wireguard {

// A bucket for each customer that asked recently: at once within the burst, then one after the other. No customer
// waits for another.
class InitiationBudget {
  public:
    explicit InitiationBudget(TokenRate rate) : rate_(rate) {}

    // The turn of one more initiation of this customer: now, or later.
    [[nodiscard]] Instant reserve(Instant now, CustomerIndex customer);
    // Customers who are remembered: those whose bucket is not full, and those of the last second.
    [[nodiscard]] std::size_t size() const { return buckets_.size(); }

  private:
    TokenRate rate_;
    std::unordered_map<CustomerIndex, TokenBucket> buckets_;
    Instant last_sweep_ = kLongAgo;
};

}  // namespace warren::wireguard
