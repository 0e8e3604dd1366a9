#include "fleet/records/configuration.h"

#include <algorithm>
#include <array>
#include <utility>

#include "fleet/records/base64.h"
#include "fleet/records/records.h"
#include "fleet/records/wire.h"

namespace warren::fleet {

namespace {

using wire::json;
using wire::member;

constexpr std::array<std::string_view, 2> kSingle{"appliance", "users"};
constexpr std::array<std::string_view, 3> kKinds{"customers", "secrets", "certs"};
constexpr std::size_t kMostKey = 300;
constexpr std::size_t kMostPart = 246;  // a file's name has 255 bytes, with ".toml" and while it is written ".new"
constexpr std::uint64_t kMostNumber = std::uint64_t{1} << 53U;
constexpr std::size_t kMostBroken = 100;
constexpr std::size_t kMostText = 300;  // of a name or a comment

std::string number_text(std::uint64_t number) {
    const std::string digits = std::to_string(number);
    return std::string(digits.size() < 6 ? 6 - digits.size() : 0, '0') + digits;
}

json single(std::string_view key) {
    return {{"key", to_base64(std::string(kPrefix) + std::string(key))}};
}

// All ranges that hold files.
std::vector<json> ranges() {
    std::vector<json> out;
    for (const std::string_view key : kSingle) out.push_back(single(key));
    for (const std::string_view kind : kKinds) out.push_back(wire::range_of(wire::key_of(kind, "")));
    return out;
}

bool is_name_letter(char letter) {
    return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') || (letter >= '0' && letter <= '9') ||
           letter == '.' || letter == '_' || letter == '-';
}

bool is_file_name(std::string_view name) {
    while (true) {
        const std::size_t slash = name.find('/');
        const std::string_view part = name.substr(0, slash);
        if (part.empty() || part.front() == '.' || part.size() > kMostPart || part.ends_with(".new") ||
            !std::all_of(part.begin(), part.end(), is_name_letter))
            return false;
        if (slash == std::string_view::npos) return true;
        name.remove_prefix(slash + 1);
    }
}

// What JSON carries unaltered.
bool is_text(const std::string& text) {
    try {
        (void)json(text).dump();
    } catch (const json::type_error&) {
        return false;
    }
    return true;
}

std::string bounded(std::optional<std::string> text) {
    return text ? text->substr(0, kMostText) : "";
}

}  // namespace

bool is_file_key(std::string_view key) {
    if (key.size() > kMostKey) return false;
    if (std::find(kSingle.begin(), kSingle.end(), key) != kSingle.end()) return true;
    return std::any_of(kKinds.begin(), kKinds.end(), [key](std::string_view kind) {
        return key.starts_with(kind) && key.size() > kind.size() && key[kind.size()] == '/' &&
               is_file_name(key.substr(kind.size() + 1)) &&
               (kind != kKinds.front() || key.find('/', kind.size() + 1) == std::string_view::npos);
    });
}

std::string configuration_request(Revision since) {
    json all = json::array({{{"request_range", single("revision")}}});
    for (json range : ranges()) {
        range["min_mod_revision"] = std::to_string(since + 1);
        all.push_back({{"request_range", range}});
    }
    for (json range : ranges()) {
        range["keys_only"] = true;
        all.push_back({{"request_range", range}});
    }
    return json{{"success", all}}.dump();
}

Result<Configuration> parse_configuration(const std::string& body) {
    const json answer = wire::parse(body);
    const std::size_t count = kSingle.size() + kKinds.size();
    Configuration out;
    out.revision = wire::revision_of(answer);
    const json* responses = member(answer, "responses");
    if (out.revision == 0 || responses == nullptr || !responses->is_array() || responses->size() != 1 + 2 * count)
        return fail(ErrorCode::kInvalid, "etcd's answer to a read has another form");
    const auto range = [&](std::size_t at) { return wire::all_of(member((*responses)[at], "response_range")); };
    for (const wire::KeyValue& pair : range(0)) {
        const json value = pair.value();
        out.number = wire::number(member(value, "number"));
        out.number_changed = pair.changed;
        if (out.number == 0 || out.number > kMostNumber)
            return fail(ErrorCode::kInvalid, "/warren/revision in etcd is broken: it has no number of a revision");
    }
    for (std::size_t i = 1; i <= count; ++i) {
        for (wire::KeyValue& pair : range(i)) {
            const bool is_sane = is_file_key(pair.key) && pair.text.size() <= kMostBytesAtOnce && is_text(pair.text);
            if (is_sane) {
                out.changed.push_back({std::move(pair.key), pair.changed, std::move(pair.text)});
            } else if (out.broken.size() < kMostBroken) {
                out.broken.push_back(pair.key.substr(0, kMostKey));
            }
        }
        for (wire::KeyValue& pair : range(count + i)) {
            if (is_file_key(pair.key)) out.keys.push_back(std::move(pair.key));
        }
    }
    // What was left out would be taken as removed.
    if (out.keys.size() > kMostFiles)
        return fail(ErrorCode::kInvalid, "etcd has more than " + std::to_string(kMostFiles) + " files of a fleet");
    return out;
}

std::string proposal_problem(const std::vector<ProposedFile>& files) {
    if (files.empty()) return "nothing is proposed";
    if (files.size() > kMostFilesAtOnce) return "too many files at once";
    std::size_t size = 0;
    for (const ProposedFile& file : files) {
        if (!is_file_key(file.key)) return "\"" + file.key + "\" is the name of no file of a fleet";
        size += file.text ? file.text->size() : 0;
        if (size > kMostBytesAtOnce) return file.key + ": too large for etcd, alone or with the files before it";
    }
    return "";
}

std::string proposal_request(const About& about, Revision number_changed, const std::vector<ProposedFile>& files) {
    const std::string revision = std::string(kPrefix) + "revision";
    const std::string history = wire::key_of("history", number_text(about.number));
    json compares = json::array({wire::compare(revision, number_changed)});
    json names = json::array();
    json done = json::array();
    for (const ProposedFile& file : files) {
        const std::string key = std::string(kPrefix) + file.key;
        compares.push_back(wire::compare(key, file.changed));
        names.push_back(file.key);
        if (file.text) {
            done.push_back(wire::put_text(key, *file.text));
            done.push_back(wire::put_text(history + "/files/" + file.key, *file.text));
        } else {
            done.push_back({{"request_delete_range", {{"key", to_base64(key)}}}});
        }
    }
    const json value{{"number", about.number},          {"user", bounded(about.user)},       {"node", about.node},
                     {"wall", about.wall_milliseconds}, {"comment", bounded(about.comment)}, {"files", names}};
    done.push_back(wire::put(history + "/about", value));
    done.push_back(wire::put(revision, {{"number", about.number}}));
    if (about.number > kRevisionsKept) {
        done.push_back(
            {{"request_delete_range",
              {{"key", to_base64(wire::key_of("history", ""))},
               {"range_end", to_base64(wire::key_of("history", number_text(about.number - kRevisionsKept)))}}}});
    }
    return json{{"compare", compares}, {"success", done}}.dump();
}

std::string about_request(Revision changed) {
    json range = wire::range_of(wire::key_of("history", ""));
    range["min_mod_revision"] = range["max_mod_revision"] = std::to_string(changed);
    return range.dump();
}

Result<std::optional<About>> parse_about(const std::string& body) {
    const json answer = wire::parse(body);
    if (wire::revision_of(answer) == 0) return fail(ErrorCode::kInvalid, "etcd's answer to a read has another form");
    for (const wire::KeyValue& pair : wire::all_of(&answer)) {
        if (!pair.key.ends_with("/about")) continue;
        const json value = pair.value();
        About out;
        out.number = wire::number(member(value, "number"));
        out.user = bounded(wire::text(member(value, "user")));
        out.node = bounded(wire::text(member(value, "node")));
        out.wall_milliseconds = static_cast<std::int64_t>(wire::number(member(value, "wall")) & INT64_MAX);
        out.comment = bounded(wire::text(member(value, "comment")));
        return std::optional(out);
    }
    return std::optional<About>();
}

}  // namespace warren::fleet
