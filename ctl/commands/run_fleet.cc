// fleet
#include <charconv>
#include <cstdint>
#include <optional>
#include <string>

#include "ctl/commands/request.h"
#include "ctl/runners.h"

namespace warren::ctl {

namespace {

std::optional<std::uint16_t> group_of(const std::string& text) {
    std::uint16_t group = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), group);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return group;
}

}  // namespace

int run_fleet(const Invocation& invocation, Output& output) {
    const auto& words = invocation.arguments;
    const std::string& verb = words[0];
    ipc::ControlRequest request;
    if (verb == "move") {
        const auto group = words.size() > 1 ? group_of(words[1]) : std::nullopt;
        if (!group) return complain(output, kUsage, "fleet move takes the number of a group");
        request.verb = ipc::ControlVerb::kFleetMove;
        request.group = *group;
        if (words.size() > 2) request.peer = words[2];
        return request_from_fleetd(request, invocation, output);
    }
    if (words.size() > 1) return complain(output, kUsage, "fleet " + verb + " takes nothing more");
    if (verb == "status") {
        request.verb = ipc::ControlVerb::kFleetStatus;
    } else if (verb == "drain") {
        request.verb = ipc::ControlVerb::kFleetDrain;
    } else if (verb == "undrain") {
        request.verb = ipc::ControlVerb::kFleetUndrain;
    } else {
        return complain(output, kUsage, "fleet: unknown verb \"" + verb + "\"; accepted: status, move, drain, undrain");
    }
    return request_from_fleetd(request, invocation, output);
}

}  // namespace warren::ctl
