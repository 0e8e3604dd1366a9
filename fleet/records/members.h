// The members of etcd's own cluster, as its JSON gateway tells of them and changes them. PURE. Source: etcd 3.4,
// api/etcdserverpb/rpc.proto, service Cluster.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace warren::fleet {

inline constexpr const char* kMembersTarget = "/v3/cluster/member/list";
inline constexpr const char* kAddMemberTarget = "/v3/cluster/member/add";
inline constexpr const char* kPromoteMemberTarget = "/v3/cluster/member/promote";
inline constexpr const char* kRemoveMemberTarget = "/v3/cluster/member/remove";
inline constexpr std::size_t kMostMembers = 32;

struct Member {
    std::string id;    // a number
    std::string name;  // "": it was never started
    std::vector<std::string> urls;
    bool is_learner = false;
};
// To each of the requests.
[[nodiscard]] Result<std::vector<Member>> parse_members(const std::string& body);
// A learner: it gets everything and has no vote.
[[nodiscard]] std::string add_member_request(const std::string& url);
// `id` as a Member has it.
[[nodiscard]] std::string member_request(const std::string& id);

}  // namespace warren::fleet
