#include "ctl/ask/alert_client.h"

#include <utility>
#include <variant>
#include <vector>

#include "ctl/ask/daemon.h"

namespace warren::ctl {

namespace {

constexpr int kPatienceSeconds = 10;
// A receiver may take 20 s, and so may a delivery before it.
constexpr int kTestPatienceSeconds = 50;

}  // namespace

Result<ipc::AlertAnswer> ask_alertd(const std::string& run_dir, bool test) {
    auto channel = connect_daemon("alertd", run_dir + "/alert.sock");
    if (!channel)
        return fail(ErrorCode::kUnavailable, channel.error().what + "; alertd runs when warren.toml has [alerts]");
    WARREN_TRY(limit_waiting(*channel, test ? kTestPatienceSeconds : kPatienceSeconds));
    std::vector<std::uint8_t> wire;
    WARREN_TRY(ipc::encode(ipc::AlertQuestion{test}, wire));
    WARREN_TRY(channel->send(wire));
    std::vector<std::uint8_t> space;
    const auto bytes = receive_from(*channel, "alertd", space);
    if (!bytes) return tl::unexpected<Error>(bytes.error());
    auto message = ipc::decode_alert_talk(*bytes);
    if (!message) return with_context("alertd", message.error());
    auto* answer = std::get_if<ipc::AlertAnswer>(&*message);
    if (answer == nullptr) return fail(ErrorCode::kFailed, "alertd: an unexpected message");
    return std::move(*answer);
}

}  // namespace warren::ctl
