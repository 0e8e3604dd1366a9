#include "ctl/commands/fleet_rebalance.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <ostream>
#include <thread>

#include "base/clock.h"
#include "base/printable.h"
#include "ctl/ask/fleet_client.h"
#include "ctl/commands/change.h"
#include "ctl/files/fleet_base.h"
#include "ctl/show/table.h"

namespace warren::ctl {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr auto kLook = milliseconds(250);
constexpr auto kBetween = seconds(5);  // two moves
constexpr std::uint64_t kMostGroups = 256;
constexpr auto kMostRest = seconds(60);  // twice what fleetd asks for

int refuse(Output& output, const Error& error) {
    return complain(output, error.code == ErrorCode::kUnavailable ? kUnreachable : kFailed, error.what);
}

std::string count_of(std::uint64_t count, std::string_view noun) {
    return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

void print(const FleetPlan& plan, Output& output) {
    Table table({{"GROUP", Align::kRight}, {"FROM"}, {"TO"}, {"PEERS", Align::kRight}});
    for (const FleetMove& move : plan.moves)
        table.add({std::to_string(move.group), move.from, move.to, std::to_string(move.peers)});
    output.out << table.text();
    if (plan.all > plan.moves.size())
        output.out << fmt::format("and {} more, which --max leaves for another time\n", plan.all - plan.moves.size());
    output.out.flush();
}

// The group as fleetd of this node knows it now.
Result<FleetGroup> look(const Invocation& invocation, std::uint64_t number) {
    const auto groups = fleet_groups(invocation.run_dir);
    if (!groups) return tl::unexpected<Error>(groups.error());
    const auto found =
        std::find_if(groups->begin(), groups->end(), [number](const auto& group) { return group.group == number; });
    if (found == groups->end()) return fail(ErrorCode::kNotFound, fmt::format("there is no group {}", number));
    return *found;
}

// Half of them are enough: a peer counts as online for three minutes after it went away.
bool is_well(const FleetGroup& group, const FleetMove& move) {
    return group.is_well && group.peers * 2 >= move.peers;
}

// A group whose owner does not serve it may go at once.
bool does_rest(const FleetGroup& group) {
    return group.is_well && group.rest.count() > 0;
}

std::string rest_text(const FleetGroup& group) {
    return fmt::format("group {} has a new owner, and keeps it for another {} s", group.group,
                       std::chrono::ceil<seconds>(group.rest).count());
}

// Until it may change its owner. What fleetd does not tell, or never grants, is said by who is asked next.
void await_rest(const Invocation& invocation, std::uint64_t number, Output& output) {
    const Instant until = read_instant() + kMostRest;
    for (bool is_said = false; read_instant() < until; is_said = true) {
        const auto group = look(invocation, number);
        if (!group || !does_rest(*group)) return;
        if (!is_said) output.err << "vpnctl: " << rest_text(*group) << "; waiting" << std::endl;
        std::this_thread::sleep_for(std::min<milliseconds>(group->rest, seconds(1)));
    }
}

// Why it is not done; or how many peers are there.
Result<std::uint64_t> make(const Invocation& invocation, const FleetMove& move, const MovePatience& patience = {}) {
    const auto asked = wish_move(invocation.run_dir, move);
    if (!asked) return tl::unexpected<Error>(asked.error());
    Instant until = read_instant() + patience.giving;
    bool is_given = false;
    while (true) {
        const auto now = look(invocation, move.group);
        if (!now) return tl::unexpected<Error>(now.error());
        if (now->epoch != move.epoch && now->owner != move.to)
            return fail(ErrorCode::kConflict, fmt::format("{} has it now", printable(now->owner)));
        if (now->owner == move.to && !is_given) {
            is_given = true;
            until = read_instant() + patience.arriving;
        }
        if (is_given && is_well(*now, move)) return now->peers;
        if (read_instant() >= until) {
            if (!is_given) return fail(ErrorCode::kUnavailable, fmt::format("{} did not give it", move.from));
            return fail(ErrorCode::kUnavailable, now->is_well
                                                     ? fmt::format("{} of {} peers are back", now->peers, move.peers)
                                                     : fmt::format("{} does not say that it serves it", move.to));
        }
        std::this_thread::sleep_for(kLook);
    }
}

// A group that came to a node and is not well there goes to where it was well. What is said of it.
std::string give_back(const Invocation& invocation, const FleetMove& move) {
    const auto now = look(invocation, move.group);
    if (!now || now->owner != move.to) return "";
    const Status asked = wish_move(invocation.run_dir, {move.group, move.to, move.from, now->epoch, move.peers, true});
    return asked ? fmt::format("; {} takes it again", move.from)
                 : fmt::format("; {} cannot take it again: {}", move.from, printable(asked.error().what));
}

}  // namespace

int rebalance_fleet(const Invocation& invocation, Output& output, const MovePatience& patience) {
    std::uint64_t most = 0;
    if (const std::string& text = invocation.fleet.most; !text.empty()) {
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), most);
        if (error != std::errc() || end != text.data() + text.size() || most == 0 || most > kMostGroups)
            return complain(output, kUsage, "--max: accepted: 1 to 256");
    }
    const auto plan = fleet_plan(invocation.run_dir, most);
    if (!plan) return refuse(output, plan.error());
    if (plan->moves.empty()) {
        output.out << fmt::format("nothing to move: {} {} their share\n", count_of(plan->nodes.size(), "node"),
                                  plan->nodes.size() == 1 ? "has" : "have");
        return kDone;
    }
    print(*plan, output);
    const std::string question = "move " + count_of(plan->moves.size(), "group");
    if (!invocation.fleet.yes && !agrees(question, output))
        return complain(output, kAnswerIsNo,
                        fmt::format("nothing was moved; if that is right: vpnctl fleet rebalance{} --yes",
                                    most == 0 ? "" : fmt::format(" --max {}", most)));
    for (std::size_t i = 0; i < plan->moves.size(); ++i) {
        const FleetMove& move = plan->moves[i];
        if (i > 0) std::this_thread::sleep_for(kBetween);
        await_rest(invocation, move.group, output);
        const auto peers = make(invocation, move, patience);
        if (!peers)
            return complain(output, kFailed,
                            fmt::format("group {} to {}: {}; {} not moved{}", move.group, move.to, peers.error().what,
                                        count_of(plan->moves.size() - i - 1, "group") +
                                            (plan->moves.size() - i == 2 ? " was" : " were"),
                                        give_back(invocation, move)));
        output.out << fmt::format("group {}: {} has it, {} of {} peers are back\n", move.group, move.to, *peers,
                                  move.peers);
        output.out.flush();
    }
    return kDone;
}

std::optional<int> let_rest(const Invocation& invocation, std::uint16_t group, Output& output) {
    const auto now = look(invocation, group);
    if (!now || !does_rest(*now)) return std::nullopt;
    if (!invocation.fleet.wait) return complain(output, kFailed, rest_text(*now) + "; --wait waits for that");
    await_rest(invocation, group, output);
    return std::nullopt;
}

std::optional<int> move_from_other(const Invocation& invocation, std::uint16_t group, const std::string& to,
                                   Output& output) {
    const auto node = read_fleet_node(invocation.config_dir, false);
    const auto now = look(invocation, group);
    // What is wrong is said by who is asked next.
    if (!node || !now || now->owner.empty() || now->owner == node->name || now->owner == to) return std::nullopt;
    const auto peers = make(invocation, {group, now->owner, to, now->epoch, now->peers, false});
    if (!peers) return refuse(output, with_context(fmt::format("group {}", group), peers.error()).value());
    output.out << fmt::format("group {}: {} has it, {} of {} peers are back\n", group, printable(to), *peers,
                              now->peers);
    return kDone;
}

}  // namespace warren::ctl
