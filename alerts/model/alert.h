// What a receiver is told: that something began, is over, or happened. Pure values.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "base/time.h"

namespace warren::alerts {

// What a condition is about. Names are hostile text: the formats (alerts/model/formats.h) make them harmless.
struct Subject {
    std::string kind;      // "peer_down"
    std::string customer;  // "": the appliance
    std::string name;      // of a peer or another thing of the customer's; "": the customer or the appliance itself

    auto operator<=>(const Subject&) const = default;
};

enum class AlertState : std::uint8_t { kProblem, kResolved, kEvent };
[[nodiscard]] std::string_view name_of(AlertState state);

enum class Severity : std::uint8_t { kInfo, kWarning, kCritical };
[[nodiscard]] std::string_view name_of(Severity severity);

struct Alert {
    static constexpr std::size_t kMostText = 500;  // bytes

    std::uint64_t id = 0;  // larger than that of every earlier one, also of an earlier process
    AlertState state = AlertState::kProblem;
    Severity severity = Severity::kWarning;
    Subject subject;
    std::string text;  // a sentence or two
    WallTime since{};  // when it began
    WallTime at{};     // of this alert

    bool operator==(const Alert&) const = default;
};

// "12 min", "3 h 5 min", "2 days"
[[nodiscard]] std::string length_text(Duration length);

}  // namespace warren::alerts
