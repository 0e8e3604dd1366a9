// Delays between password attempts, against guessing. Pure.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <unordered_map>

#include "base/ip.h"
#include "base/time.h"

namespace warren::web {

// The order in which waiting passwords are checked; the smallest comes first.
struct LoginRank {
    enum class Trust : std::uint8_t { kDevice, kAddress, kNone };  // what the user logged in from before
    Trust trust = Trust::kNone;
    std::uint32_t failures = 0;  // of the device or the address
    auto operator<=>(const LoginRank&) const = default;
};

// After kFree failed attempts, the next one has to wait 1 s, then 2 s, 4 s, ... Failures count for the user and for the
// address. Whoever logged in before is not delayed by the failures of others: an attempt from a device of the user
// counts for that device alone, one from an address of the user for the address alone. One thread.
class Backoff {
  public:
    static constexpr std::uint32_t kFree = 5;
    // An attacker can lock out a user for at most this long; an address or a device waits longer.
    static constexpr Duration kMaxForUser = std::chrono::seconds(30);
    static constexpr Duration kMaxForAddress = std::chrono::minutes(15);
    // Failed attempts are forgotten after this long without another.
    static constexpr Duration kForget = std::chrono::minutes(30);
    // An address from which a user logged in is remembered for this long.
    static constexpr Duration kRemember = std::chrono::hours(24 * 30);
    static constexpr std::size_t kMaxEntries = 4096;  // of users, addresses, devices and remembered addresses each

    struct Client {
        std::string user;
        IpAddress address;
        std::string device;  // of a device from which this user logged in before, else ""
        LoginRank rank;      // set by begin()
    };

    // Zero: the attempt may proceed, and is pending until fail(), succeed() or abandon(). Otherwise the time to wait.
    // Pending attempts count like failed ones here.
    [[nodiscard]] Duration begin(Instant now, Client& client);
    void fail(Instant now, const Client& client);
    void succeed(Instant now, const Client& client);
    // The password was not checked.
    void abandon(const Client& client);

  private:
    struct Entry {
        std::uint32_t tries = 0;  // failed
        std::uint32_t pending = 0;
        Instant last;
    };
    using Entries = std::unordered_map<std::string, Entry>;
    [[nodiscard]] static Duration wait_of(Instant now, const Entries& entries, const std::string& key, Duration most);
    [[nodiscard]] static Entry& entry_of(Instant now, Entries& entries, const std::string& key);
    // Ends a pending attempt; the entry goes when nothing else is in it.
    static void settle(Entries& entries, const std::string& key, bool forget);
    // Calls `each` with the entries that an attempt counts for, their key and their longest wait.
    template <typename Each>
    void for_each(const Client& client, Each each);
    [[nodiscard]] LoginRank rank_of(Instant now, const Client& client) const;

    Entries users_;
    Entries addresses_;  // by site_of()
    Entries devices_;
    std::unordered_map<std::string, Instant> known_;  // "USER SITE": the last login
};

}  // namespace warren::web
