#include "ctl/ask/cluster_client.h"

#include "base/json_members.h"
#include "ctl/ask/fleet_question.h"

namespace warren::ctl {

namespace {

using nlohmann::json;

Status done(const Result<json>& answer) {
    if (!answer) return tl::unexpected<Error>(answer.error());
    return {};
}

}  // namespace

Result<std::vector<ClusterMember>> cluster_members(const std::string& run_dir) {
    const auto answer = ask_for_json(run_dir, {{"op", "members"}});
    if (!answer) return tl::unexpected<Error>(answer.error());
    std::vector<ClusterMember> out;
    for (const json& member : array_of(*answer, "members"))
        out.push_back(
            {text_of(member, "id"), text_of(member, "name"), texts_of(member, "urls"), flag_of(member, "learner")});
    return out;
}

Status add_learner(const std::string& run_dir, const std::string& url) {
    return done(ask_for_json(run_dir, {{"op", "member_add"}, {"url", url}}));
}

Status promote_learner(const std::string& run_dir, const std::string& id) {
    return done(ask_for_json(run_dir, {{"op", "member_promote"}, {"id", id}}));
}

Status remove_member(const std::string& run_dir, const std::string& id) {
    return done(ask_for_json(run_dir, {{"op", "member_remove"}, {"id", id}}));
}

Result<FleetPapers> fleet_papers(const std::string& run_dir) {
    const auto answer = ask_for_json(run_dir, {{"op", "papers"}});
    if (!answer) return tl::unexpected<Error>(answer.error());
    FleetPapers out;
    for (const json& paper : array_of(*answer, "papers"))
        out[text_of(paper, "key")] = {number_of(paper, "changed"), text_of(paper, "text")};
    return out;
}

Status put_fleet_paper(const std::string& run_dir, const std::string& key, std::uint64_t changed,
                       const std::optional<std::string>& text) {
    json question{{"op", "put_paper"}, {"key", key}, {"changed", changed}};
    if (text) question["text"] = *text;
    return done(ask_for_json(run_dir, question));
}

}  // namespace warren::ctl
