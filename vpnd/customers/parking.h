// Which parked customers stackd is asked for the stacks of, and which it is told have left theirs: in turn, and never
// more than it can do.
#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <unordered_map>

#include "base/ids.h"
#include "base/time.h"
#include "ipc/config_messages.h"

namespace warren::vpnd {

// Pure. Each customer waits at most once in each line, so no customer's packets keep another waiting.
class Parking {
  public:
    static constexpr std::size_t kMostAsked = ipc::kMostTunnelWishes;  // and not answered yet
    static constexpr Duration kPatience = std::chrono::seconds(5);     // after which one counts as answered
    static constexpr Duration kIdleHolds = std::chrono::seconds(5);    // two of what a data worker says
    static constexpr Duration kBetweenLeaves = std::chrono::milliseconds(20);

    // A packet waits for its stack. Said again and again while packets come; what was not for kPatience is asked no
    // more: the packet is gone.
    void note_need(CustomerIndex customer, Instant now);
    // No packet needs its stack. Said again and again while that holds; what was not for kIdleHolds holds no more.
    void note_idle(CustomerIndex customer, Instant now);
    // Its stack is there.
    void note_given(CustomerIndex customer);
    // It is gone, and its index may become another's.
    void forget(CustomerIndex customer);
    // Another stackd was told of nothing yet.
    void forget_asked() { asked_.clear(); }

    // Whose stack is to be asked for now; it counts as asked for.
    [[nodiscard]] std::optional<CustomerIndex> next_need(Instant now);
    // Who is to leave its stack now.
    [[nodiscard]] std::optional<CustomerIndex> next_idle(Instant now);
    // When the next of these has something, if it has nothing now; kNever: when one of the calls above was made.
    [[nodiscard]] Instant next_deadline() const;

  private:
    void end_patience(Instant now);

    std::deque<CustomerIndex> needs_;
    std::unordered_map<CustomerIndex, Instant> waiting_;  // those of needs_, and when that was said last
    std::unordered_map<CustomerIndex, Instant> asked_;    // when
    std::deque<CustomerIndex> idle_;
    std::unordered_map<CustomerIndex, Instant> idling_;  // those of idle_, and when that was said last
    Instant next_leave_ = kLongAgo;
};

}  // namespace warren::vpnd
