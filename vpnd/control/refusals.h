// Who was refused, for people who look for the cause of a count of drops.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/drop_reason.h"
#include "base/ip.h"
#include "base/time.h"

namespace warren::control {

// A sender that was refused for one reason.
struct Refusal {
    DropReason reason{};
    Endpoint from;  // of the latest message
    std::string
        who;  // how it names itself, as far as that was read: of a WireGuard key the first letters; "": not read
    std::uint64_t messages = 0;
    WallTime first;  // as the clock was then; it may have been set since
    WallTime last;
    Instant heard;  // the latest message
};

// Some of each reason, those heard last: who floods for one reason pushes out nobody of another. No I/O. One thread.
class Refusals {
  public:
    static constexpr std::size_t kOfReason = 8;

    void note(Now now, DropReason reason, const Endpoint& from, std::string_view who = {});
    // In no order. At most kOfReason of each reason.
    [[nodiscard]] std::vector<Refusal> all() const;

  private:
    std::array<std::vector<Refusal>, kDropReasonCount> by_reason_;
};

}  // namespace warren::control
