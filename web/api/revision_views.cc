// The configurations that came into force, as JSON.
#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string_view>

#include "ipc/web_revisions.h"
#include "web/api/json_forms.h"

namespace warren::web {

namespace {

using ipc::WebRevision;

constexpr std::string_view kCustomers = "customers/";
constexpr std::string_view kSuffix = ".toml";

// The fields of its own file that a customer's users may know: those that the page shows them anyway. Whatever is not
// here, also what later versions add, is the operator's.
constexpr std::array<std::string_view, 22> kOfCustomers{"add the customer with ",
                                                        "name: ",
                                                        "state: ",
                                                        "stack.addresses: ",
                                                        "stack.mtu: ",
                                                        "stack.route ",
                                                        "traffic.rate_up: ",
                                                        "traffic.rate_down: ",
                                                        "traffic.quota: ",
                                                        "traffic.after_quota: ",
                                                        "handoff.type: ",
                                                        "handoff.address: ",
                                                        "handoff.mtu: ",
                                                        "peer ",
                                                        "connection ",
                                                        "clients.",
                                                        "firewall.",
                                                        "nat.",
                                                        "dns.",
                                                        "bgp.",
                                                        "wireguard.max_peers: ",
                                                        "wireguard.max_handshake_rate: "};

bool is_for_customers(const std::string& text) {
    return std::any_of(kOfCustomers.begin(), kOfCustomers.end(),
                       [&text](std::string_view begin) { return text.starts_with(begin); });
}

// Fields of a peer or a connection that say in which file a secret is (config::secrets_of). Names there are the
// operator's, and may be other companies'.
constexpr std::array<std::string_view, 4> kSecrets{"preshared_key", "psk", "ppk", "users"};

// "peer graz preshared_key: acme/graz.psk -> acme/new.psk" without its values; another text as it is.
std::string without_secret_names(const std::string& text) {
    const std::string_view field = std::string_view(text).substr(0, text.find(": "));
    const auto name_end = field.find_last_of(' ');
    const bool is_secret = name_end != std::string_view::npos && field.find(' ') != name_end &&
                           std::find(kSecrets.begin(), kSecrets.end(), field.substr(name_end + 1)) != kSecrets.end();
    return is_secret ? std::string(field) + ": changed" : text;
}

// Whom alertd tells is for operators alone, also what it was.
bool is_of_alerts(const std::string& text) {
    return text.starts_with("alerts.");
}

// "acme" of "customers/acme.toml"; "": another file.
std::string id_in(std::string_view file) {
    if (!file.starts_with(kCustomers) || !file.ends_with(kSuffix) || file.size() <= kCustomers.size() + kSuffix.size())
        return {};
    std::string out(file.substr(kCustomers.size(), file.size() - kCustomers.size() - kSuffix.size()));
    std::replace(out.begin(), out.end(), '/', '.');  // customers/acme/north.toml is acme.north's
    return out;
}

// The lines do not say in which table they are, so a viewer sees none of the appliance's own file.
bool shows_lines(const ipc::WebFileChange& file, const Viewer& viewer) {
    return viewer.grant.role == access::Role::kOperator || !id_in(file.name).empty();
}

std::set<std::string> customers_in(const WebRevision& revision) {
    std::set<std::string> out;
    for (const ipc::WebFileChange& file : revision.files) {
        if (const auto id = id_in(file.name); !id.empty()) out.emplace(id);
    }
    for (const auto& [customer, text] : revision.details) {
        if (!customer.empty()) out.insert(customer);
    }
    return out;
}

std::string_view name_of(ipc::WebFileFate fate) {
    switch (fate) {
        case ipc::WebFileFate::kAdded: return "added";
        case ipc::WebFileFate::kChanged: return "changed";
        case ipc::WebFileFate::kRemoved: return "removed";
    }
    return "changed";
}

// The customer is the one that it changed.
bool owns(const WebRevision& revision, const std::string& id) {
    return std::find(revision.owners.begin(), revision.owners.end(), id) != revision.owners.end();
}

// `viewer`: null: without lines.
Json files_of(const WebRevision& revision, const Viewer* viewer) {
    Json out = Json::array();
    for (const ipc::WebFileChange& file : revision.files) {
        Json row{{"name", file.name}, {"fate", name_of(file.fate)}};
        if (viewer != nullptr) {
            const bool is_shown = shows_lines(file, *viewer);
            row["lines"] = is_shown ? Json(file.lines) : Json::array();
            row["more_lines"] = file.more_lines + (is_shown ? 0 : file.lines.size());
        }
        out.push_back(std::move(row));
    }
    return out;
}

Json row_of(const WebRevision& revision, const Viewer& viewer) {
    const bool is_operator = viewer.grant.role == access::Role::kOperator;
    Json changes = Json::array();
    for (const auto& [customer, text] : revision.details)
        if (is_operator || !is_of_alerts(text))
            changes.push_back({{"customer", text_or_null(customer)}, {"text", text}});
    return {{"revision", revision.number},
            {"at", iso_time(revision.time)},
            {"origin", revision.origin},
            {"uid", revision.uid ? Json(*revision.uid) : Json()},
            {"claimed_user", text_or_null(revision.claimed_user)},
            {"comment", text_or_null(revision.comment)},
            {"customers", customers_in(revision)},
            {"changes", std::move(changes)},
            {"files", files_of(revision, nullptr)},
            {"more_files", revision.more_files}};
}

// Null: nothing of it is for this viewer, who sees `own`: ids at stackd, and here.
Json row_for(const WebRevision& revision, const Viewer& viewer, const std::map<std::string, std::string>& own) {
    Json changes = Json::array();
    std::set<std::string> customers;
    for (const auto& [customer, text] : revision.details) {
        const auto found = own.find(customer);
        if (found == own.end() || !owns(revision, customer) || !is_for_customers(text)) continue;
        changes.push_back({{"customer", found->second}, {"text", without_secret_names(text)}});
        customers.insert(found->second);
    }
    if (changes.empty()) return {};
    // Numbers tell how often others are changed; comments are the operator's, and its people too.
    const bool is_by_viewer = revision.origin == "page" && revision.claimed_user == viewer.name;
    return {{"revision", Json()},
            {"at", iso_time(revision.time)},
            {"origin", revision.origin},
            {"uid", Json()},
            {"claimed_user", is_by_viewer ? Json(viewer.name) : Json()},
            {"comment", Json()},
            {"customers", customers},
            {"changes", std::move(changes)},
            {"files", Json::array()},
            {"more_files", 0}};
}

}  // namespace

std::string revisions_json(const Census& census, const SystemFacts& facts, const Viewer& viewer,
                           const std::string& customer, PageOf page) {
    std::map<std::string, std::string> own;  // by the id at stackd
    if (!viewer.sees_all()) {
        for (const auto& [id, entry] : census.customers()) {
            if (!viewer.may_see(id) || (!customer.empty() && id != customer)) continue;
            if (std::string at_stackd = census.id_at_stackd(id); !at_stackd.empty())
                own.emplace(std::move(at_stackd), id);
        }
    }
    const std::string wanted = customer.empty() ? std::string() : census.id_at_stackd(customer);
    Json items = Json::array();
    page.total = 0;
    for (const WebRevision& revision : facts.revisions) {
        const auto is_of_customer = [&] { return customers_in(revision).contains(wanted); };
        if (viewer.sees_all() && !customer.empty() && !is_of_customer()) continue;
        Json row = viewer.sees_all() ? row_of(revision, viewer) : row_for(revision, viewer, own);
        if (row.is_null()) continue;
        if (page.total++ >= page.offset && items.size() < page.limit) items.push_back(std::move(row));
    }
    Json out = page_json(std::move(items), page, census);
    out["problem"] = viewer.sees_all() ? text_or_null(facts.revisions_problem) : Json();
    return dump(out);
}

std::string revision_json(const WebRevision& revision, const Viewer& viewer) {
    Json out = row_of(revision, viewer);
    out["files"] = files_of(revision, &viewer);
    return dump(out);
}

}  // namespace warren::web
