#include "ipc/listener.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/ipsec.h"
#include "ipc/config_messages.h"

namespace warren::ipc {

namespace {

bool is_possible(const DescriptorRole& role, std::uint32_t workers, std::size_t ports) {
    if (role.port >= ports) return false;
    switch (role.role) {
        case SocketRole::kMessages:
        case SocketRole::kSolicited: return role.worker == 0;
        case SocketRole::kData: return role.worker < workers && role.port == 0;
        case SocketRole::kControl: return role.family == Family::kV4 && role.worker == 0 && role.port == 0;
        case SocketRole::kSurplus: return role.worker < kMaxWorkers;
    }
    return false;
}

std::set<DescriptorRole> needed_of(Family family, std::uint32_t workers, std::size_t ports) {
    std::set<DescriptorRole> out;
    for (std::size_t at = 0; at < ports; ++at) {
        const auto port = static_cast<std::uint8_t>(at);
        out.insert({SocketRole::kMessages, family, 0, port});
        out.insert({SocketRole::kSolicited, family, 0, port});
    }
    for (std::uint32_t i = 0; i < workers; ++i) out.insert({SocketRole::kData, family, static_cast<std::uint16_t>(i)});
    return out;
}

}  // namespace

std::vector<std::uint16_t> ports_of(ListenerKind kind, std::uint16_t port) {
    if (kind == ListenerKind::kIke) return {port, kIkePort};
    return {port};
}

Status check_roles(ListenerKind kind, std::span<const DescriptorRole> roles, std::uint32_t workers) {
    const std::size_t ports = ports_of(kind, 0).size();
    std::set<DescriptorRole> seen;
    bool has_v6 = false;
    for (const DescriptorRole& role : roles) {
        if (!is_possible(role, workers, ports))
            return fail(ErrorCode::kInvalid, "no listener has a " + to_string(role));
        if (!seen.insert(role).second) return fail(ErrorCode::kInvalid, "the " + to_string(role) + " is there twice");
        has_v6 = has_v6 || role.family == Family::kV6;
    }
    for (const Family family : {Family::kV4, Family::kV6}) {
        if (family == Family::kV6 && !has_v6) continue;
        for (const DescriptorRole& role : needed_of(family, workers, ports)) {
            if (!seen.contains(role)) return fail(ErrorCode::kInvalid, "the " + to_string(role) + " is missing");
        }
    }
    return {};
}

std::string to_string(const ListenerId& id) {
    return fmt::format("{} '{}'", id.kind == ListenerKind::kIke ? "IKE listener" : "listener", id.owner);
}

std::string to_string(const DescriptorRole& role) {
    const std::string family = fmt::format("{}{}", role.family == Family::kV4 ? "IPv4" : "IPv6",
                                           role.port == 0 ? "" : fmt::format(", port {}", role.port));
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
