// Delays between password attempts, against guessing. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>

#include "base/ip.h"
#include "base/time.h"

namespace warren::web {

// After kFree failed attempts, the next one has to wait 1 s, then 2 s, 4 s, ... One thread.
class Backoff {
  public:
    static constexpr std::uint32_t kFree = 5;
    // An attacker can lock out a user for at most this long; an address waits longer.
    static constexpr Duration kMaxForUser = std::chrono::seconds(30);
    static constexpr Duration kMaxForAddress = std::chrono::minutes(15);
    // Failed attempts are forgotten after this long without another.
    static constexpr Duration kForget = std::chrono::minutes(30);
    static constexpr std::size_t kMaxEntries = 4096;

    // Zero: the attempt may proceed, and counts as failed until succeed(). Otherwise the time to wait.
    [[nodiscard]] Duration attempt(Instant now, const std::string& user, const IpAddress& address);
    void succeed(const std::string& user, const IpAddress& address);

  private:
    struct Entry {
        std::uint32_t tries = 0;
        Instant last;
    };
    using Entries = std::unordered_map<std::string, Entry>;
    [[nodiscard]] static Duration wait_of(Instant now, const Entries& entries, const std::string& key, Duration most);
    static void count(Instant now, Entries& entries, const std::string& key);

    Entries users_;
    Entries addresses_;  // an IPv6 /64 counts as one
};

}  // namespace warren::web
