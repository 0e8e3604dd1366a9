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

    // A prefix that has failed too often at a customer is not listened to there for a while: customers that share an
    // address do not pause each other. An invalid customer: names that are nobody's.
    [[nodiscard]] bool is_paused(Instant now, CustomerIndex customer, const IpAddress& prefix) const;
    // Nor, after many more failures, anywhere.
    [[nodiscard]] bool is_paused(Instant now, const IpAddress& prefix) const;
    // Somebody there could not show who it is.
    void note_failure(Instant now, CustomerIndex customer, const IpAddress& prefix);
    // Somebody there has shown who it is.
    void note_success(CustomerIndex customer, const IpAddress& prefix) { failures_.erase({customer, prefix}); }

  private:
    struct Entry {
        CustomerIndex customer;
        IpAddress prefix;
        bool is_stranger = false;
    };
    struct Place {
        CustomerIndex customer;
        IpAddress prefix;
        bool operator==(const Place&) const = default;
    };
    struct PlaceHash {
        std::size_t operator()(const Place& place) const { return hash(place.prefix) ^ hash(place.customer); }
        control::KeyedHash hash;
    };

    template <typename Map>
    void note(Map& map, const typename Map::key_type& key, Instant now, unsigned free);

    std::unordered_map<std::uint32_t, Entry> entries_;
    std::unordered_map<CustomerIndex, std::size_t> of_customer_;
    std::unordered_map<IpAddress, std::size_t, control::KeyedHash> of_prefix_;
    std::size_t strangers_ = 0;
    std::unordered_map<Place, Mistakes, PlaceHash> failures_;
    std::unordered_map<IpAddress, Mistakes, control::KeyedHash> failures_of_prefix_;
    Instant swept_ = kLongAgo;
};

}  // namespace warren::ike
