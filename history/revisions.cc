#include "history/revisions.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "config/customer_id.h"
#include "history/lines.h"

namespace warren::history {

namespace {

constexpr std::string_view kForm = "warren-history 1";
constexpr std::string_view kAppliance = "warren.toml";
constexpr std::size_t kHash = 64;
constexpr std::array<std::string_view, 5> kKinds{"start", "reload", "request", "returned", "page"};

std::string text_of(const Content& content) {
    return content.exists() ? fmt::format("{} {}", content.hash, content.size) : "- 0";
}

std::optional<Content> content_of(std::string_view hash, std::string_view size) {
    const auto bytes = number_of<std::uint64_t>(size);
    if (!bytes) return std::nullopt;
    if (hash == "-") return Content{};
    if (hash.size() != kHash || hash.find_first_not_of("0123456789abcdef") != std::string_view::npos)
        return std::nullopt;
    return Content{std::string(hash), *bytes};
}

// A line of the list, added to what the lines before it said. False: it is none.
bool take_file(const std::vector<std::string_view>& words, Revisions& out) {
    if (words.size() != 4) return false;
    auto name = unescaped(words[1]);
    auto content = content_of(words[2], words[3]);
    return name && content && content->exists() && out.newest.emplace(std::move(*name), std::move(*content)).second;
}

bool take_revision(const std::vector<std::string_view>& words, Revisions& out) {
    if (words.size() != 7) return false;
    const auto number = number_of<std::uint64_t>(words[1]);
    const auto time = number_of<std::int64_t>(words[2]);
    const auto kind = std::find(kKinds.begin(), kKinds.end(), words[3]);
    const auto user = number_of<std::uint32_t>(words[4]);
    auto claimed = unescaped(words[5]);
    auto comment = unescaped(words[6]);
    if (!number || *number == 0 || !time || kind == kKinds.end() || !user || !claimed || !comment) return false;
    if (!out.all.empty() && *number != out.all.back().number + 1) return false;
    out.all.push_back(
        {*number,
         {*time},
         {static_cast<Origin::Kind>(kind - kKinds.begin()), *user, std::move(*claimed), std::move(*comment)},
         {},
         {}});
    return true;
}

bool take_change(const std::vector<std::string_view>& words, Revisions& out) {
    if (words.size() != 6 || out.all.empty()) return false;
    auto name = unescaped(words[1]);
    auto before = content_of(words[2], words[3]);
    auto after = content_of(words[4], words[5]);
    if (!name || !before || !after) return false;
    out.all.back().changes.push_back({std::move(*name), std::move(*before), std::move(*after)});
    return true;
}

bool take_detail(const std::vector<std::string_view>& words, Revisions& out) {
    if (words.size() != 3 || out.all.empty()) return false;
    auto customer = unescaped(words[1]);
    auto text = unescaped(words[2]);
    if (!customer || !text) return false;
    out.all.back().details.push_back({std::move(*customer), std::move(*text)});
    return true;
}

bool take(std::string_view line, Revisions& out) {
    const auto words = words_of(line);
    if (words[0] == "file") return take_file(words, out);
    if (words[0] == "revision") return take_revision(words, out);
    if (words[0] == "change") return take_change(words, out);
    return words[0] == "detail" && take_detail(words, out);
}

std::uint64_t in_blocks(std::uint64_t size) {
    constexpr std::uint64_t kBlock = 4096;
    return (size + kBlock - 1) / kBlock * kBlock;
}

std::uint64_t bytes_of(const Revisions& revisions) {
    std::uint64_t out = in_blocks(encode(revisions).size());
    for (const auto& [hash, size] : texts_of(revisions)) out += in_blocks(size);
    return out;
}

}  // namespace

std::string_view name_of(Origin::Kind kind) {
    return kKinds.at(static_cast<std::size_t>(kind));
}

bool has_text(std::string_view name) {
    return name == kAppliance || !customer_of(name).empty();
}

std::string customer_of(std::string_view name) {
    return config::customer_of_file(name);
}

const Revision* Revisions::find(std::uint64_t number) const {
    const auto found =
        std::find_if(all.begin(), all.end(), [number](const Revision& revision) { return revision.number == number; });
    return found == all.end() ? nullptr : &*found;
}

std::vector<FileChange> changes_between(const Manifest& before, const Manifest& after) {
    std::vector<FileChange> out;
    auto old = before.begin();
    auto now = after.begin();
    while (old != before.end() || now != after.end()) {
        if (now == after.end() || (old != before.end() && old->first < now->first)) {
            out.push_back({old->first, old->second, {}});
            ++old;
        } else if (old == before.end() || now->first < old->first) {
            out.push_back({now->first, {}, now->second});
            ++now;
        } else {
            if (old->second != now->second) out.push_back({now->first, old->second, now->second});
            ++old;
            ++now;
        }
    }
    return out;
}

bool append(Revisions& revisions, const Manifest& now, WallTime time, const Origin& origin, std::vector<Detail> details,
            const Limits& limits, std::uint64_t pinned) {
    std::vector<FileChange> changes = changes_between(revisions.newest, now);
    if (changes.empty()) return false;
    revisions.all.push_back({revisions.last() + 1, time, origin, std::move(changes), std::move(details)});
    revisions.newest = now;
    if (revisions.find(pinned) == nullptr) pinned = revisions.last();
    while (revisions.all.front().number < pinned &&
           (revisions.all.size() > limits.revisions || bytes_of(revisions) > limits.bytes)) {
        const std::size_t wanted =
            revisions.all.size() > limits.revisions ? revisions.all.size() - limits.revisions : 1;
        const auto surplus = std::min<std::uint64_t>(wanted, pinned - revisions.all.front().number);
        revisions.all.erase(revisions.all.begin(), revisions.all.begin() + static_cast<std::ptrdiff_t>(surplus));
    }
    return true;
}

std::map<std::string, std::uint64_t> texts_of(const Revisions& revisions) {
    std::map<std::string, std::uint64_t> out;
    for (const auto& [name, content] : revisions.newest) {
        if (has_text(name)) out.emplace(content.hash, content.size);
    }
    // What was before the oldest one is gone.
    for (std::size_t i = 1; i < revisions.all.size(); ++i) {
        for (const FileChange& change : revisions.all[i].changes) {
            if (has_text(change.name) && change.before.exists()) out.emplace(change.before.hash, change.before.size);
        }
    }
    return out;
}

std::optional<Manifest> manifest_at(const Revisions& revisions, std::uint64_t number) {
    if (revisions.find(number) == nullptr) return std::nullopt;
    Manifest out = revisions.newest;
    for (auto it = revisions.all.rbegin(); it != revisions.all.rend() && it->number > number; ++it) {
        for (const FileChange& change : it->changes) {
            if (change.before.exists()) {
                out[change.name] = change.before;
            } else {
                out.erase(change.name);
            }
        }
    }
    return out;
}

std::set<std::string> customers_of(const Revision& revision) {
    std::set<std::string> out;
    for (const FileChange& change : revision.changes) {
        if (std::string id = customer_of(change.name); !id.empty()) out.insert(std::move(id));
    }
    // Of a changed secret only the field that names it says whose it is.
    for (const Detail& detail : revision.details) {
        if (!detail.customer.empty()) out.insert(detail.customer);
    }
    return out;
}

std::string encode(const Revisions& revisions) {
    std::string out = fmt::format("{}\n", kForm);
    for (const auto& [name, content] : revisions.newest)
        out += fmt::format("file {} {}\n", escaped(name), text_of(content));
    for (const Revision& revision : revisions.all) {
        out += fmt::format("revision {} {} {} {} {} {}\n", revision.number, revision.time.nanoseconds,
                           name_of(revision.origin.kind), revision.origin.user, escaped(revision.origin.claimed_user),
                           escaped(revision.origin.comment));
        for (const FileChange& change : revision.changes)
            out +=
                fmt::format("change {} {} {}\n", escaped(change.name), text_of(change.before), text_of(change.after));
        for (const Detail& detail : revision.details)
            out += fmt::format("detail {} {}\n", escaped(detail.customer), escaped(detail.text));
    }
    return with_checksum(std::move(out));
}

std::uint64_t last_in_damaged(std::string_view text) {
    constexpr std::string_view kLine = "\nrevision ";
    constexpr std::uint64_t kMost = 1'000'000'000'000;  // more is damage
    std::uint64_t out = kNoRevision;
    for (auto at = text.find(kLine); at != std::string_view::npos; at = text.find(kLine, at + 1)) {
        const std::string_view rest = text.substr(at + kLine.size());
        const auto number = number_of<std::uint64_t>(rest.substr(0, rest.find(' ')));
        if (number && *number <= kMost) out = std::max(out, *number);
    }
    return out;
}

Result<Revisions> decode(std::string_view text) {
    const auto all = checked(text);
    if (!all) return fail(ErrorCode::kInvalid, "it is damaged");
    std::string_view left = *all;
    Revisions out;
    bool is_first = true;
    while (!left.empty()) {
        const auto end = left.find('\n');
        if (end == std::string_view::npos) return fail(ErrorCode::kInvalid, "it is damaged");
        const std::string_view line = left.substr(0, end);
        left.remove_prefix(end + 1);
        if (is_first && line != kForm) return fail(ErrorCode::kInvalid, "it has another form");
        if (!is_first && !take(line, out)) return fail(ErrorCode::kInvalid, "it is damaged");
        is_first = false;
    }
    if (is_first) return fail(ErrorCode::kInvalid, "it has another form");
    return out;
}

}  // namespace warren::history
