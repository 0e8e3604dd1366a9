// How many peers are in the middle of EAP, and which sources have failed at it too often (conformance KA8, KD6).
#pragma once

#include <cstdint>
#include <unordered_map>

#include "base/ids.h"
#include "base/ip.h"
#include "base/mistakes.h"
#include "base/time.h"
#include "crypto/random.h"
#include "vpnd/control/keyed_hash.h"
#include "vpnd/ike/limits.h"

namespace warren::ike {

// Counts conversations; the engine has them, by slot. No I/O. One thread.
class EapLimits {
  public:
    explicit EapLimits(crypto::RandomSource& random);

    // Whether one may begin. An invalid customer is the gateway.
    [[nodiscard]] bool has_room(CustomerIndex customer, const IpAddress& prefix, bool is_stranger) const;
    // `slot` is not in here.
    void add(std::uint32_t slot, CustomerIndex customer, const IpAddress& prefix, bool is_stranger);
    // Whose it is, is known now. False: that customer has too many, and nothing has changed.
    [[nodiscard]] bool move(std::uint32_t slot, CustomerIndex customer);
    // It is over, or was never there.
    void remove(std::uint32_t slot);
    [[nodiscard]] std::size_t size() const { return entries_.size(); }

    // A prefix that has failed too often is not listened to for a while.
    [[nodiscard]] bool is_paused(Instant now, const IpAddress& prefix) const;
    // Somebody there could not show who it is.
    void note_failure(Instant now, const IpAddress& prefix);

  private:
    struct Entry {
        CustomerIndex customer;
        IpAddress prefix;
        bool is_stranger = false;
    };
    std::unordered_map<std::uint32_t, Entry> entries_;
    std::unordered_map<CustomerIndex, std::size_t> of_customer_;
    std::unordered_map<IpAddress, std::size_t, control::KeyedHash> of_prefix_;
    std::size_t strangers_ = 0;
    std::unordered_map<IpAddress, Mistakes, control::KeyedHash> failures_;
    Instant swept_ = kLongAgo;
};

}  // namespace warren::ike
