#include "ipc/ipsec.h"

#include <algorithm>

namespace warren::ipc {

namespace {

Status check(const IpsecChild& child, bool has_pool) {
    const bool too_many = child.local.size() > IpsecChild::kMostSelectors ||
                          child.remote.size() > IpsecChild::kMostSelectors ||
                          child.routes.size() > IpsecChild::kMostRoutes;
    if (too_many) return fail(ErrorCode::kInvalid, "child " + child.name + " has too many networks");
    if (child.local.empty() || child.remote.empty() != has_pool)
        return fail(ErrorCode::kInvalid, "child " + child.name + " lacks a side");
    return {};
}

}  // namespace

Status check(const ConnectionSettings& settings) {
    if (settings.name.empty()) return fail(ErrorCode::kInvalid, "no name");
    if (settings.children.empty() || settings.children.size() > ConnectionSettings::kMostChildren)
        return fail(ErrorCode::kInvalid, "a wrong number of children");
    for (const IpsecChild& child : settings.children) WARREN_TRY(check(child, !settings.pool.empty()));
    if (settings.pool.size() > ConnectionSettings::kMostPools) return fail(ErrorCode::kInvalid, "too many pools");
    if (std::max(settings.ike.size(), settings.esp.size()) > ConnectionSettings::kMostProposals)
        return fail(ErrorCode::kInvalid, "too many proposals");
    if (settings.max_sessions == 0) return fail(ErrorCode::kInvalid, "no sessions");
    return {};
}

}  // namespace warren::ipc
