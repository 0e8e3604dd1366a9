// Alerts that wait for their receivers: bounded, in order, tried again with back-off. Time in, batches out. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "alerts/model/alert.h"
#include "base/time.h"

namespace warren::alerts {

enum class Receiver : std::uint8_t { kWebhook, kSyslog, kMail };
inline constexpr std::array<Receiver, 3> kReceivers{Receiver::kWebhook, Receiver::kSyslog, Receiver::kMail};
[[nodiscard]] std::string_view name_of(Receiver receiver);

// Whether a batch came to its receiver. kRefused: the receiver will not take it, however often it is sent.
enum class Delivery : std::uint8_t { kDone, kFailed, kRefused };

class Outbox {
  public:
    static constexpr std::size_t kMostWaiting = 500;  // alerts; see add()
    static constexpr std::size_t kMostInBatch = 50;   // a mail has all that wait: the next one is 30 s away
    static constexpr Duration kMostAge = std::chrono::hours(72);
    static constexpr Duration kFirstPause = std::chrono::seconds(5);
    static constexpr Duration kMostPause = std::chrono::minutes(5);
    static constexpr unsigned kMostRefusals = 5;  // of one alert, alone
    // After a mail: what happens meanwhile goes together, so that one tunnel that flaps makes no flood of mails.
    static constexpr Duration kBetweenMails = std::chrono::seconds(30);

    struct Waiting {
        Alert alert;
        std::array<bool, kReceivers.size()> owed{};
        bool operator==(const Waiting&) const = default;
    };
    struct Batch {
        Receiver to = Receiver::kWebhook;
        std::vector<Alert> alerts;  // oldest first
        std::uint64_t dropped = 0;  // earlier ones that this receiver never got, since the last batch that it got
    };
    // What outlives the process. One in flight at its end is sent again.
    struct Kept {
        std::deque<Waiting> waiting;
        std::array<std::uint64_t, kReceivers.size()> dropped{};
        bool operator==(const Kept&) const = default;
    };
    Outbox() = default;
    explicit Outbox(Kept kept) : kept_(std::move(kept)) {}

    // Which receivers there are. What waits for one that is not there any more is forgotten.
    void configure(const std::array<bool, kReceivers.size()>& present);
    // Another address or key: it is tried at once.
    void try_again(Receiver receiver);
    // For every receiver that there is. Of too many the customer with the most loses one: the least severe, of these
    // the oldest. The appliance's own go last, and one in flight after what is not.
    void add(Instant now, const Alert& alert);
    // The next one to send now: none, while one is in flight or its time has not come.
    [[nodiscard]] std::optional<Batch> next(Now now, Receiver to);
    // Of the batch in flight.
    void finish(Instant now, Receiver receiver, Delivery delivery);
    // When next() may have something for a receiver; kNever: nothing waits or all are in flight.
    [[nodiscard]] Instant next_deadline() const;

    [[nodiscard]] const Kept& kept() const { return kept_; }
    [[nodiscard]] std::size_t waiting_for(Receiver receiver) const;
    // Since this process began.
    [[nodiscard]] std::uint64_t delivered(Receiver receiver) const { return lane(receiver).delivered; }
    [[nodiscard]] std::uint64_t dropped(Receiver receiver) const { return lane(receiver).dropped; }

  private:
    struct Lane {
        bool present = false;
        std::vector<std::uint64_t> in_flight;  // ids
        std::uint64_t told_dropped = 0;        // by the batch in flight
        Instant not_before = kLongAgo;
        unsigned failures = 0;            // in a row
        std::size_t most = kMostWaiting;  // in a batch: smaller after a refusal
        std::uint64_t refused = 0;        // the id that was refused alone
        unsigned refusals = 0;            // of it
        std::uint64_t delivered = 0;
        std::uint64_t dropped = 0;
    };
    [[nodiscard]] Lane& lane(Receiver receiver) { return lanes_[static_cast<std::size_t>(receiver)]; }
    [[nodiscard]] const Lane& lane(Receiver receiver) const { return lanes_[static_cast<std::size_t>(receiver)]; }
    void drop(Waiting& waiting, std::size_t receiver);
    void drop_one_of_too_many();
    void refuse(Instant now, Receiver receiver, const std::vector<std::uint64_t>& ids);
    [[nodiscard]] bool is_in_flight(std::uint64_t id) const;
    void drop_old(Now now);
    void forget_settled();

    Kept kept_;
    std::map<std::uint64_t, Instant> added_;  // by this process, of those that wait: the wall clock may jump
    std::array<Lane, kReceivers.size()> lanes_;
};

}  // namespace warren::alerts
