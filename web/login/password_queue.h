// The logins that wait for the check of their password: one check runs at a time, so their order decides who gets in
// while others flood the page with made-up names. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/ip.h"
#include "web/model/backoff.h"

namespace warren::web {

// Not thread-safe.
class PasswordQueue {
  public:
    // A waiting login costs about 1 KB; only the one that is checked takes 64 MB.
    static constexpr std::size_t kMax = 128;
    static constexpr std::size_t kMaxPerSite = 4;  // site_of() of the client

    using Ticket = std::uint64_t;
    struct Entry {
        Ticket ticket = 0;
        LoginRank rank;
        IpAddress site;
    };
    // Adds a login. Returns the one for which there is no room then, if any: the last in rank, `entry` itself among
    // equals.
    [[nodiscard]] std::optional<Ticket> add(const Entry& entry);
    // Removes the best rank, the oldest among equals.
    [[nodiscard]] std::optional<Ticket> take();
    // The client gave up.
    void remove(Ticket ticket);
    [[nodiscard]] std::size_t size() const { return entries_.size(); }

  private:
    std::vector<Entry> entries_;  // in the order of arrival
};

}  // namespace warren::web
