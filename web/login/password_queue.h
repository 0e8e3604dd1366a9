// The logins that wait for the check of their password: one check runs at a time, so their order decides who gets in
// while others flood the page with made-up names, or repeat logins of their own. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/ip.h"
#include "base/time.h"
#include "web/model/backoff.h"

namespace warren::web {

// Not thread-safe.
class PasswordQueue {
  public:
    // A waiting login costs about 1 KB; only the one that is checked takes 64 MB.
    static constexpr std::size_t kMax = 128;
    static constexpr std::size_t kMaxPerSite = 4;  // site_of() of the client
    static constexpr Duration kMaxWait = std::chrono::seconds(10);

    using Ticket = std::uint64_t;
    struct Entry {
        Ticket ticket = 0;
        LoginRank rank;
        IpAddress site;
        std::string user;
        Instant since{};
    };
    // Adds a login. Returns the one for which there is no room then, if any: the last in rank, `entry` itself among
    // equals. A user has room for one login from all its known devices, and for one from each site without them; one
    // that is being checked takes that room too.
    [[nodiscard]] std::optional<Ticket> add(const Entry& entry);
    // Removes the login to check now; the last one that was taken must have been finished. In turn the best rank, the
    // oldest among equals, and the oldest of all: so no rank waits for ever.
    [[nodiscard]] std::optional<Ticket> take();
    // The check of the login that was taken last has ended.
    void finish() { checked_.reset(); }
    // Removes those that have waited for kMaxWait.
    [[nodiscard]] std::vector<Ticket> take_late(Instant now);
    // The client gave up.
    void remove(Ticket ticket);
    [[nodiscard]] std::size_t size() const { return entries_.size(); }

  private:
    std::vector<Entry> entries_;    // in the order of arrival
    std::optional<Entry> checked_;  // taken and not finished
    bool is_oldest_next_ = false;
};

}  // namespace warren::web
