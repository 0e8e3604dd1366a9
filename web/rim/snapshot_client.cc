#include "web/rim/snapshot_client.h"

#include <utility>
#include <variant>

namespace warren::web {

void SnapshotClient::connect(ipc::Channel channel) {
    channel_ = std::move(channel);
    space_.resize(ipc::kMaxMessageSize);
    round_ = {};
    has_header_ = waiting_ = false;
    epoch_ = revision_ = 0;
}

Status SnapshotClient::send_request() {
    if (!channel_.valid() || waiting_) return {};
    std::vector<std::uint8_t> wire;
    WARREN_TRY(ipc::encode(ipc::SnapshotRequest{"", true, epoch_, revision_}, wire));
    const Status sent = channel_.send(wire);
    if (!sent && sent.error().code == ErrorCode::kUnavailable) return {};  // the next call tries again
    WARREN_TRY(sent);
    waiting_ = true;
    return {};
}

Result<bool> SnapshotClient::add_message(ipc::SnapshotMessage message) {
    if (auto* header = std::get_if<ipc::SnapshotHeader>(&message); header != nullptr && !has_header_) {
        round_.header = std::move(*header);
        has_header_ = true;
        return false;
    }
    if (auto* customer = std::get_if<ipc::CustomerSnapshot>(&message); customer != nullptr && has_header_) {
        round_.customers.push_back({std::move(*customer), {}});
        return false;
    }
    if (auto* peer = std::get_if<ipc::PeerSnapshot>(&message); peer != nullptr && !round_.customers.empty()) {
        round_.customers.back().peers.push_back(std::move(*peer));
        return false;
    }
    // The page shows peers only.
    if (std::holds_alternative<ipc::ConnectionSnapshot>(message) && !round_.customers.empty()) return false;
    if (std::holds_alternative<ipc::SnapshotEnd>(message) && has_header_) return true;
    return fail(ErrorCode::kFailed, "vpnd sent its messages in the wrong order");
}

Result<std::optional<SnapshotRound>> SnapshotClient::receive() {
    const auto broken = [this](Error error) {
        close();
        return tl::unexpected<Error>(std::move(error));
    };
    for (std::size_t i = 0; i < kMessagesPerCall && channel_.valid(); ++i) {
        const auto received = channel_.receive(space_);
        if (!received && received.error().code == ErrorCode::kUnavailable) return std::nullopt;
        if (!received) return broken(received.error());
        if (received->closed) return broken({ErrorCode::kUnavailable, "vpnd closed the connection"});
        auto message = ipc::decode_snapshot(Bytes(space_).first(received->size));
        if (!message) return broken(message.error());
        const auto finished = add_message(std::move(*message));
        if (!finished) return broken(finished.error());
        if (!*finished) continue;
        waiting_ = has_header_ = false;
        epoch_ = round_.header.epoch;
        revision_ = round_.header.revision;
        return std::exchange(round_, {});
    }
    return std::nullopt;
}

}  // namespace warren::web
