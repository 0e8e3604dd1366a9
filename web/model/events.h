// Changes of customers and peers, kept in memory within a bound. Pure.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/renames.h"
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
    kRenamed,
    // Of connections.
    kUp,
    kDown,
    kPeerDead,  // it does not answer
    kExpired,
    kRekeyed,
    kAuthFailed,
    kConnectFailed,  // for any other reason
};
inline constexpr std::size_t kEventKinds = 20;
[[nodiscard]] std::string_view name_of(EventKind kind);
// False for an unknown name.
[[nodiscard]] bool parse_event_kind(std::string_view text, EventKind& out);

struct Event {
    std::uint64_t id = 0;  // increases with every event
    WallTime at;
    EventKind kind = EventKind::kOnline;
    std::string customer;  // "" = the appliance
    std::string peer;      // "" = the customer, or a connection
    std::string reason;    // of kDrops, kRateLimited and what failed: a drop reason; of kIdle: why vpnd knows of no
                           // handshake, or ""; of kDown, kPeerDead and kExpired: why
    std::string from;      // endpoint, state or name
    std::string to;
    std::string connection{};  // "" = none
    bool is_disowned = false;  // of something else that had the customer's id: only for who may see all customers
};

// Keeps the last kPerCustomer events of each customer and the last kOverall of all: a customer that flaps does not
// displace the history of others.
class EventLog {
  public:
    static constexpr std::size_t kPerCustomer = 200;
    static constexpr std::size_t kOverall = 20'000;
    // Also bounds the removed customers whose events are kept.
    static constexpr std::size_t kMaxCustomers = 20'000;
    // Events that wait for take_unwritten(): every peer of a large appliance may go at once. 100 MB.
    static constexpr std::size_t kMostUnwritten = 500'000;

    void add(Event event);  // assigns the id
    // Ids are microseconds since 1970 from now on, or one more than the last: they increase over restarts too. So no
    // event has an id below its time.
    void number_by_time() { by_time_ = true; }
    // Before the first add(): those of an earlier process, oldest first. Later ids are above `last`.
    void restore(std::vector<Event> events, std::uint64_t last);
    // All events of the customer from this id on are here; "": of all. Above every id when there are none.
    [[nodiscard]] std::uint64_t first_id(const std::string& customer) const;
    // From now on those after this id wait for take_unwritten(), or none any more.
    void keep_unwritten(std::uint64_t after);
    void stop_unwritten();
    // Oldest first, at most `limit`. They are the caller's then.
    [[nodiscard]] std::vector<Event> take_unwritten(std::size_t limit);
    // How many were dropped since the last call because too many waited: the oldest ones.
    [[nodiscard]] std::uint64_t take_dropped() { return std::exchange(dropped_, 0); }
    // A customer's events go along with it; those of one that had the new id before are of something else and go.
    void rename(const std::vector<Rename>& renames);
    // All events of these customers so far are of something else that had their ids.
    void disown(const std::set<std::string>& customers);
    [[nodiscard]] bool has(const std::string& customer) const { return by_customer_.contains(customer); }

    // Newest first, up to `limit`, with ids in (after, before), that `wanted` accepts. `customer` "" = all.
    [[nodiscard]] std::vector<const Event*> find(const std::string& customer, std::uint64_t after, std::uint64_t before,
                                                 std::size_t limit,
                                                 const std::function<bool(const Event&)>& wanted) const;
    [[nodiscard]] std::uint64_t last_id() const { return next_id_ - 1; }

  private:
    void keep(Event event);
    void wait(const Event& event);

    std::deque<Event> all_;
    std::unordered_map<std::string, std::deque<Event>> by_customer_;
    std::deque<Event> unwritten_;
    bool keeps_unwritten_ = false;
    std::uint64_t dropped_ = 0;
    std::uint64_t next_id_ = 1;
    bool by_time_ = false;
};

}  // namespace warren::web
