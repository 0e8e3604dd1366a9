// States, events and alarms as sentences for operators. Pure.
#pragma once

#include <string>
#include <vector>

#include "web/model/census.h"
#include "web/model/system_facts.h"

namespace warren::web {

// "20 s", "3 min", "26 h", "4 days".
[[nodiscard]] std::string span_text(Duration span);
[[nodiscard]] std::string sentence_of(const PeerEntry& peer, Instant now);
[[nodiscard]] std::string sentence_of(const CustomerEntry& customer);
[[nodiscard]] std::string sentence_of(const Event& event);

struct Alarm {
    std::string_view kind;
    bool critical = false;
    WallTime since;
    std::string customer;  // "" = the appliance
    std::string sentence;
    std::string what_to_do;
};
inline constexpr std::size_t kMaxAlarms = 100;
// Critical alarms first. `sees_all` false: only alarms of the given customers.
[[nodiscard]] std::vector<Alarm> alarms_of(const Census& census, const std::vector<const CustomerEntry*>& customers,
                                           const SystemFacts& facts, bool sees_all, Now now);

}  // namespace warren::web
