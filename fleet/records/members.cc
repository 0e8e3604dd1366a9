#include "fleet/records/members.h"

#include <algorithm>

#include "fleet/records/wire.h"

namespace warren::fleet {

namespace {

constexpr std::size_t kMostText = 300;
constexpr std::size_t kMostUrls = 8;

}  // namespace

Result<std::vector<Member>> parse_members(const std::string& body) {
    const wire::json answer = wire::parse(body);
    const wire::json* list = wire::member(answer, "members");
    if (list == nullptr || !list->is_array() || list->empty() || list->size() > kMostMembers)
        return fail(ErrorCode::kInvalid, "etcd's list of its members has another form");
    std::vector<Member> out;
    for (const wire::json& one : *list) {
        const std::uint64_t id = wire::number(wire::member(one, "ID"));
        if (id == 0) return fail(ErrorCode::kInvalid, "etcd's list of its members has another form");
        Member member{std::to_string(id),
                      wire::text(wire::member(one, "name")).value_or("").substr(0, kMostText),
                      {},
                      wire::flag(one, "isLearner", false)};
        const wire::json* urls = wire::member(one, "peerURLs");
        for (std::size_t i = 0; urls != nullptr && urls->is_array() && i < std::min(urls->size(), kMostUrls); ++i) {
            if (const auto url = wire::text(&(*urls)[i])) member.urls.push_back(url->substr(0, kMostText));
        }
        out.push_back(std::move(member));
    }
    return out;
}

std::string add_member_request(const std::string& url) {
    return wire::json{{"peerURLs", wire::json::array({url})}, {"isLearner", true}}.dump();
}

std::string member_request(const std::string& id) {
    return wire::json{{"ID", id}}.dump();
}

}  // namespace warren::fleet
