// Facts about statusd itself, collected by the rim and shown on the System page. Plain values.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/renames.h"
#include "base/time.h"
#include "health/health.h"
#include "ipc/web_changes.h"
#include "ipc/web_stacks.h"

namespace warren::web {

// stackd repeats its problems every 5 s (stacks/children/web_keeper), so it hangs when it has said nothing for so long.
inline constexpr Duration kStackdSilence = std::chrono::seconds(15);

struct CertificateFacts {
    std::string fingerprint_sha256;
    std::string subject;
    WallTime not_before;
    WallTime not_after;
    bool self_signed = false;
    std::vector<std::string> names;  // its DNS names, in lower case
};

struct SystemFacts {
    std::string appliance;  // as the certificate's message has it
    std::string listen;
    std::string slot;  // "" = none
    std::optional<CertificateFacts> certificate;
    std::string users_problem;  // "" = the file is in force
    WallTime users_problem_since;
    std::size_t users = 0;
    std::size_t tokens = 0;
    Instant started;
    std::uint64_t memory_bytes = 0;
    double cpu_seconds = 0;
    std::size_t viewers = 0;
    std::size_t sessions = 0;
    std::size_t connections = 0;
    WallTime under_load_since;
    std::optional<Now> stackd_heard;                           // its last message; nothing: not watched
    std::vector<health::Situation::Problem> problems;          // of stackd
    std::map<std::string, ipc::WebStack, std::less<>> stacks;  // by Census::id_at_stackd(); none: not known
    ipc::WebChanging changing;                                 // what users may change, and what waits
    bool has_past = false;                                     // there is a database of the past
    std::string past_problem;                                  // why nothing is written to it; "": it is
    WallTime past_problem_since;
    std::set<std::string> incomplete;  // those of `stacks` that are not complete
};

// From now on stackd has these ids for its customers.
inline void rename_stacks(SystemFacts& facts, const std::vector<Rename>& renames) {
    rename_keys(facts.stacks, renames);
    rename_keys(facts.incomplete, renames);
    for (auto& [id, stack] : facts.stacks) stack.customer = id;
}

}  // namespace warren::web
