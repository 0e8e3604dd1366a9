// The list of revisions: every configuration that came into force, as what it changed. Pure: functions of bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace warren::history {

// What one file held.
struct Content {
    std::string hash;        // SHA-256 in hexadecimal; of a secret its HMAC with the store's key. "": there was no file
    std::uint64_t size = 0;  // bytes; 0 of a secret
    [[nodiscard]] bool exists() const { return !hash.empty(); }
    bool operator==(const Content&) const = default;
};

// All files of a configuration by name: "warren.toml", "customers/ID.toml", and those that are known by their hash
// alone: "secrets/NAME", "certs/NAME".
using Manifest = std::map<std::string, Content, std::less<>>;

// Whether the store has the text of this file, and not only its hash.
[[nodiscard]] bool has_text(std::string_view name);
// The id in "customers/ID.toml"; "": it is another file.
[[nodiscard]] std::string customer_of(std::string_view name);

struct FileChange {
    std::string name;
    Content before;
    Content after;
    bool operator==(const FileChange&) const = default;
};

// Who brought a configuration into force, and what it was for.
struct Origin {
    enum class Kind : std::uint8_t {
        kStart,     // stackd found it when it started
        kReload,    // a signal
        kRequest,   // vpnctl
        kReturned,  // the revision before was not confirmed
        kPage,      // a user of the status page
    };
    Kind kind = Kind::kStart;
    std::uint32_t user = 0;    // kRequest: the uid at the other end of the socket, as the kernel says
    std::string claimed_user;  // kRequest: who ran sudo, as vpnctl says; "": nobody did. kPage: the user's name there
    std::string comment;
    bool operator==(const Origin&) const = default;
};
[[nodiscard]] std::string_view name_of(Origin::Kind kind);

// One field that changed.
struct Detail {
    std::string customer;  // "": the appliance
    std::string text;      // "stack.mtu: 1420 -> 1380"
    bool operator==(const Detail&) const = default;
};

struct Revision {
    std::uint64_t number = 0;  // from 1
    WallTime time{};
    Origin origin;
    std::vector<FileChange> changes;  // since the revision before, by name
    std::vector<Detail> details;      // the first few
    bool operator==(const Revision&) const = default;
};

struct Revisions {
    Manifest newest;            // of the last one
    std::vector<Revision> all;  // oldest first, numbers go up by one
    std::uint64_t used = 0;     // while there is none: the last number of a list before this one
    bool operator==(const Revisions&) const = default;

    [[nodiscard]] std::uint64_t last() const { return all.empty() ? used : all.back().number; }
    [[nodiscard]] const Revision* find(std::uint64_t number) const;
};

// The oldest leave when there are more, or when texts and list have more bytes on the disk, where each text takes whole
// blocks of 4096. The newest one always stays.
struct Limits {
    std::size_t revisions = 200;
    std::uint64_t bytes = std::uint64_t{64} << 20U;
};

inline constexpr std::uint64_t kNoRevision = 0;

[[nodiscard]] std::vector<FileChange> changes_between(const Manifest& before, const Manifest& after);
// Appends a revision unless nothing changed, and lets the oldest leave, but neither `pinned` nor one after it. True: it
// was appended.
bool append(Revisions& revisions, const Manifest& now, WallTime time, const Origin& origin, std::vector<Detail> details,
            const Limits& limits = {}, std::uint64_t pinned = kNoRevision);
// Hashes of the texts that the list needs, with their sizes.
[[nodiscard]] std::map<std::string, std::uint64_t> texts_of(const Revisions& revisions);
// Nothing: there is no such revision (any more).
[[nodiscard]] std::optional<Manifest> manifest_at(const Revisions& revisions, std::uint64_t number);
// Customers whose file or whose secrets one revision changed; ids, sorted.
[[nodiscard]] std::set<std::string> customers_of(const Revision& revision);

// The last line has a checksum.
[[nodiscard]] std::string encode(const Revisions& revisions);
// kInvalid: damaged, or of another form.
[[nodiscard]] Result<Revisions> decode(std::string_view text);
// The highest number that a damaged list still shows, so that no number is given twice; kNoRevision: it shows none.
[[nodiscard]] std::uint64_t last_in_damaged(std::string_view text);

}  // namespace warren::history
