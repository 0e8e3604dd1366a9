// How long somebody who guesses passwords has to wait. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>

#include "base/ip.h"
#include "base/time.h"

namespace warren::web {

// After kFree tries without success, 1 s, 2 s, 4 s, ... between two tries. One thread.
class Backoff {
  public:
    static constexpr std::uint32_t kFree = 5;
    // What a stranger can do to a user by guessing in his name is bounded; an address waits longer.
    static constexpr Duration kMaxForUser = std::chrono::seconds(30);
    static constexpr Duration kMaxForAddress = std::chrono::minutes(15);
    // Without a try for so long all is forgotten.
    static constexpr Duration kForget = std::chrono::minutes(30);
    static constexpr std::size_t kMaxEntries = 4096;

    // Zero: go on, and the try counts as failed until succeed(). Else: how long to wait.
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
    Entries addresses_;  // an IPv6 site (/64) is one
};

}  // namespace warren::web
