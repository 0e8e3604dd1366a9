#include "ipc/listener.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "ipc/config_messages.h"

namespace warren::ipc {

namespace {

bool is_possible(const DescriptorRole& role, std::uint32_t workers) {
    switch (role.role) {
        case SocketRole::kMessages:
        case SocketRole::kSolicited: return role.worker == 0;
        case SocketRole::kData: return role.worker < workers;
        case SocketRole::kControl: return role.family == Family::kV4 && role.worker == 0;
        case SocketRole::kSurplus: return role.worker < kMaxWorkers;
    }
    return false;
}

}  // namespace

Status check_roles(std::span<const DescriptorRole> roles, std::uint32_t workers) {
    std::set<DescriptorRole> seen;
    bool has_v6 = false;
    for (const DescriptorRole& role : roles) {
        if (!is_possible(role, workers)) return fail(ErrorCode::kInvalid, "no listener has a " + to_string(role));
        if (!seen.insert(role).second) return fail(ErrorCode::kInvalid, "the " + to_string(role) + " is there twice");
        has_v6 = has_v6 || role.family == Family::kV6;
    }
    for (const Family family : {Family::kV4, Family::kV6}) {
        if (family == Family::kV6 && !has_v6) continue;
        std::set<DescriptorRole> needed{{SocketRole::kMessages, family}, {SocketRole::kSolicited, family}};
        for (std::uint32_t i = 0; i < workers; ++i)
            needed.insert({SocketRole::kData, family, static_cast<std::uint16_t>(i)});
        for (const DescriptorRole& role : needed) {
            if (!seen.contains(role)) return fail(ErrorCode::kInvalid, "the " + to_string(role) + " is missing");
        }
    }
    return {};
}

std::string to_string(const ListenerId& id) {
    return fmt::format("listener '{}'", id.owner);
}

std::string to_string(const DescriptorRole& role) {
    const char* family = role.family == Family::kV4 ? "IPv4" : "IPv6";
    switch (role.role) {
        case SocketRole::kMessages: return fmt::format("message socket ({})", family);
        case SocketRole::kData: return fmt::format("data socket of worker {} ({})", role.worker, family);
        case SocketRole::kControl: return "control socket";
        case SocketRole::kSolicited: return fmt::format("solicited message socket ({})", family);
        case SocketRole::kSurplus: return fmt::format("surplus socket {} ({})", role.worker, family);
    }
    return "socket";
}

}  // namespace warren::ipc
