// When which ping is sent: a few at a time, again when one is lost, and large ones only to who answers small ones.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/ip.h"

namespace warren::ctl {

struct Ping {
    IpAddress to;
    std::size_t bytes = 0;             // of the IP packet
    std::optional<std::size_t> after;  // which other one must be answered first; nothing: none
    bool answered = false;
    bool is_lost = false;  // it was sent kTries times, and none was answered in time; else nothing is known
};

// PURE: it is told the time.
class PingPlan {
  public:
    using Time = std::chrono::steady_clock::time_point;
    // A path that loses one packet in a hundred loses all of these once in a million times.
    static constexpr int kTries = 3;
    static constexpr std::chrono::milliseconds kPatience{300};
    // On their way at once: far less than the queue of a device holds, and the buffer of a socket.
    static constexpr std::size_t kWindow = 65'536;  // bytes
    static constexpr std::size_t kMostAtOnce = 100;

    // They outlive it.
    explicit PingPlan(std::vector<Ping>& pings) : pings_(pings), states_(pings.size()) {}

    // The number of one that may be sent now.
    [[nodiscard]] std::optional<std::size_t> due(Time now) const;
    void note_sent(std::size_t number, Time now);
    // The stack does not send it, whatever is done.
    void note_unsendable(std::size_t number) { states_[number].is_unsendable = true; }
    void note_answered(std::size_t number);
    // Nothing more is to be sent or waited for.
    [[nodiscard]] bool is_over(Time now) const;
    // At the end: what was lost.
    void judge(Time now);

  private:
    struct State {
        int tries = 0;
        Time sent;
        bool is_unsendable = false;
    };
    [[nodiscard]] bool is_on_its_way(std::size_t number, Time now) const {
        return states_[number].tries > 0 && now - states_[number].sent < kPatience;
    }
    // It may have to be sent once more.
    [[nodiscard]] bool is_open(std::size_t number) const;

    std::vector<Ping>& pings_;
    std::vector<State> states_;
};

}  // namespace warren::ctl
