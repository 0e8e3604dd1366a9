#include "ctl/commands/fleet_papers.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <ostream>

#include "base/clock.h"
#include "base/directory_lock.h"
#include "base/ip.h"
#include "base/printable.h"
#include "crypto/authority.h"
#include "crypto/x25519.h"
#include "ctl/ask/fleet_client.h"
#include "ctl/commands/fleet_files.h"
#include "ctl/commands/fleet_identity.h"
#include "ctl/files/customer_file.h"
#include "ctl/files/files.h"

namespace warren::ctl {

namespace {

constexpr std::int64_t kRenewBefore =
    std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::hours(24 * 30)).count();
constexpr std::int64_t kDay = std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::hours(24)).count();
constexpr std::string_view kBegin = "-----BEGIN CERTIFICATE-----";
constexpr std::string_view kPaper = "certificates/";

int refuse(Output& output, const Error& error) {
    return complain(output, error.code == ErrorCode::kUnavailable ? kUnreachable : kFailed, error.what);
}

// fleetd's first, then etcd's.
std::vector<std::string> certificates_of(const std::string& text) {
    std::vector<std::string> out;
    for (std::size_t at = text.find(kBegin); at != std::string::npos;) {
        const std::size_t next = text.find(kBegin, at + 1);
        out.push_back(text.substr(at, next == std::string::npos ? next : next - at));
        at = next;
    }
    if (out.size() != 2) out.clear();
    return out;
}

bool is_later(const std::string& certificate, const std::string& than) {
    const auto one = crypto::view_certificate(certificate);
    const auto other = crypto::view_certificate(than);
    return one && (!other || one->not_after.nanoseconds > other->not_after.nanoseconds);
}

bool ends_soon(const std::string& certificate) {
    const auto view = crypto::view_certificate(certificate);
    return view && view->not_after.nanoseconds - read_wall_clock().nanoseconds < kRenewBefore;
}

// --- this node's own -----------------------------------------------------------------------------

Status take_roster(const Invocation& invocation, const FleetNode& node, const std::string& authority,
                   const FleetPapers& papers, Output& output) {
    const auto found = papers.find("roster");
    if (found == papers.end()) return {};
    const std::string path = invocation.config_dir + "/fleet.nodes";
    const auto lock = lock_configuration(invocation.config_dir);  // a command may be writing it
    if (!lock) return tl::unexpected<Error>(lock.error());
    const auto here = read_text(path);
    if (!here) return tl::unexpected<Error>(here.error());
    if (*here == found->second.text) return {};
    const auto known = here->empty() ? Result<Roster>(Roster()) : parse_roster(*here);
    if (!known) return with_context(path, known.error());
    const auto next = verify_roster(found->second.text, authority);
    if (!next) return tl::unexpected<Error>(next.error());
    if (next->version <= known->version) return {};
    WARREN_TRY(replace_file(path, found->second.text));
    output.err << fmt::format("vpnctl: fleet.nodes: the fleet has {} nodes now{}\n", next->readers.size(),
                              next->readers.contains(node.name) ? "" : ", and this one is not among them");
    return {};
}

// A certificate is taken for the key that is here, from the authority that is known here, and when it lasts longer.
Status take_certificates(const FleetPaths& paths, const FleetNode& node, const std::string& authority,
                         const FleetPapers& papers, Output& output) {
    const auto found = papers.find(std::string(kPaper) + node.name);
    const std::vector<std::string> theirs =
        found == papers.end() ? std::vector<std::string>() : certificates_of(found->second.text);
    if (theirs.empty()) return {};
    const std::pair<const std::string&, const std::string&> own[] = {{paths.certificate, paths.key},
                                                                     {paths.etcd_certificate, paths.etcd_key}};
    for (std::size_t i = 0; i < 2; ++i) {
        const auto here = read_text(own[i].first);
        const auto key = read_key_file(own[i].second);
        if (!here || !key || !is_later(theirs[i], *here)) continue;
        if (!crypto::is_issued_by(theirs[i], authority) || !crypto::is_certificate_of(theirs[i], key->reveal()))
            continue;
        const auto alone = crypto::certificate_alone(theirs[i]);
        if (!alone) return tl::unexpected<Error>(alone.error());
        WARREN_TRY(replace_file(own[i].first, *alone, 0644));
        output.err << fmt::format("vpnctl: {}: renewed\n", own[i].first);
    }
    return {};
}

Status show_certificates(const Invocation& invocation, const FleetPaths& paths, const FleetNode& node,
                         const FleetPapers& papers) {
    const auto fleetd = read_text(paths.certificate);
    const auto etcd = read_text(paths.etcd_certificate);
    if (!fleetd || !etcd || fleetd->empty() || etcd->empty()) return {};
    const auto found = papers.find(std::string(kPaper) + node.name);
    if (found != papers.end()) {
        const std::vector<std::string> theirs = certificates_of(found->second.text);
        if (!theirs.empty() && !is_later(*fleetd, theirs[0]) && !is_later(*etcd, theirs[1])) return {};
    }
    return put_fleet_paper(invocation.run_dir, std::string(kPaper) + node.name,
                           found == papers.end() ? 0 : found->second.changed, certificates_text(*fleetd, *etcd));
}

// --- the authority's -----------------------------------------------------------------------------

// Of a node in the roster, for the keys that it has there, so that a machine which had the name before gets none.
bool is_due(const std::string& certificate, const std::string& name, const std::string& key,
            const std::string& authority) {
    const auto view = crypto::view_certificate(certificate);
    return view && view->name == name && view->key == key && ends_soon(certificate) &&
           crypto::is_issued_by(certificate, authority);
}

struct Due {
    std::string node;
    std::vector<std::string> certificates;
    std::vector<bool> is_due;
    std::uint64_t changed = 0;
};

// Found without the authority's key: anybody who can write to etcd may have written these texts.
Result<std::vector<Due>> all_due(const Invocation& invocation, const FleetNode& node, const std::string& authority,
                                 const FleetPapers& papers) {
    const auto roster = own_roster(invocation.config_dir, node);
    if (!roster) return tl::unexpected<Error>(roster.error());
    std::vector<Due> out;
    for (const auto& [of, keys] : roster->keys) {
        const auto paper = papers.find(std::string(kPaper) + of);
        if (paper == papers.end()) continue;
        Due due{of, certificates_of(paper->second.text), {}, paper->second.changed};
        if (due.certificates.empty()) continue;
        due.is_due = {is_due(due.certificates[0], of, keys.fleetd, authority),
                      is_due(due.certificates[1], of, keys.etcd, authority)};
        if (due.is_due[0] || due.is_due[1]) out.push_back(std::move(due));
    }
    return out;
}

// How many were renewed.
Result<std::size_t> renew_all(const Invocation& invocation, const std::string& authority, Bytes key,
                              std::vector<Due> dues, Output& output) {
    std::size_t count = 0;
    for (Due& due : dues) {
        bool is_changed = false;
        for (std::size_t i = 0; i < due.certificates.size(); ++i) {
            if (!due.is_due[i]) continue;
            auto next = crypto::renew_certificate(authority, key, due.certificates[i], read_wall_clock());
            if (!next) {
                output.err << fmt::format("vpnctl: {}: {}\n", due.node, next.error().what);
                continue;
            }
            due.certificates[i] = std::move(*next);
            is_changed = true;
        }
        if (!is_changed) continue;
        WARREN_TRY(put_fleet_paper(invocation.run_dir, std::string(kPaper) + due.node, due.changed,
                                   certificates_text(due.certificates[0], due.certificates[1])));
        ++count;
    }
    return count;
}

struct Authority {
    FleetNode node;
    std::string certificate;
};

// Nothing: no certificates, or the fleet's nodes have none of an authority.
Result<std::optional<Authority>> known_authority(const Invocation& invocation, bool needs_readers = false) {
    auto node = read_fleet_node(invocation.config_dir, needs_readers);
    if (!node) return tl::unexpected<Error>(node.error());
    if (node->authority.empty()) return std::optional<Authority>();
    auto certificate = read_text(node->authority);
    if (!certificate) return tl::unexpected<Error>(certificate.error());
    if (certificate->empty()) return std::optional<Authority>();
    return std::optional(Authority{std::move(*node), std::move(*certificate)});
}

// A node that never started has no name in etcd, and keeps others from joining.
int remove_learner(const Invocation& invocation, const std::string& address, Output& output) {
    const auto members = cluster_members(invocation.run_dir);
    if (!members) return refuse(output, members.error());
    const std::string url = peer_url(address);
    const auto found = std::find_if(members->begin(), members->end(), [&url](const ClusterMember& member) {
        return member.is_learner && std::find(member.urls.begin(), member.urls.end(), url) != member.urls.end();
    });
    if (found == members->end()) return complain(output, kFailed, "etcd has no learner at " + address);
    if (const Status removed = remove_member(invocation.run_dir, found->id); !removed)
        return refuse(output, removed.error());
    output.out << fmt::format("the learner at {} is out of etcd\n", address);
    return kDone;
}

std::string key_path(const Invocation& invocation) {
    return invocation.fleet.authority_key.empty() ? fleet_paths(invocation.config_dir).authority_key
                                                  : invocation.fleet.authority_key;
}

}  // namespace

std::string certificates_text(const std::string& fleetd, const std::string& etcd) {
    return fleetd + etcd;
}

Result<Roster> own_roster(const std::string& config_dir, const FleetNode& node) {
    const auto text = read_text(config_dir + "/fleet.nodes");
    if (!text) return tl::unexpected<Error>(text.error());
    if (!text->empty()) return parse_roster(*text);
    if (!node.readers.empty()) return Roster{0, node.readers, {}};
    const auto listed = read_fleet_node(config_dir);
    if (!listed) return tl::unexpected<Error>(listed.error());
    return Roster{0, listed->readers, {}};
}

Status publish_roster(const Invocation& invocation, const Roster& roster, const std::string& authority,
                      Bytes authority_key) {
    const auto text = sign_roster(roster, authority_key);
    if (!text) return tl::unexpected<Error>(text.error());
    // What etcd has is written here by `follow` as well, which is told of it at once.
    const auto lock = lock_configuration(invocation.config_dir);
    if (!lock) return tl::unexpected<Error>(lock.error());
    const auto papers = fleet_papers(invocation.run_dir);
    if (!papers) return tl::unexpected<Error>(papers.error());
    const auto found = papers->find("roster");
    if (found != papers->end()) {
        // What the authority has not signed is none, whoever put it there.
        const auto known = verify_roster(found->second.text, authority);
        if (known && known->version >= roster.version)
            return fail(ErrorCode::kConflict,
                        "the fleet has another list of its nodes; `vpnctl fleet follow` takes it, then the same again");
    }
    WARREN_TRY(
        put_fleet_paper(invocation.run_dir, "roster", found == papers->end() ? 0 : found->second.changed, *text));
    return replace_file(invocation.config_dir + "/fleet.nodes", *text);
}

int make_fleet_authority(const Invocation& invocation, Output& output) {
    const auto node = read_fleet_node(invocation.config_dir, false);
    if (!node) return refuse(output, node.error());
    if (node->name.empty()) return complain(output, kFailed, "fleet.toml: `node` is missing");
    const auto address = parse_ip(invocation.fleet.at);
    if (!address || address->is_unspecified())
        return complain(output, kUsage,
                        "fleet authority: accepted: --at with the address of this node that the others reach");
    const FleetPaths paths = fleet_paths(invocation.config_dir);
    if (const auto there = read_text(paths.authority); !there || !there->empty())
        return complain(output, kFailed, "this node has an authority already: " + paths.authority);
    const auto made = [&]() -> Status {
        WARREN_TRY(ensure_directory(paths.directory, 0755));
        const auto lock = try_lock_directory(paths.directory);
        if (!lock) return tl::unexpected<Error>(lock.error());
        for (const auto& [path, user] : {std::pair(paths.key, kFleetUser), std::pair(paths.etcd_key, kEtcdUser)}) {
            if (const std::string missing = missing_owner(path, user); !missing.empty())
                output.err << "vpnctl: " << missing << std::endl;
        }
        const auto own = own_fleet_key(invocation.config_dir);
        if (!own) return tl::unexpected<Error>(own.error());
        const auto key = own_key(key_path(invocation), "");
        if (!key) return tl::unexpected<Error>(key.error());
        const WallTime now = read_wall_clock();
        const auto authority = crypto::make_authority(key->reveal(), "Warren fleet of " + node->name, now);
        if (!authority) return tl::unexpected<Error>(authority.error());
        const auto issue = [&](const std::string& key_file, const char* user, const std::string& to,
                               const crypto::CertificateUse& use) -> Status {
            const auto private_key = own_key(key_file, user);
            if (!private_key) return tl::unexpected<Error>(private_key.error());
            const auto request = crypto::request_certificate(private_key->reveal(), node->name);
            if (!request) return tl::unexpected<Error>(request.error());
            const auto certificate = crypto::issue_certificate(*authority, key->reveal(), *request, use, now);
            if (!certificate) return tl::unexpected<Error>(certificate.error());
            return replace_file(to, *certificate, 0644);
        };
        const std::string text = to_string(*address);
        WARREN_TRY(issue(paths.key, kFleetUser, paths.certificate, {node->name, {}, false}));
        WARREN_TRY(issue(paths.etcd_key, kEtcdUser, paths.etcd_certificate, {node->name, {text, "127.0.0.1"}, true}));
        auto roster = own_roster(invocation.config_dir, *node);
        if (!roster) roster = Roster{};  // there is no list by hand either
        roster->version += 1;
        roster->readers[node->name] = crypto::public_key_of(*own);
        const auto keys =
            keys_of(read_text(paths.certificate).value_or(""), read_text(paths.etcd_certificate).value_or(""));
        if (!keys) return tl::unexpected<Error>(keys.error());
        roster->keys[node->name] = *keys;
        const auto signed_roster = sign_roster(*roster, key->reveal());
        if (!signed_roster) return tl::unexpected<Error>(signed_roster.error());
        WARREN_TRY(replace_file(invocation.config_dir + "/fleet.nodes", *signed_roster));
        WARREN_TRY(replace_file(paths.etcd_settings,
                                etcd_settings(paths, {node->name, text, ""}, node->name + "=" + peer_url(text), true),
                                0644));
        const auto settings = with_keys(node->text, {{"etcd", to_string(Endpoint{*address, kEtcdPort})},
                                                     {"etcd_ca", paths.authority},
                                                     {"etcd_certificate", paths.certificate},
                                                     {"etcd_key", paths.key}});
        if (!settings) return tl::unexpected<Error>(settings.error());
        const auto placed = with_place(*settings, invocation.fleet);
        if (!placed) return tl::unexpected<Error>(placed.error());
        WARREN_TRY(replace_file(invocation.config_dir + "/fleet.toml", *placed, 0644));
        return replace_file(paths.authority, *authority, 0644);  // the last: with it this is done
    }();
    if (!made) return refuse(output, made.error());
    output.out << fmt::format(
        "{} is the first node of its fleet. Its authority's key is {}: whoever has it can add nodes.\nnext: systemctl "
        "restart etcd warren warren-fleet warren-fleet-follow; then vpnctl fleet init\n",
        node->name, key_path(invocation));
    return kDone;
}

Status exchange_papers(const Invocation& invocation, Output& output) {
    const auto known = known_authority(invocation);
    if (!known) return tl::unexpected<Error>(known.error());
    if (!*known) return {};
    const FleetNode& node = (*known)->node;
    const auto papers = fleet_papers(invocation.run_dir);
    if (!papers) return tl::unexpected<Error>(papers.error());
    const FleetPaths paths = fleet_paths(invocation.config_dir);
    Status first = take_roster(invocation, node, (*known)->certificate, *papers, output);
    for (const Status& each : {take_certificates(paths, node, (*known)->certificate, *papers, output),
                               show_certificates(invocation, paths, node, *papers)}) {
        if (first && !each) first = each;
    }
    const auto due = all_due(invocation, node, (*known)->certificate, *papers);
    if (!due && first) first = tl::unexpected<Error>(due.error());
    if (!due || due->empty()) return first;
    if (const auto key = read_key_file(paths.authority_key); key) {
        const auto renewed = renew_all(invocation, (*known)->certificate, key->reveal(), *due, output);
        if (!renewed && first) first = tl::unexpected<Error>(renewed.error());
    }
    return first;
}

int renew_certificates(const Invocation& invocation, Output& output) {
    const auto known = known_authority(invocation);
    if (!known) return refuse(output, known.error());
    if (!*known) return complain(output, kFailed, "this node's fleet has no authority: fleet.toml has no etcd_ca");
    const auto key = read_key_file(key_path(invocation));
    if (!key) return refuse(output, with_context("the authority's key", key.error()).value());
    const auto papers = fleet_papers(invocation.run_dir);
    if (!papers) return refuse(output, papers.error());
    const auto due = all_due(invocation, (*known)->node, (*known)->certificate, *papers);
    if (!due) return refuse(output, due.error());
    const auto count = renew_all(invocation, (*known)->certificate, key->reveal(), *due, output);
    if (!count) return refuse(output, count.error());
    output.out << fmt::format("certificates of {} node{} renewed\n", *count, *count == 1 ? "" : "s");
    return kDone;
}

int remove_fleet_node(const Invocation& invocation, const std::string& name, Output& output) {
    const auto known = known_authority(invocation);
    if (!known) return refuse(output, known.error());
    if (!*known) return complain(output, kFailed, "this node's fleet has no authority: fleet.toml has no etcd_ca");
    if (const auto address = parse_ip(name)) return remove_learner(invocation, to_string(*address), output);
    if (name == (*known)->node.name) return complain(output, kFailed, "this is that node; remove it on another one");
    const auto key = read_key_file(key_path(invocation));
    if (!key) return refuse(output, with_context("the authority's key", key.error()).value());
    auto roster = own_roster(invocation.config_dir, (*known)->node);
    if (!roster) return refuse(output, roster.error());
    const auto groups = fleet_groups(invocation.run_dir);
    if (!groups) return refuse(output, groups.error());
    const auto held =
        std::find_if(groups->begin(), groups->end(), [&name](const auto& each) { return each.owner == name; });
    if (held != groups->end())
        return complain(output, kFailed,
                        fmt::format("{} has group {}; `vpnctl fleet drain` there first", printable(name), held->group));
    const auto members = cluster_members(invocation.run_dir);
    if (!members) return refuse(output, members.error());
    if (!roster->readers.contains(name) &&
        std::none_of(members->begin(), members->end(), [&name](const auto& each) { return each.name == name; }))
        return complain(output, kFailed, "the fleet has no node " + printable(name));
    for (const ClusterMember& member : *members) {
        if (member.name != name) continue;
        if (const Status removed = remove_member(invocation.run_dir, member.id); !removed)
            return refuse(output, removed.error());
    }
    roster->version += 1;
    roster->readers.erase(name);
    roster->keys.erase(name);
    if (const Status published = publish_roster(invocation, *roster, (*known)->certificate, key->reveal()); !published)
        return refuse(output, published.error());
    const auto papers = fleet_papers(invocation.run_dir);
    if (papers && papers->contains(std::string(kPaper) + name))
        (void)put_fleet_paper(invocation.run_dir, std::string(kPaper) + name,
                              papers->at(std::string(kPaper) + name).changed, std::nullopt);
    output.out << fmt::format(
        "{} is out of the fleet. What it has read it knows, and its certificates are valid for up to 90 days.\n",
        printable(name));
    return seal_for_fleet(invocation, output);
}

void show_fleet_certificates(const Invocation& invocation, Output& output) {
    const auto node = read_fleet_node(invocation.config_dir, false);
    if (!node || node->certificate.empty()) return;
    const FleetPaths paths = fleet_paths(invocation.config_dir);
    for (const std::string& path : {node->authority, node->certificate, paths.etcd_certificate}) {
        const auto text = read_text(path);
        const auto view = text && !text->empty() ? crypto::view_certificate(*text)
                                                 : Result<crypto::CertificateView>(fail(ErrorCode::kNotFound, ""));
        if (!view || !ends_soon(*text)) continue;
        const std::int64_t left = view->not_after.nanoseconds - read_wall_clock().nanoseconds;
        output.out << (left <= 0 ? fmt::format("{}: it has expired\n", path)
                                 : fmt::format("{}: it expires in {} days\n", path, left / kDay));
    }
}

}  // namespace warren::ctl
