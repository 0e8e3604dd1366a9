// An operator wants to see a customer's packets: who does is written down, and vpnd gets the socket.
#include <string>

#include "base/log.h"
#include "stacks/supervisor.h"

namespace warren::stacks {

namespace {

constexpr std::uint8_t kFailed = 4;

}  // namespace

Report Supervisor::capture(const ipc::ControlRequest& request, uid_t peer) {
    const UniqueFd socket = control_->take_descriptor();
    const auto refuse = [](std::string why) { return Report{{}, false, kFailed, std::move(why)}; };
    if (!socket.valid() || !ipc::Channel::is_channel(socket.get()))
        return refuse("a capture needs a socket for its packets");
    const config::AcceptedCustomer* const accepted = reconciler_.current().find(request.customer);
    if (accepted == nullptr) return refuse("there is no customer " + request.customer);
    if (!link_.is_connected()) return refuse("vpnd is not running; try again when it is");
    // Before the first packet is seen.
    log(LogLevel::kWarn, "capture_requested",
        {{"customer", request.customer},
         {"peer", request.peer},
         {"uid", std::to_string(peer)},
         {"user", request.claimed_user},
         {"filter", request.comment}});
    if (const Status passed = link_.pass(ipc::StartCapture{request.customer, request.peer}, {socket.get()}); !passed) {
        link_.close();
        return refuse(passed.error().what);
    }
    return {{}, false, 0, "the packets of customer " + request.customer + " are shown"};
}

}  // namespace warren::stacks
