#include "fleet/rim/cluster.h"

#include <optional>
#include <string>

#include "base/json_members.h"
#include "base/log.h"
#include "fleet/records/members.h"
#include "fleet/records/papers.h"
#include "fleet/records/records.h"

namespace warren::fleet {

namespace {

using nlohmann::json;

constexpr std::size_t kMostUrl = 200;
constexpr std::size_t kMostId = 20;  // digits

json refused(const std::string& why) {
    return {{"error", why}};
}

json members_of(const Result<std::string>& text) {
    const auto members = text ? parse_members(*text) : tl::unexpected<Error>(text.error());
    if (!members) return refused(members.error().what);
    json out = json::array();
    for (const Member& member : *members)
        out.push_back(
            {{"id", member.id}, {"name", member.name}, {"urls", member.urls}, {"learner", member.is_learner}});
    return {{"members", out}};
}

}  // namespace

json answer_members(const ConfigurationSocket::Ask& ask) {
    return members_of(ask(kMembersTarget, "{}"));
}

json answer_member(const json& question, const ConfigurationSocket::Ask& ask) {
    const std::string op = text_of(question, "op");
    const std::string url = text_of(question, "url");
    const std::string id = text_of(question, "id");
    const bool adds = op == "member_add";
    if (adds ? url.empty() || url.size() > kMostUrl
             : id.empty() || id.size() > kMostId || id.find_first_not_of("0123456789") != std::string::npos)
        return refused("no member");
    json done =
        members_of(adds ? ask(kAddMemberTarget, add_member_request(url))
                        : ask(op == "member_promote" ? kPromoteMemberTarget : kRemoveMemberTarget, member_request(id)));
    if (!done.contains("error"))
        log(LogLevel::kInfo, "etcd_members_changed", {{"how", op}, {"member", adds ? url : id}});
    return done;
}

json answer_papers(const ConfigurationSocket::Ask& ask) {
    const auto text = ask(kTransactionTarget, papers_request());
    const auto papers = text ? parse_papers(*text) : tl::unexpected<Error>(text.error());
    if (!papers) return refused(papers.error().what);
    json out = json::array();
    for (const Paper& paper : *papers)
        out.push_back({{"key", paper.key}, {"changed", paper.changed}, {"text", paper.text}});
    return {{"papers", out}};
}

json answer_put_paper(const json& question, const ConfigurationSocket::Ask& ask) {
    const std::string key = text_of(question, "key");
    std::optional<std::string> text;
    if (question.contains("text")) text = text_of(question, "text");
    if (!is_paper_key(key) || (text && text->size() > kMostPaper)) return refused("no such record");
    const auto answer = ask(kTransactionTarget, paper_request(key, number_of(question, "changed"), text));
    const auto done = answer ? parse_answer(*answer) : tl::unexpected<Error>(answer.error());
    if (!done) return refused(done.error().what);
    if (!done->accepted) {
        json out = refused("somebody else changed it meanwhile");
        out["refused"] = true;
        return out;
    }
    return json::object();
}

}  // namespace warren::fleet
