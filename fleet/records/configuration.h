// The configuration that the nodes of a fleet share, as etcd has it: each file under its key, the number of the
// revision in force, and what each revision changed. What comes from etcd is bounded. PURE.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "fleet/ownership/ownership.h"

namespace warren::fleet {

// A transaction of etcd has at most 128 operations and 1.5 MB, and each file is in it twice.
inline constexpr std::size_t kMostFilesAtOnce = 60;
inline constexpr std::size_t kMostBytesAtOnce = 700'000;
inline constexpr std::size_t kMostFiles = 100'000;
inline constexpr std::uint64_t kRevisionsKept = 200;

// "appliance", "users", or a name below "customers/", "secrets/" or "certs/": of letters, digits, ".", "_", "-" and
// "/", no part of which begins with a ".", is longer than a file's name, or ends as one that is being written.
[[nodiscard]] bool is_file_key(std::string_view key);

struct StoredFile {
    std::string key;
    Revision changed = 0;
    std::string text;
};
// As one moment had it.
struct Configuration {
    Revision revision = 0;     // etcd's at that moment
    std::uint64_t number = 0;  // of the revision in force; 0: the fleet has none yet
    Revision number_changed = 0;
    std::vector<StoredFile> changed;  // after the revision that was asked for
    std::vector<std::string> keys;    // of all files
    std::vector<std::string> broken;  // keys of what was left out: too large, no text, or no file has this name
};
[[nodiscard]] std::string configuration_request(Revision since);
// kInvalid: of another form, more than kMostFiles, or the number of the revision is broken.
[[nodiscard]] Result<Configuration> parse_configuration(const std::string& body);

// Who made a revision.
struct About {
    std::uint64_t number = 0;
    std::string user;
    std::string node;
    std::int64_t wall_milliseconds = 0;
    std::string comment;
};
struct ProposedFile {
    std::string key;
    Revision changed = 0;             // as the proposer knows it; 0: there is none
    std::optional<std::string> text;  // nothing: it is removed
};
// One transaction: the files, the history's copies of them and the next number; or nothing, where the number or a file
// has changed.
[[nodiscard]] std::string proposal_request(const About& about, Revision number_changed,
                                           const std::vector<ProposedFile>& files);
// Why a proposal cannot be made; "": it can.
[[nodiscard]] std::string proposal_problem(const std::vector<ProposedFile>& files);

// Of the revision that changed etcd at `changed`. Nothing: it is not kept any more.
[[nodiscard]] std::string about_request(Revision changed);
[[nodiscard]] Result<std::optional<About>> parse_about(const std::string& body);

}  // namespace warren::fleet
