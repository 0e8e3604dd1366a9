// What changed, kept in memory with a bound: so that "it was gone at 3 o'clock" can be answered. Pure.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/time.h"

namespace warren::web {

enum class EventKind : std::uint8_t {
    kOnline,
    kIdle,
    kRoamed,
    kAdded,
    kRemoved,
    kChanged,
    kDrops,
    kRateLimited,
    kSuspended,
    kResumed,
    kVpndStarted,
    kVpndLost,
};
inline constexpr std::size_t kEventKinds = 12;
[[nodiscard]] std::string_view name_of(EventKind kind);
// False when there is none of this name.
[[nodiscard]] bool parse_event_kind(std::string_view text, EventKind& out);

struct Event {
    std::uint64_t id = 0;  // grows
    WallTime at;
    EventKind kind = EventKind::kOnline;
    std::string customer;  // "" = the appliance
    std::string peer;      // "" = the customer
    std::string reason;    // of drops
    std::string from;      // endpoint or state
    std::string to;
};

// Of each customer the last kPerCustomer, of all the last kOverall: one that flaps does not push out the others' past.
class EventLog {
  public:
    static constexpr std::size_t kPerCustomer = 200;
    static constexpr std::size_t kOverall = 20'000;
    // Customers who are gone are remembered up to this many.
    static constexpr std::size_t kMaxCustomers = 20'000;

    void add(Event event);  // gives it its id

    // Newest first, up to `limit`, with ids in (after, before), that `wanted` accepts. `customer` "" = all.
    [[nodiscard]] std::vector<const Event*> find(const std::string& customer, std::uint64_t after, std::uint64_t before,
                                                 std::size_t limit,
                                                 const std::function<bool(const Event&)>& wanted) const;
    [[nodiscard]] std::uint64_t last_id() const { return next_id_ - 1; }

  private:
    std::deque<Event> all_;
    std::unordered_map<std::string, std::deque<Event>> by_customer_;
    std::uint64_t next_id_ = 1;
};

}  // namespace warren::web
