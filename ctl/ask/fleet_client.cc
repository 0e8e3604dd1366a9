#include "ctl/ask/fleet_client.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/printable.h"
#include "ctl/ask/daemon.h"
#include "ipc/long_text.h"

namespace warren::ctl {

namespace {

using nlohmann::json;

constexpr std::uint64_t kMostNumber = std::uint64_t{1} << 53U;  // as fleetd (fleet/records/configuration.cc)
constexpr int kPatienceSeconds = 30;
constexpr std::size_t kMostAnswer = 128 * 1024 * 1024;

std::uint64_t number_of(const json& of, const char* name) {
    const auto found = of.find(name);
    return found != of.end() && found->is_number_unsigned() ? found->get<std::uint64_t>() : 0;
}

std::string text_of(const json& of, const char* name) {
    const auto found = of.find(name);
    return found != of.end() && found->is_string() ? found->get<std::string>() : "";
}

std::vector<std::string> texts_of(const json& of, const char* name) {
    std::vector<std::string> out;
    const auto found = of.find(name);
    if (found == of.end() || !found->is_array()) return out;
    for (const json& one : *found) {
        if (one.is_string()) out.push_back(one.get<std::string>());
    }
    return out;
}

Result<json> ask(const std::string& run_dir, const json& question) {
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

}  // namespace

Result<FleetConfiguration> fleet_configuration(const std::string& run_dir, std::uint64_t since) {
    const auto answer = ask(run_dir, {{"op", "get"}, {"since", since}});
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
    const auto answer = ask(run_dir, {{"op", "about"}, {"changed", changed}});
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
    const auto answer = ask(run_dir, {{"op", "put"},
                                      {"number", proposal.number},
                                      {"number_changed", proposal.number_changed},
                                      {"user", proposal.user},
                                      {"comment", proposal.comment},
                                      {"files", std::move(files)}});
    if (!answer) return tl::unexpected<Error>(answer.error());
    return FleetDone{number_of(*answer, "number"), number_of(*answer, "changed")};
}

Status wait_for_fleet(const std::string& run_dir) {
    const auto answer = ask(run_dir, {{"op", "wait"}});
    if (!answer) return tl::unexpected<Error>(answer.error());
    return {};
}

}  // namespace warren::ctl
