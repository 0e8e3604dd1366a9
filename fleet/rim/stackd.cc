#include "fleet/rim/stackd.h"

#include <sys/socket.h>
#include <sys/time.h>

#include <cerrno>
#include <utility>
#include <variant>

#include "ipc/channel.h"
#include "ipc/codec.h"
#include "ipc/snapshot.h"

namespace warren::fleet {

namespace {

Result<ipc::Channel> connect(const std::string& socket, int patience_seconds) {
    auto channel = ipc::Channel::connect(socket);
    if (!channel) return channel;
    const timeval patience{patience_seconds, 0};
    for (const int option : {SO_RCVTIMEO, SO_SNDTIMEO}) {
        if (::setsockopt(channel->fd(), SOL_SOCKET, option, &patience, sizeof patience) != 0)
            return fail_errno("set a timeout", errno);
    }
    return channel;
}

Result<Bytes> receive(ipc::Channel& channel, std::vector<std::uint8_t>& space) {
    space.resize(ipc::kMaxMessageSize);
    auto received = channel.receive(space);
    if (!received) return tl::unexpected<Error>(received.error());
    if (received->closed) return fail(ErrorCode::kUnavailable, "hung up");
    return Bytes(space).first(received->size);
}

}  // namespace

Result<StackdReply> ask_stackd(const std::string& socket, const ipc::ControlRequest& request, int patience_seconds) {
    auto channel = connect(socket, patience_seconds);
    if (!channel) return with_context("stackd", channel.error());
    std::vector<std::uint8_t> wire;
    WARREN_TRY(ipc::encode(ipc::ControlMessage(request), wire));
    WARREN_TRY(channel->send(wire));
    StackdReply reply;
    while (true) {
        const auto bytes = receive(*channel, wire);
        if (!bytes) return with_context("stackd", bytes.error());
        auto message = ipc::decode_control(*bytes);
        if (!message) return with_context("stackd", message.error());
        if (auto* text = std::get_if<ipc::ControlText>(&*message)) reply.texts.push_back(std::move(*text));
        const auto* done = std::get_if<ipc::ControlDone>(&*message);
        if (done == nullptr) continue;
        reply.exit_status = done->exit_status;
        reply.summary = done->summary;
        return reply;
    }
}

Status PeerPlacesReader::update() {
    auto channel = connect(socket_, 5);
    if (!channel) return with_context("vpnd", channel.error());
    ipc::SnapshotRequest request;
    request.epoch = epoch_;
    request.since = revision_;
    std::vector<std::uint8_t> wire;
    WARREN_TRY(ipc::encode(ipc::SnapshotMessage(request), wire));
    WARREN_TRY(channel->send(wire));
    PeerPlaces* customer = nullptr;
    while (true) {
        const auto bytes = receive(*channel, wire);
        if (!bytes) return with_context("vpnd", bytes.error());
        const auto message = ipc::decode_snapshot(*bytes);
        if (!message) return with_context("vpnd", message.error());
        if (std::holds_alternative<ipc::SnapshotEnd>(*message)) return {};
        if (const auto* error = std::get_if<ipc::SnapshotError>(&*message))
            return fail(ErrorCode::kFailed, error->reason);
        if (const auto* header = std::get_if<ipc::SnapshotHeader>(&*message)) {
            if (header->full) places_.clear();
            epoch_ = header->epoch;
            revision_ = header->revision;
        }
        if (const auto* one = std::get_if<ipc::CustomerSnapshot>(&*message)) {
            customer = &places_[one->settings.id];
            if (one->all_peers) customer->clear();
        }
        const auto* peer = std::get_if<ipc::PeerSnapshot>(&*message);
        if (peer == nullptr || customer == nullptr) continue;
        const auto* tunnel = std::get_if<ipc::ShownWireguardPeer>(&peer->tunnel);
        if (tunnel == nullptr) continue;
        const auto& where = peer->activity.endpoint;
        // A device of this node's means nothing elsewhere.
        if (peer->activity.has_session && where && where->scope_id == 0) {
            (*customer)[tunnel->public_key] = to_string(*where);
        } else {
            customer->erase(tunnel->public_key);
        }
    }
}

}  // namespace warren::fleet
