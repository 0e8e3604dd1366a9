// fleet
#include <charconv>
#include <cstdint>
#include <optional>
#include <string>

#include "ctl/commands/fleet_files.h"
#include "ctl/commands/fleet_identity.h"
#include "ctl/commands/fleet_invite.h"
#include "ctl/commands/fleet_papers.h"
#include "ctl/commands/fleet_rebalance.h"
#include "ctl/commands/fleet_status.h"
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

// Of the configuration; nothing: another verb.
std::optional<int> run_files(const Invocation& invocation, Output& output) {
    const auto& words = invocation.arguments;
    const std::string& verb = words[0];
    const FleetOptions& options = invocation.fleet;
    const bool makes_node = verb == "authority" || (verb == "join" && words.size() == 2);
    if (!makes_node && !(options.weight + options.zone).empty())
        return complain(
            output, kUsage,
            "--weight and --zone: accepted: with fleet authority and fleet join TOKEN; a node that is there "
            "has them in fleet.toml");
    if (const std::string problem = place_problem(options); !problem.empty())
        return complain(output, kUsage, "fleet " + verb + " " + problem);
    if (verb == "ours" || verb == "theirs") {
        if (words.size() != 2) return complain(output, kUsage, "fleet " + verb + " takes the name of a file");
        return settle_fleet_file(invocation, words[1], verb == "ours", output);
    }
    if (verb == "invite" || verb == "remove") {
        if (words.size() != 2) return complain(output, kUsage, "fleet " + verb + " takes the name of a node");
        return verb == "invite" ? invite_node(invocation, words[1], output)
                                : remove_fleet_node(invocation, words[1], output);
    }
    if (verb == "join" && words.size() == 2) return join_with_token(invocation, words[1], output);
    if (words.size() > 1) return std::nullopt;
    if (verb == "authority") return make_fleet_authority(invocation, output);
    if (verb == "renew") return renew_certificates(invocation, output);
    if (verb == "key") return show_fleet_key(invocation, output);
    if (verb == "init") return init_fleet(invocation, output);
    if (verb == "join") return join_fleet(invocation, output);
    if (verb == "seal") return seal_for_fleet(invocation, output);
    if (verb == "rebalance") return rebalance_fleet(invocation, output);
    if (verb == "follow") return follow_fleet(invocation, output);
    return std::nullopt;
}

}  // namespace

int run_fleet(const Invocation& invocation, Output& output) {
    const auto& words = invocation.arguments;
    const std::string& verb = words[0];
    if (const auto done = run_files(invocation, output)) return *done;
    ipc::ControlRequest request;
    if (verb == "move") {
        const auto group = words.size() > 1 ? group_of(words[1]) : std::nullopt;
        if (!group) return complain(output, kUsage, "fleet move takes the number of a group");
        request.verb = ipc::ControlVerb::kFleetMove;
        request.group = *group;
        if (const auto done = let_rest(invocation, *group, output)) return *done;
        if (words.size() > 2) {
            request.peer = words[2];
            if (const auto done = move_from_other(invocation, *group, words[2], output)) return *done;
        }
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
        return complain(output, kUsage,
                        "fleet: unknown verb \"" + verb +
                            "\"; accepted: status, move, rebalance, drain, undrain, authority, key, init, "
                            "invite, join, remove, renew, seal, follow, ours, theirs");
    }
    if (verb == "status" && invocation.json) return show_fleet_json(request, invocation, output);
    const int status = request_from_fleetd(request, invocation, output);
    if (verb == "status") {
        show_fleet_files(invocation, output);
        show_fleet_certificates(invocation, output);
    }
    return status;
}

}  // namespace warren::ctl
