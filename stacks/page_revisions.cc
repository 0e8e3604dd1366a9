#include "stacks/page_revisions.h"

#include <algorithm>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "config/diagnostic.h"
#include "history/line_diff.h"

namespace warren::stacks {

namespace {

using history::FileChange;
using history::Revision;
using ipc::WebFileChange;
using ipc::WebRevision;

// A revision has so many details at most (stacks/supervisor_history.cc); there may have been more.
constexpr std::size_t kMostDetails = 20;
constexpr std::string_view kHidden = "(hidden)";

// What has a password or a token in it is not for a browser: the rest of an address behind its host.
std::string without_path(std::string_view line) {
    constexpr std::string_view kScheme = "://";
    std::string out;
    while (true) {
        const auto scheme = line.find(kScheme);
        if (scheme == std::string_view::npos) return out + std::string(line);
        const auto host = scheme + kScheme.size();
        const auto end = std::min(line.find_first_of("\"' \t", host), line.size());
        const std::string_view place = line.substr(host, end - host);
        const auto user = place.find_last_of('@');
        const std::string_view named = user == std::string_view::npos ? place : place.substr(user + 1);
        const auto path = named.find_first_of("/?#");
        out += line.substr(0, host);
        out += named.substr(0, path);
        if (path != std::string_view::npos && path + 1 < named.size()) out += "/" + std::string(kHidden);
        line.remove_prefix(end);
    }
}

std::string shown(std::string_view line, std::size_t most) {
    return without_path(config::mask_keys(line)).substr(0, most);
}

ipc::WebFileFate fate_of(const FileChange& change) {
    if (!change.before.exists()) return ipc::WebFileFate::kAdded;
    return change.after.exists() ? ipc::WebFileFate::kChanged : ipc::WebFileFate::kRemoved;
}

// What tells whose file it is: the customer's name, and keys and identities of its peers.
std::set<std::string, std::less<>> marks_of(std::string_view text) {
    std::set<std::string, std::less<>> out;
    bool is_top = true;  // before the first table
    while (!text.empty()) {
        const auto end = std::min(text.find('\n'), text.size());
        std::string_view line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
        is_top = is_top && !line.starts_with('[');
        const bool is_name = is_top && line.starts_with("name");
        if (!is_name && !line.starts_with("public_key") && !line.starts_with("remote_identity")) continue;
        const auto open = line.find_first_of("\"'");
        if (open == std::string_view::npos) continue;
        const auto close = line.find(line[open], open + 1);
        if (close == std::string_view::npos) continue;
        const std::string value(line.substr(open + 1, close - open - 1));
        // "any" and "*.example.com" are said of many.
        if (is_name || (value != "any" && value.find('*') == std::string::npos))
            out.insert((is_name ? "name " : "peer ") + value);
    }
    return out;
}

bool share_a_mark(std::string_view before, std::string_view after) {
    const auto marks = marks_of(before);
    const auto others = marks_of(after);
    return std::any_of(marks.begin(), marks.end(), [&others](const auto& mark) { return others.contains(mark); });
}

bool is_rename_to(const history::Detail& detail, const std::string& id) {
    return detail.customer == id && detail.text.starts_with("customer ") &&
           detail.text.ends_with(" is renamed to " + id);
}

// From the newest revision back: how far each customer's own past reaches.
class Owners {
  public:
    explicit Owners(const history::Manifest& newest) {
        for (const auto& [name, content] : newest) {
            if (const std::string id = history::customer_of(name); !id.empty()) owned_.emplace(id);
        }
    }

    // `is_same`: whether the file of this customer was the same customer's before; nothing: it did not change.
    template <typename IsSame>
    std::vector<std::string> step(const Revision& revision, IsSame is_same) {
        std::vector<std::string> out;
        const bool may_lack_details = revision.details.size() >= kMostDetails;
        const std::set<std::string> changed = history::customers_of(revision);
        for (const std::string& id : changed) {
            if (!owned_.contains(id)) continue;
            const auto file = std::find_if(revision.changes.begin(), revision.changes.end(), [&id](const auto& change) {
                return history::customer_of(change.name) == id;
            });
            const bool has_file = file != revision.changes.end();
            const bool is_new = has_file && !file->before.exists();
            const bool is_renamed = std::any_of(revision.details.begin(), revision.details.end(),
                                                [&id](const auto& detail) { return is_rename_to(detail, id); });
            // That it was renamed may be among what was left out.
            const bool is_doubtful = has_file && may_lack_details && changed.size() > 1;
            const bool goes_on = !is_new && !is_renamed && !is_doubtful && (!has_file || is_same(*file));
            if (!goes_on) owned_.erase(id);
            const bool is_shown = goes_on || (is_new && !is_renamed && !is_doubtful);
            if (is_shown && out.size() < WebRevision::kMaxOwners) out.push_back(id);
        }
        return out;
    }

  private:
    std::set<std::string, std::less<>> owned_;
};

}  // namespace

std::vector<WebRevision> web_revisions_of(const history::Revisions& revisions, const ReadText& read) {
    std::vector<WebRevision> out;
    Owners owners(revisions.newest);
    std::size_t compared = 0;
    for (auto it = revisions.all.rbegin(); it != revisions.all.rend() && out.size() < kMostShownRevisions; ++it) {
        const Revision& revision = *it;
        WebRevision& view = out.emplace_back();
        view.number = revision.number;
        view.time = revision.time;
        view.origin = history::name_of(revision.origin.kind);
        if (revision.origin.kind == history::Origin::Kind::kRequest) view.uid = revision.origin.user;
        view.claimed_user = revision.origin.claimed_user.substr(0, WebRevision::kMaxText);
        view.comment = revision.origin.comment.substr(0, WebRevision::kMaxText);
        for (const history::Detail& detail : revision.details)
            view.details.emplace_back(detail.customer, shown(detail.text, WebRevision::kMaxText));
        std::set<std::string> same;  // files of customers that were theirs before
        for (const FileChange& change : revision.changes) {
            if (view.files.size() >= WebRevision::kMaxFiles) {
                ++view.more_files;
                continue;
            }
            WebFileChange& file = view.files.emplace_back();
            file.name = change.name.substr(0, WebRevision::kMaxText);
            file.fate = fate_of(change);
            if (!history::has_text(change.name) || ++compared > kMostComparedFiles) continue;
            const auto before = change.before.exists() ? read(change.before) : Result<std::string>("");
            const auto after = change.after.exists() ? read(change.after) : Result<std::string>("");
            if (!before || !after) continue;
            if (share_a_mark(*before, *after)) same.insert(change.name);
            history::LineDiff diff = history::diff_lines(*before, *after, WebFileChange::kMaxLines);
            for (const std::string& line : diff.lines) file.lines.push_back(shown(line, WebFileChange::kMaxLine));
            file.more_lines = diff.more;
        }
        view.owners = owners.step(revision, [&same](const FileChange& change) { return same.contains(change.name); });
    }
    return out;
}

}  // namespace warren::stacks
