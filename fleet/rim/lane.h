// What fleetd asks of stackd and of BIRD, on two threads: either may be slow, and what goes on must not wait for what
// begins or ends.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/ip.h"
#include "base/time.h"
#include "fleet/ownership/ownership.h"
#include "ipc/control_messages.h"

namespace warren::fleet {

// The file that BIRD includes: a filter for each family, which lets in an address with an epoch and gives it a MED that
// is lower the later the epoch, and no other address.
[[nodiscard]] std::string bird_filters(const std::map<IpAddress, std::uint64_t>& epochs);

// The addresses that stackd serves, and their epochs: of the texts of its answer to kGroupStatus.
[[nodiscard]] std::map<IpAddress, std::uint64_t> served_epochs(const std::vector<ipc::ControlText>& texts);

class Lane {
  public:
    struct Options {
        std::string fleet_socket;  // stackd's
        std::string directory;     // ours
        std::string bird_socket;   // "": there is no BIRD
        // Called on a thread of the lane, with the number of the Stop.
        std::function<void(GroupNumber, std::uint64_t number)> stopped;
        // Likewise, after each Serve: whether stackd did it.
        std::function<void(GroupNumber, bool is_done)> served;
    };
    struct Wish {
        GroupNumber group = 0;
        bool serves = false;
        std::uint64_t number = 0;  // of a Stop
        std::uint64_t epoch = 0;
        Instant until;
        std::vector<IpAddress> addresses;
        // The lines for stackd, of a group that begins. Nothing: it goes on.
        std::optional<std::string> seen = {};
    };
    explicit Lane(Options options);
    ~Lane();
    Lane(const Lane&) = delete;
    Lane& operator=(const Lane&) = delete;

    // Any thread. A later wish to serve a group takes the place of one that waits, and one to stop it drops that. For
    // one group they are carried out in their order. A group that is served already goes on ahead of all others that
    // begin or end.
    void push(Wish wish);

  private:
    static constexpr std::chrono::milliseconds kBirdPause{500};
    static constexpr std::chrono::milliseconds kMostBirdPause{16'000};
    // What stackd serves, as far as we asked for it.
    struct Open {
        std::uint64_t epoch = 0;
        std::vector<IpAddress> addresses;
        bool operator==(const Open&) const = default;
    };
    // One of the two threads' work.
    struct Side {
        std::deque<Wish> waiting;
        std::optional<GroupNumber> busy_with;
    };

    void run(Side& side);
    [[nodiscard]] std::optional<Wish> next(Side& side);
    void prepare_bird() const;
    void carry_out(const Wish& wish, bool may_begin);
    // False: it is not known what else is announced, so nothing was changed.
    [[nodiscard]] bool announce(const Wish& wish);
    void learn_epochs();
    void tell_bird();
    void complain(GroupNumber group, const std::string& complaint);

    Options options_;
    std::mutex mutex_;  // guards all up to the condition
    Side changing_;     // begins and ends groups
    Side renewing_;
    std::map<GroupNumber, Open> open_;
    std::map<GroupNumber, std::string> complaints_;
    bool is_over_ = false;
    std::condition_variable change_;
    std::map<IpAddress, std::uint64_t> epochs_;  // the changing thread's, as all up to the problem
    bool knows_epochs_ = false;                  // of what an earlier fleetd announced
    bool is_bird_behind_ = false;                // likewise: it did not take the last order
    std::string bird_problem_;
    std::chrono::milliseconds bird_pause_ = kBirdPause;  // to the next try
    std::thread changer_;
    std::thread renewer_;
};

}  // namespace warren::fleet
