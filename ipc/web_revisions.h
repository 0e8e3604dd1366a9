// stackd -> statusd, in a file: the configurations that came into force, and what each of them changed. Texts of the
// configuration, whose secrets are in files of their own; whatever looks like a key is masked all the same.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/time.h"
#include "ipc/fields.h"

namespace warren::ipc {

enum class WebFileFate : std::uint8_t { kAdded, kChanged, kRemoved };
template <>
struct LastOf<WebFileFate> {
    static constexpr auto value = WebFileFate::kRemoved;
};

// A file that a revision changed.
struct WebFileChange {
    static constexpr std::size_t kMaxLines = 200;
    static constexpr std::size_t kMaxLine = 300;  // bytes; of a longer one the begin

    std::string name;  // "warren.toml", "customers/acme.toml", "secrets/acme/key"
    WebFileFate fate = WebFileFate::kChanged;
    std::vector<std::string> lines;  // as history::LineDiff has them, at most kMaxLines; none of a secret
    std::uint32_t more_lines = 0;    // not in `lines`

    bool operator==(const WebFileChange&) const = default;
};
void fields(auto& codec, Is<WebFileChange> auto& m) {
    codec(m.name, m.fate, m.lines, m.more_lines);
}

struct WebRevision {
    static constexpr std::size_t kMaxFiles = 50;
    static constexpr std::size_t kMaxText = 400;    // bytes, of each text
    static constexpr std::size_t kMaxOwners = 200;  // of kMaxFiles and all details

    std::uint64_t number = 0;
    WallTime time{};
    std::string origin;                // "request", "reload", "start", "returned", "page"
    std::optional<std::uint32_t> uid;  // of who asked vpnctl, as the kernel says
    std::string claimed_user;          // as it says itself; of "page" the user there; "": nobody
    std::string comment;
    std::vector<std::pair<std::string, std::string>> details;  // customer ("": the appliance), text
    std::vector<WebFileChange> files;                          // at most kMaxFiles
    std::uint32_t more_files = 0;                              // not in `files`
    // Customers that it changed, under the ids that they have had without a break since. Under another id, or before
    // another customer got this one, it is nobody's but the operator's.
    std::vector<std::string> owners;

    bool operator==(const WebRevision&) const = default;
};
void fields(auto& codec, Is<WebRevision> auto& m) {
    codec(m.number, m.time, m.origin, m.uid, m.claimed_user, m.comment, m.details, m.files, m.more_files, m.owners);
}

inline constexpr std::size_t kMaxRevisionsFile = 4 << 20;  // bytes
inline constexpr std::size_t kMaxRevision = 100'000;       // bytes, of one

// The file's content: each after its size (u32, little-endian), the newest first. One that is too large loses the ends
// of its lists. What is beyond `most` bytes is left out.
[[nodiscard]] std::vector<std::uint8_t> encode_revisions(const std::vector<WebRevision>& revisions,
                                                         std::size_t most = kMaxRevisionsFile);
// kInvalid when any of it is malformed.
[[nodiscard]] Result<std::vector<WebRevision>> decode_revisions(Bytes file);

}  // namespace warren::ipc
