// What needs a person now: a function of what vpnd serves, what stackd says, and the time. Pure.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "alerts/model/alert.h"
#include "alerts/model/roll.h"
#include "base/time.h"
#include "ipc/control_messages.h"

namespace warren::alerts {

// As configured; zero: nobody is told of these.
struct Thresholds {
    Duration peer_down{};
    Duration customer_down{};
};

inline constexpr Duration kExpiryWarning = std::chrono::hours(24 * 14);       // of a peer
inline constexpr Duration kCertificateWarning = std::chrono::hours(24 * 30);  // as the status page

// As stackd says.
struct Facts {
    struct Daemon {
        std::string name;
        std::string reason;  // why it does not run
    };
    struct Certificate {
        std::string customer;  // "": the appliance's
        std::string name;
        WallTime not_after{};
    };
    std::vector<ipc::ControlText> problems;
    std::vector<Daemon> daemons;
    std::uint64_t pending = 0;  // the revision that comes back unless somebody confirms; 0: nothing waits
    WallTime deadline{};
    std::string failed_update;
    std::uint32_t left_out = 0;  // problems that are not in the list
    std::vector<Certificate> certificates;
};

struct Situation {
    Now now{};
    Thresholds thresholds;
    const Roll* roll = nullptr;    // nothing: vpnd says nothing, and what was so stays so
    const Facts* facts = nullptr;  // the same of stackd
    bool vpnd_answers = true;
    bool stackd_answers = true;
    // Whether somebody was told of it: then it is looked at beyond all bounds, so that it is over only when it is.
    std::function<bool(const Subject&)> is_told{};
};

struct Condition {
    Severity severity = Severity::kWarning;
    std::string text;
    std::optional<Instant> since{};  // nothing: since it was seen first
    Duration patience{};             // it must hold for so long before anybody is told
    Instant not_before = kLongAgo;   // nor is anybody told earlier
    bool is_occasion = false;        // another text is another one, which is told, too
};
// Who knows whether it holds.
enum class Witness : std::uint8_t { kUs, kVpnd, kStackd, kProblems, kCertificates };

using Conditions = std::map<Subject, Condition>;

// More new ones are not looked at. Of a customer at most its part, and then one that says so.
inline constexpr std::size_t kMostConditions = 5000;
inline constexpr std::size_t kMostOfCustomer = 100;
// What may be open: those of vpnd leave room for the rest.
inline constexpr std::size_t kRoomForOthers = 1000;

[[nodiscard]] Conditions conditions_of(const Situation& situation);
[[nodiscard]] Witness witness_of(const std::string& kind);
// Whether anybody wants to know that it is over: not of a date that came, nor of what waited for somebody.
[[nodiscard]] bool tells_of_end(const std::string& kind);
// Of a subject that does not hold any more: "Peer graz of customer acme is up again". `roll`: settled; may be nothing.
[[nodiscard]] std::string end_text(const Subject& subject, const Roll* roll, Instant now);

}  // namespace warren::alerts
