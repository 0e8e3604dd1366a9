// Who was refused, for people who look for the cause of a count of drops.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/drop_reason.h"
#include "base/ids.h"
#include "base/ip.h"
#include "base/time.h"

namespace warren::control {

// A sender that was refused for one reason.
struct Refusal {
    DropReason reason{};
    Endpoint from;  // of the latest message
    // How it names itself, as far as that was read: of a WireGuard key the first letters; "": not read.
    std::string who;
    std::uint64_t messages = 0;
    WallTime first;  // as the clock was then; it may have been set since
    WallTime last;
    Instant heard;   // the latest message
    PeerIndex peer;  // that it claims to be; invalid: none that there is
};

// Some of each reason, those heard last, and of each reason those that claim to be a peer for themselves: who floods
// for one reason pushes out nobody of another, and who names nobody pushes out no claim. No I/O. One thread.
class Refusals {
  public:
    static constexpr std::size_t kOfReason = 8;
    // What a log is told, in all: of each reason so many senders in a period, as many claims, and a sender again after
    // a time.
    static constexpr std::size_t kToldOfReason = 8;
    static constexpr Duration kToldPeriod = std::chrono::minutes(10);
    static constexpr Duration kToldAgain = std::chrono::hours(1);

    void note(Now now, DropReason reason, const Endpoint& from, std::string_view who = {}, PeerIndex peer = {});
    // There is no such peer any more: its index may come to mean another one.
    void forget(PeerIndex peer);
    // In no order. At most kOfReason of each reason, and as many claims to be a peer.
    [[nodiscard]] std::vector<Refusal> all() const;

    struct Told {
        Refusal refusal;
        std::uint64_t suppressed = 0;  // of this reason, claims or others as this is, left out since the last one
    };
    // Whether tell() may have something to tell.
    [[nodiscard]] bool has_news() const { return has_news_; }
    // Those that a log should name now, at most so many; the rest with the next call.
    [[nodiscard]] std::vector<Told> tell(Instant now, std::size_t most);

  private:
    struct Known {
        Refusal refusal;
        bool is_news = false;     // heard since tell() looked at it
        bool is_counted = false;  // in `suppressed`
        Instant told = kLongAgo;
    };
    struct OfReason {
        DropReason reason{};
        bool are_claims = false;  // to be a peer
        std::vector<Known> known;
        Instant since = kLongAgo;  // of the period in which `told` were told
        std::size_t told = 0;
        std::uint64_t suppressed = 0;
    };
    [[nodiscard]] OfReason& of(DropReason reason, bool are_claims);

    std::vector<OfReason> by_reason_;  // those that occurred
    bool has_news_ = false;
};

}  // namespace warren::control
