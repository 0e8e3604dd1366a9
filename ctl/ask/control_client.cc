#include "ctl/ask/control_client.h"

#include <algorithm>
#include <optional>
#include <sstream>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "ctl/ask/daemon.h"

namespace warren::ctl {

namespace {

constexpr std::string_view kUnconfirmed = "unconfirmed ";
constexpr std::string_view kRevision = "revision ";
constexpr int kStatusPatienceSeconds = 3;

Result<ipc::ControlDone> converse(ipc::Channel& channel, const std::string& daemon, const ipc::ControlRequest& request,
                                  const std::function<void(const ipc::ControlText&)>& on_text,
                                  const std::vector<int>& descriptors = {}) {
    std::vector<std::uint8_t> wire;
    WARREN_TRY(ipc::encode(request, wire));
    WARREN_TRY(channel.send(wire, descriptors));
    while (true) {
        const auto bytes = receive_from(channel, daemon, wire);
        if (!bytes) return tl::unexpected<Error>(bytes.error());
        auto message = ipc::decode_control(*bytes);
        if (!message) return with_context(daemon, message.error());
        if (const auto* text = std::get_if<ipc::ControlText>(&*message)) on_text(*text);
        if (auto* done = std::get_if<ipc::ControlDone>(&*message)) return std::move(*done);
    }
}

}  // namespace

Result<ipc::ControlDone> send_request(const std::string& run_dir, const ipc::ControlRequest& request,
                                      const std::function<void(const ipc::ControlText&)>& on_text,
                                      const std::vector<int>& descriptors, int patience) {
    auto channel = connect_daemon("stackd", run_dir + "/control.sock");
    if (!channel) return tl::unexpected<Error>(channel.error());
    if (patience > 0) WARREN_TRY(limit_waiting(*channel, patience));
    return converse(*channel, "stackd", request, on_text, descriptors);
}

Result<ipc::ControlDone> ask_fleetd(const std::string& run_dir, const ipc::ControlRequest& request,
                                    const std::function<void(const ipc::ControlText&)>& on_text) {
    auto channel = connect_daemon("fleetd", run_dir + "-fleet/fleetd.sock");
    if (!channel) return tl::unexpected<Error>(channel.error());
    return converse(*channel, "fleetd", request, on_text);
}

StackdStatus request_status(const std::string& run_dir, const std::string& customer) {
    StackdStatus status;
    auto channel = connect_daemon("stackd", run_dir + "/control.sock");
    const Status limited =
        channel ? limit_waiting(*channel, kStatusPatienceSeconds) : Status(tl::unexpected<Error>(channel.error()));
    status.runs = channel.has_value();
    if (!limited) {
        status.silence = limited.error().what;
        return status;
    }
    const ipc::ControlRequest request{ipc::ControlVerb::kStatus, std::nullopt, customer};
    const auto done = converse(*channel, "stackd", request, [&status](const ipc::ControlText& text) {
        if (text.kind == ipc::ControlText::Kind::kFact && !text.customer.empty()) {
            if (auto disabled = ipc::parse_disabled_peers(text.text))
                status.disabled_peers[text.customer] = std::move(*disabled);
        } else if (text.kind == ipc::ControlText::Kind::kFact && text.text.starts_with(kUnconfirmed)) {
            std::istringstream numbers(text.text.substr(kUnconfirmed.size()));
            Unconfirmed found;
            if (numbers >> found.base >> found.seconds_left) status.unconfirmed = found;
        } else if (text.kind == ipc::ControlText::Kind::kFact && text.text.starts_with(kRevision)) {
            std::istringstream number(text.text.substr(kRevision.size()));
            std::uint64_t found = 0;
            if (number >> found) status.revision = found;
        } else if (text.kind == ipc::ControlText::Kind::kFact) {
            status.facts.push_back(text.text);
        } else {
            status.problems.push_back(text);
        }
    });
    if (!done) status.silence = done.error().what;
    return status;
}

std::string stack_problem_of(const StackdStatus& stackd, const std::string& customer) {
    const auto found = std::find_if(stackd.problems.begin(), stackd.problems.end(), [&](const ipc::ControlText& text) {
        return text.kind == ipc::ControlText::Kind::kIncomplete && text.customer == customer;
    });
    return found == stackd.problems.end() ? std::string() : found->text.substr(0, found->text.find('\n'));
}

}  // namespace warren::ctl
