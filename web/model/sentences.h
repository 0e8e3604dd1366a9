// States, events and alarms as sentences for operators. Pure.
#pragma once

#include <string>
#include <vector>

#include "health/health.h"
#include "ipc/control_messages.h"
#include "web/model/census.h"
#include "web/model/system_facts.h"

namespace warren::web {

// "20 s", "3 min", "26 h", "4 days".
[[nodiscard]] std::string span_text(Duration span);
[[nodiscard]] std::string sentence_of(const PeerEntry& peer, Instant now);
[[nodiscard]] std::string sentence_of(const CustomerEntry& customer);
[[nodiscard]] std::string sentence_of(const ConnectionEntry& connection);
[[nodiscard]] std::string sentence_of(const Event& event);

// What needs a person; critical findings first. `customers`: those that the viewer may see. `sees_all` false: only what
// these customers may know.
inline constexpr std::size_t kMaxFindings = 100;
[[nodiscard]] std::vector<health::Finding> findings_of(const Census& census,
                                                       const std::vector<const CustomerEntry*>& customers,
                                                       const SystemFacts& facts, bool sees_all, Now now);

// The problems that stackd reports now. One that was there before keeps its time.
[[nodiscard]] std::vector<health::Situation::Problem> merge_problems(
    const std::vector<health::Situation::Problem>& before, std::vector<ipc::ControlText> problems, WallTime now);

}  // namespace warren::web
