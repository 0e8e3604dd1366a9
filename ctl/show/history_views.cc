#include "ctl/show/history_views.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <vector>

#include "base/utc_text.h"
#include "ctl/show/json.h"
#include "ctl/show/table.h"

namespace warren::ctl {

namespace {

constexpr std::size_t kMostNames = 3;

std::vector<const history::Revision*> chosen(const history::Revisions& revisions, const std::string& customer) {
    std::vector<const history::Revision*> out;
    for (const history::Revision& revision : revisions.all) {
        if (customer.empty() || history::customers_of(revision).contains(customer)) out.push_back(&revision);
    }
    std::reverse(out.begin(), out.end());
    return out;
}

std::string who_of(const history::Origin& origin) {
    if (origin.kind == history::Origin::Kind::kPage) return fmt::format("{} (page)", origin.claimed_user);
    if (origin.kind != history::Origin::Kind::kRequest) return std::string(history::name_of(origin.kind));
    const std::string user = origin.user == 0 ? "root" : fmt::format("uid {}", origin.user);
    return origin.claimed_user.empty() ? user : fmt::format("{} (sudo: {})", user, origin.claimed_user);
}

bool is_of_appliance(const history::Revision& revision) {
    return std::any_of(revision.changes.begin(), revision.changes.end(),
                       [](const history::FileChange& change) { return change.name == "warren.toml"; });
}

// "warren.toml, acme, globex and 3 more"
std::string changed_of(const history::Revision& revision) {
    std::vector<std::string> names;
    if (is_of_appliance(revision)) names.emplace_back("warren.toml");
    for (const std::string& id : history::customers_of(revision)) names.push_back(id);
    if (names.empty()) return "secrets";
    if (names.size() <= kMostNames) return fmt::format("{}", fmt::join(names, ", "));
    const std::vector<std::string> first(names.begin(), names.begin() + kMostNames);
    return fmt::format("{} and {} more", fmt::join(first, ", "), names.size() - kMostNames);
}

// The comment, else the first field that changed.
std::string summary_of(const history::Revision& revision) {
    if (!revision.origin.comment.empty()) return revision.origin.comment;
    if (revision.details.empty()) return "";
    const history::Detail& first = revision.details.front();
    std::string text = first.customer.empty() ? first.text : first.customer + ": " + first.text;
    constexpr std::size_t kMost = 70;
    if (text.size() > kMost) text = text.substr(0, kMost) + "...";
    return revision.details.size() > 1 ? text + ", ..." : text;
}

Json change_of(const history::FileChange& change) {
    const char* kind = !change.before.exists() ? "added" : !change.after.exists() ? "removed" : "changed";
    return {{"file", change.name}, {"kind", kind}};
}

}  // namespace

std::string history_text(const history::Revisions& revisions, const std::string& customer) {
    Table table({{"REVISION", Align::kRight}, {"WHEN"}, {"BY"}, {"CHANGED"}, {"WHAT"}});
    for (const history::Revision* revision : chosen(revisions, customer))
        table.add({std::to_string(revision->number), utc_text(revision->time), who_of(revision->origin),
                   changed_of(*revision), summary_of(*revision)});
    return table.empty() ? "" : table.text();
}

std::string history_json(const history::Revisions& revisions, const std::string& customer) {
    Json out;
    out["revisions"] = Json::array();
    for (const history::Revision* revision : chosen(revisions, customer)) {
        Json entry;
        entry["revision"] = revision->number;
        entry["time"] = utc_text(revision->time);
        entry["origin"] = history::name_of(revision->origin.kind);
        const bool has_user = revision->origin.kind == history::Origin::Kind::kRequest;
        entry["uid"] = has_user ? Json(revision->origin.user) : Json();
        entry["claimed_user"] = text_or_null(revision->origin.claimed_user);
        entry["comment"] = text_or_null(revision->origin.comment);
        entry["customers"] = history::customers_of(*revision);
        entry["files"] = Json::array();
        for (const history::FileChange& change : revision->changes) entry["files"].push_back(change_of(change));
        entry["changes"] = Json::array();
        for (const history::Detail& detail : revision->details)
            entry["changes"].push_back({{"customer", text_or_null(detail.customer)}, {"text", detail.text}});
        out["revisions"].push_back(std::move(entry));
    }
    return dump(out);
}

}  // namespace warren::ctl
