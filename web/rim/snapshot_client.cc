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
    WARREN_TRY(ipc::encode(ipc::SnapshotRequest{"", true, epoch_, revision_, true}, wire));
    const Status sent = channel_.send(wire);
    if (!sent && sent.error().code == ErrorCode::kUnavailable) return {};  // the next call tries again
    WARREN_TRY(sent);
    waiting_ = true;
    return {};
}

// False: it is none, or of no connection.
bool SnapshotClient::add_sa(ipc::SnapshotMessage& message) {
    if (round_.customers.empty() || round_.customers.back().connections.empty()) return false;
    SnapshotRound::Connection& connection = round_.customers.back().connections.back();
    if (auto* const ike_sa = std::get_if<ipc::IkeSaSnapshot>(&message)) {
        if (connection.ike_sas.size() < ConnectionEntry::kMostIkeSas) {
            connection.ike_sas.push_back({std::move(*ike_sa), {}});
        } else {
            ++connection.ike_sas_left_out;
        }
        return true;
    }
    auto* const child = std::get_if<ipc::ChildSnapshot>(&message);
    if (child == nullptr || connection.ike_sas.empty()) return false;
    if (connection.ike_sas_left_out == 0) connection.ike_sas.back().children.push_back(std::move(*child));
    return true;
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
    if (auto* one = std::get_if<ipc::ConnectionSnapshot>(&message); one != nullptr && !round_.customers.empty()) {
        round_.customers.back().connections.push_back({std::move(*one)});
        return false;
    }
    if (add_sa(message)) return false;
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
