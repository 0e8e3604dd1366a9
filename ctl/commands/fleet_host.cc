#include "ctl/commands/fleet_host.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <ostream>
#include <thread>
#include <utility>

#include "base/clock.h"
#include "base/ip.h"
#include "base/json_members.h"
#include "base/printable.h"
#include "crypto/authority.h"
#include "crypto/random.h"
#include "ctl/ask/cluster_client.h"
#include "ctl/ask/fleet_client.h"
#include "ctl/commands/fleet_identity.h"
#include "ctl/commands/fleet_papers.h"
#include "ctl/files/files.h"
#include "ctl/files/roster.h"

namespace warren::ctl {

namespace {

using nlohmann::json;

constexpr std::size_t kMostVoters = 5;
constexpr Duration kEtcdSettles = std::chrono::seconds(15);

std::string dump(const json& value) {
    return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

bool has_url(const ClusterMember& member, const std::string& url) {
    return std::find(member.urls.begin(), member.urls.end(), url) != member.urls.end();
}

// Whoever can write to etcd chooses them, and the new node reads them as variables of etcd's. The name of the member at
// `own` is not read.
Status check_names(const std::vector<ClusterMember>& members, const std::string& own) {
    for (const ClusterMember& member : members) {
        if ((has_url(member, own) || is_member_name(member.name)) &&
            std::all_of(member.urls.begin(), member.urls.end(), is_member_url))
            continue;
        return fail(ErrorCode::kInvalid, "etcd's member " + member.id + " has a name or a URL that is none: \"" +
                                             printable(member.name) + "\"");
    }
    return {};
}

}  // namespace

std::string format_join_request(const JoinRequest& request) {
    return dump({{"node", request.node},
                 {"address", request.address},
                 {"reader", crypto::to_base64(request.reader)},
                 {"fleetd", request.fleetd},
                 {"etcd", request.etcd}});
}

Result<JoinRequest> parse_join_request(const std::string& text) {
    const json document = json::parse(text, nullptr, false);
    const auto reader = crypto::parse_public_key(text_of(document, "reader"));
    const auto address = parse_ip(text_of(document, "address"));
    if (!reader) return fail(ErrorCode::kInvalid, "the request of the new node has another form");
    if (!address || address->is_unspecified()) return fail(ErrorCode::kInvalid, "the new node's address is none");
    return JoinRequest{text_of(document, "node"), to_string(*address), *reader, text_of(document, "fleetd"),
                       text_of(document, "etcd")};
}

std::string format_join_reply(const JoinReply& reply) {
    if (!reply.error.empty()) return dump({{"error", reply.error}});
    return dump({{"authority", reply.authority},
                 {"fleetd", reply.fleetd},
                 {"etcd", reply.etcd},
                 {"roster", reply.roster},
                 {"settings", reply.settings},
                 {"cluster", reply.cluster},
                 {"member", reply.member}});
}

Result<JoinReply> parse_join_reply(const std::string& text) {
    const json document = json::parse(text, nullptr, false);
    if (!document.is_object()) return fail(ErrorCode::kInvalid, "the answer has another form");
    return JoinReply{text_of(document, "error"),   text_of(document, "authority"), text_of(document, "fleetd"),
                     text_of(document, "etcd"),    text_of(document, "roster"),    text_of(document, "settings"),
                     text_of(document, "cluster"), text_of(document, "member")};
}

FleetHost::FleetHost(const Invocation& invocation, FleetNode own, std::string authority,
                     crypto::SecretBuffer authority_key, std::string name, crypto::SecretBuffer secret)
    : invocation_(invocation),
      own_(std::move(own)),
      authority_(std::move(authority)),
      authority_key_(std::move(authority_key)),
      name_(std::move(name)),
      secret_(std::move(secret)) {}

std::vector<std::uint8_t> FleetHost::answer(Bytes sealed, Output& output) {
    const auto text = open_join_message(secret_, JoinMessage::kRequest, {}, sealed);
    if (!text) return {};
    JoinReply reply;
    const auto request = parse_join_request(*text);
    if (!request) {
        reply.error = request.error().what;
    } else if (auto admitted = admit(*request, output); admitted) {
        reply = std::move(*admitted);
    } else {
        reply.error = admitted.error().what;
    }
    if (!reply.error.empty()) output.err << "vpnctl: " << printable(reply.error) << std::endl;
    crypto::SystemRandom random;
    return seal_join_message(secret_, JoinMessage::kReply, sealed, format_join_reply(reply), random);
}

Result<JoinReply> FleetHost::admit(const JoinRequest& request, Output& output) {
    if (request.node != name_) return fail(ErrorCode::kPermission, "the token is for " + name_);
    if (used_by_ && (used_by_->reader != request.reader || !crypto::has_key_of_request(fleetd_, request.fleetd) ||
                     !crypto::has_key_of_request(etcd_, request.etcd)))
        return fail(ErrorCode::kPermission,
                    "this token was used already, by a machine with other keys; if that was not yours, `vpnctl fleet "
                    "remove` takes it out");
    if (used_by_ && used_by_->address != request.address)
        return fail(ErrorCode::kConflict, name_ + " came from " + used_by_->address + " before; invite it again");
    if (const Status place = check_place(request); !place) return tl::unexpected<Error>(place.error());
    if (const Status issued = issue(request); !issued) return tl::unexpected<Error>(issued.error());
    used_by_ = request;
    auto roster = own_roster(invocation_.config_dir, own_);
    if (!roster) return tl::unexpected<Error>(roster.error());
    const auto keys = keys_of(fleetd_, etcd_);
    if (!keys) return tl::unexpected<Error>(keys.error());
    const auto reader = roster->readers.find(name_);
    const auto known = roster->keys.find(name_);
    if (reader == roster->readers.end() || reader->second != request.reader || known == roster->keys.end() ||
        known->second != *keys) {
        roster->version += 1;
        roster->readers[name_] = request.reader;
        roster->keys[name_] = *keys;
        if (const Status done = publish_roster(invocation_, *roster, authority_, authority_key_.reveal()); !done)
            return tl::unexpected<Error>(done.error());
    }
    const auto cluster = enlarge(request);
    if (!cluster) return tl::unexpected<Error>(cluster.error());
    const auto settings = settings_for(request, !cluster->text.empty());
    if (!settings) return tl::unexpected<Error>(settings.error());
    const auto signed_roster = read_text(invocation_.config_dir + "/fleet.nodes");
    if (!signed_roster) return tl::unexpected<Error>(signed_roster.error());
    if (member_ == Member::kUnknown) member_ = cluster->member;
    output.err << fmt::format("vpnctl: {} at {} has its certificates{}", name_, request.address,
                              cluster->text.empty() ? "; etcd has five members, and it asks one of them"
                                                    : "; waiting for its etcd")
               << std::endl;
    return JoinReply{"", authority_, fleetd_, etcd_, *signed_roster, *settings, cluster->text, cluster->id};
}

// Nobody gets a certificate for the address of another node.
Status FleetHost::check_place(const JoinRequest& request) const {
    const auto address = parse_ip(request.address);
    const bool is_loopback = address->is_v4() ? address->octets[0] == 127 : request.address == "::1";
    if (is_loopback) return fail(ErrorCode::kInvalid, "the new node says that it is at " + request.address);
    const auto members = cluster_members(invocation_.run_dir);
    if (!members) return tl::unexpected<Error>(members.error());
    const std::string url = peer_url(request.address);
    for (const ClusterMember& member : *members) {
        const bool is_there = has_url(member, url);
        if (is_there && !member.name.empty() && member.name != name_)
            return fail(ErrorCode::kConflict, "etcd has " + member.name + " at " + request.address);
        if (!is_there && member.name == name_)
            return fail(ErrorCode::kConflict, "etcd has a member " + name_ + " at another address");
        if (!is_there && member.is_learner)
            return fail(ErrorCode::kConflict,
                        "another node joins right now, or did not end to: etcd has a learner at " +
                            (member.urls.empty() ? "?" : printable(member.urls.front())) +
                            "; `vpnctl fleet remove ADDRESS` takes it out");
    }
    return {};
}

// Who asks again gets the same.
Status FleetHost::issue(const JoinRequest& request) {
    if (used_by_) return {};
    const WallTime now = read_wall_clock();
    auto fleetd =
        crypto::issue_certificate(authority_, authority_key_.reveal(), request.fleetd, {name_, {}, false}, now);
    if (!fleetd) return tl::unexpected<Error>(fleetd.error());
    auto etcd = crypto::issue_certificate(authority_, authority_key_.reveal(), request.etcd,
                                          {name_, {request.address, "127.0.0.1"}, true}, now);
    if (!etcd) return tl::unexpected<Error>(etcd.error());
    fleetd_ = std::move(*fleetd);
    etcd_ = std::move(*etcd);
    return {};
}

// etcd with one learner more, unless the new node is to have no member.
Result<FleetHost::Cluster> FleetHost::enlarge(const JoinRequest& request) {
    auto members = cluster_members(invocation_.run_dir);
    if (!members) return tl::unexpected<Error>(members.error());
    const std::string url = peer_url(request.address);
    const auto is_own = [&url](const ClusterMember& member) { return has_url(member, url); };
    WARREN_TRY(check_names(*members, url));
    if (std::none_of(members->begin(), members->end(), is_own)) {
        const auto voters = static_cast<std::size_t>(
            std::count_if(members->begin(), members->end(), [](const auto& member) { return !member.is_learner; }));
        if (voters >= kMostVoters) return Cluster{"", "", Member::kNone};
        url_ = url;
        Status added = add_learner(invocation_.run_dir, url);
        // etcd refuses for five seconds after another member has come up.
        for (const Instant until = read_instant() + kEtcdSettles; !added && read_instant() < until;) {
            std::this_thread::sleep_for(std::chrono::seconds(1));
            added = add_learner(invocation_.run_dir, url);
        }
        if (!added) return tl::unexpected<Error>(added.error());
        members = cluster_members(invocation_.run_dir);
        if (!members) return tl::unexpected<Error>(members.error());
        WARREN_TRY(check_names(*members, url));
    }
    url_ = url;
    Cluster out{"", "", Member::kLearner};
    for (const ClusterMember& member : *members) {
        if (is_own(member)) out.id = member.id;
        if (is_own(member) && !member.is_learner) out.member = Member::kVoter;
        const std::string& name = is_own(member) ? name_ : member.name;
        for (const std::string& each : member.urls) {
            out.text += (out.text.empty() ? "" : ",") + name + "=" + each;
        }
    }
    return out;
}

Result<std::string> FleetHost::settings_for(const JoinRequest& request, bool has_member) const {
    const auto own = parse_ip(request.address);
    const std::string etcd = has_member ? to_string(Endpoint{*own, kEtcdPort}) : own_.etcd;
    // Which share it has and where it is, it says itself.
    return with_keys(own_.text, {{"node", name_}, {"nodes", ""}, {"weight", ""}, {"zone", ""}, {"etcd", etcd}});
}

bool FleetHost::try_to_finish() const {
    if (!has_admitted()) return false;
    if (member_ != Member::kLearner) {
        const auto nodes = fleet_nodes(invocation_.run_dir);
        return nodes && std::any_of(nodes->begin(), nodes->end(),
                                    [this](const auto& node) { return node.name == name_ && node.is_alive; });
    }
    const auto members = cluster_members(invocation_.run_dir);
    if (!members) return false;
    const auto own = std::find_if(members->begin(), members->end(),
                                  [this](const ClusterMember& member) { return has_url(member, url_); });
    if (own == members->end()) return false;  // somebody took it out; the new node may ask again
    return !own->is_learner || static_cast<bool>(promote_learner(invocation_.run_dir, own->id));
}

void FleetHost::withdraw(Output& output) {
    if (url_.empty()) return;
    const auto failed = [&](const Error& error) {
        output.err << fmt::format("vpnctl: etcd may still have a learner at {}: {}; vpnctl fleet remove {}", url_,
                                  printable(error.what), used_by_->address)
                   << std::endl;
    };
    const auto members = cluster_members(invocation_.run_dir);
    if (!members) return failed(members.error());
    for (const ClusterMember& member : *members) {
        if (!member.is_learner || !has_url(member, url_)) continue;
        if (const Status removed = remove_member(invocation_.run_dir, member.id); !removed)
            return failed(removed.error());
        output.err << fmt::format("vpnctl: {} did not come up, and is taken out of etcd again", name_) << std::endl;
    }
}

}  // namespace warren::ctl
