#include "ctl/ask/fleet_client.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/json_members.h"
#include "base/printable.h"
#include "ctl/ask/daemon.h"
#include "ctl/ask/fleet_question.h"
#include "ipc/long_text.h"

namespace warren::ctl {

namespace {

using nlohmann::json;

constexpr std::uint64_t kMostNumber = std::uint64_t{1} << 53U;  // as fleetd (fleet/records/configuration.cc)
constexpr int kPatienceSeconds = 30;
constexpr std::uint64_t kMostRest = 3'600'000;  // milliseconds, of a hostile answer
constexpr std::size_t kMostAnswer = 128 * 1024 * 1024;

}  // namespace

json array_of(const json& of, const char* name) {
    const auto found = of.find(name);
    return found != of.end() && found->is_array() ? *found : json::array();
}

Result<json> ask_for_json(const std::string& run_dir, const json& question) {
    auto channel = connect_daemon("fleetd", run_dir + "-fleet/config.sock");
    if (!channel) return tl::unexpected<Error>(channel.error());
    WARREN_TRY(limit_waiting(*channel, kPatienceSeconds));
    WARREN_TRY(ipc::send_text(*channel, question.dump(-1, ' ', false, json::error_handler_t::replace)));
    const auto text = ipc::receive_text(*channel, kMostAnswer);
    if (!text) return with_context("fleetd", text.error());
    json answer = json::parse(*text, nullptr, false);
    if (!answer.is_object()) return fail(ErrorCode::kFailed, "fleetd: its answer has another form");
    if (answer.contains("error")) {
        const bool is_refused = answer.value("refused", json(false)) == json(true);
        return fail(is_refused ? ErrorCode::kConflict : ErrorCode::kFailed,
                    "fleetd: " + printable(text_of(answer, "error")));
    }
    return answer;
}

Result<FleetConfiguration> fleet_configuration(const std::string& run_dir, std::uint64_t since) {
    const auto answer = ask_for_json(run_dir, {{"op", "get"}, {"since", since}});
    if (!answer) return tl::unexpected<Error>(answer.error());
    FleetConfiguration out;
    out.revision = number_of(*answer, "revision");
    out.number = number_of(*answer, "number");
    out.number_changed = number_of(*answer, "number_changed");
    const auto files = answer->find("files");
    if (files != answer->end() && files->is_array()) {
        for (const json& file : *files) {
            if (file.is_object())
                out.changed.push_back({text_of(file, "key"), number_of(file, "changed"), text_of(file, "text")});
        }
    }
    const bool is_later = std::any_of(out.changed.begin(), out.changed.end(),
                                      [&](const FleetFile& file) { return file.changed > out.revision; });
    if (is_later || out.number > kMostNumber || out.number_changed > out.revision)
        return fail(ErrorCode::kFailed, "fleetd: it tells of revisions that etcd does not have");
    for (std::string& key : texts_of(*answer, "keys")) out.keys.insert(std::move(key));
    out.broken = texts_of(*answer, "broken");
    return out;
}

Result<FleetAbout> fleet_about(const std::string& run_dir, std::uint64_t changed) {
    const auto answer = ask_for_json(run_dir, {{"op", "about"}, {"changed", changed}});
    if (!answer) return tl::unexpected<Error>(answer.error());
    return FleetAbout{number_of(*answer, "number"), text_of(*answer, "user"), text_of(*answer, "node"),
                      static_cast<std::int64_t>(number_of(*answer, "wall")), text_of(*answer, "comment")};
}

Result<FleetDone> propose(const std::string& run_dir, const FleetProposal& proposal) {
    json files = json::array();
    for (const FleetFile& file : proposal.files) {
        json one{{"key", file.key}, {"changed", file.changed}};
        if (file.text) one["text"] = *file.text;
        files.push_back(std::move(one));
    }
    const auto answer = ask_for_json(run_dir, {{"op", "put"},
                                               {"number", proposal.number},
                                               {"number_changed", proposal.number_changed},
                                               {"user", proposal.user},
                                               {"comment", proposal.comment},
                                               {"files", std::move(files)}});
    if (!answer) return tl::unexpected<Error>(answer.error());
    return FleetDone{number_of(*answer, "number"), number_of(*answer, "changed")};
}

Result<std::vector<FleetGroup>> fleet_groups(const std::string& run_dir) {
    const auto answer = ask_for_json(run_dir, {{"op", "groups"}});
    if (!answer) return tl::unexpected<Error>(answer.error());
    std::vector<FleetGroup> out;
    for (const json& group : array_of(*answer, "groups"))
        out.push_back({number_of(group, "group"), text_of(group, "owner"), number_of(group, "epoch"),
                       flag_of(group, "well"), number_of(group, "peers"),
                       std::chrono::milliseconds(std::min(number_of(group, "rest"), kMostRest))});
    return out;
}

Result<std::vector<FleetNodeState>> fleet_nodes(const std::string& run_dir) {
    const auto answer = ask_for_json(run_dir, {{"op", "groups"}});
    if (!answer) return tl::unexpected<Error>(answer.error());
    std::vector<FleetNodeState> out;
    for (const json& node : array_of(*answer, "nodes"))
        out.push_back({text_of(node, "node"), flag_of(node, "alive"), flag_of(node, "drains"), flag_of(node, "serves"),
                       std::max<std::uint64_t>(number_of(node, "weight"), 1), text_of(node, "zone")});
    return out;
}

Result<FleetPlan> fleet_plan(const std::string& run_dir, std::uint64_t most) {
    const auto answer = ask_for_json(run_dir, {{"op", "plan"}, {"max", most}});
    if (!answer) return tl::unexpected<Error>(answer.error());
    FleetPlan out;
    for (const json& move : array_of(*answer, "moves"))
        out.moves.push_back({number_of(move, "group"), text_of(move, "from"), text_of(move, "to"),
                             number_of(move, "epoch"), number_of(move, "peers"), false});
    out.all = number_of(*answer, "all");
    out.nodes = texts_of(*answer, "nodes");
    return out;
}

Status wish_move(const std::string& run_dir, const FleetMove& move) {
    json question{{"op", "wish"}, {"group", move.group}, {"to", move.to}, {"epoch", move.epoch}};
    if (move.is_undo) question["undo"] = true;
    const auto answer = ask_for_json(run_dir, question);
    if (!answer) return tl::unexpected<Error>(answer.error());
    return {};
}

Status wait_for_fleet(const std::string& run_dir) {
    const auto answer = ask_for_json(run_dir, {{"op", "wait"}});
    if (!answer) return tl::unexpected<Error>(answer.error());
    return {};
}

}  // namespace warren::ctl
