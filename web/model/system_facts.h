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
#include "ipc/alert_targets.h"
#include "ipc/web_changes.h"
#include "ipc/web_revisions.h"
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
    std::set<std::string> incomplete;         // those of `stacks` that are not complete
    std::vector<ipc::WebRevision> revisions;  // the newest first; owners by Census::id_at_stackd()
    std::string revisions_problem;            // why they lack the latest; "": they have it, or nothing is kept
    ipc::WebAlerts alerts;                    // whom alertd tells
    std::uint64_t renames_heard = 0;          // so often other ids were told
};

// Whose the revisions are is not known any more of these ids at stackd. The next file says it.
inline void forget_owners(SystemFacts& facts, const std::set<std::string>& ids) {
    for (ipc::WebRevision& revision : facts.revisions)
        std::erase_if(revision.owners, [&ids](const std::string& id) { return ids.contains(id); });
}

// The same of all ids.
inline void forget_owners(SystemFacts& facts) {
    for (ipc::WebRevision& revision : facts.revisions) revision.owners.clear();
}

// From now on stackd has these ids for its customers.
inline void rename_stacks(SystemFacts& facts, const std::vector<Rename>& renames) {
    rename_keys(facts.stacks, renames);
    rename_keys(facts.incomplete, renames);
    for (auto& [id, stack] : facts.stacks) stack.customer = id;
    std::set<std::string> ids;
    for (const Rename& rename : renames) ids.insert({rename.from, rename.to});
    forget_owners(facts, ids);
    ++facts.renames_heard;
}

}  // namespace warren::web
