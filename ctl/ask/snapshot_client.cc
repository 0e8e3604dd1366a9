#include "ctl/ask/snapshot_client.h"

#include <algorithm>
#include <variant>

#include "ctl/ask/daemon.h"

namespace warren::ctl {

namespace {

// Adds one message to `out`. True when it was the last.
Result<bool> add_message(ipc::SnapshotMessage message, bool& has_header, Snapshot& out) {
    if (std::holds_alternative<ipc::SnapshotEnd>(message) && has_header) return true;
    if (auto* error = std::get_if<ipc::SnapshotError>(&message)) return fail(ErrorCode::kNotFound, error->reason);
    if (auto* header = std::get_if<ipc::SnapshotHeader>(&message); header != nullptr && !has_header) {
        out.header = std::move(*header);
        has_header = true;
        return false;
    }
    if (auto* customer = std::get_if<ipc::CustomerSnapshot>(&message); customer != nullptr && has_header) {
        out.customers.push_back({std::move(*customer), {}, {}});
        return false;
    }
    if (auto* peer = std::get_if<ipc::PeerSnapshot>(&message); peer != nullptr && !out.customers.empty()) {
        out.customers.back().peers.push_back(std::move(*peer));
        return false;
    }
    if (auto* one = std::get_if<ipc::ConnectionSnapshot>(&message); one != nullptr && !out.customers.empty()) {
        out.customers.back().connections.push_back(std::move(*one));
        return false;
    }
    return fail(ErrorCode::kFailed, "vpnd sent its messages in an invalid order");
}

void add_zone(const Endpoint& endpoint, ZoneNames& zones) {
    if (endpoint.scope_id == 0 || zones.contains(endpoint.scope_id)) return;
    if (std::string name = device_name(endpoint.scope_id); !name.empty())
        zones.emplace(endpoint.scope_id, std::move(name));
}

void name_zones(Snapshot& snapshot) {
    for (const ipc::RefusedSender& sender : snapshot.header.refused) add_zone(sender.from, snapshot.zones);
    for (CustomerStatus& status : snapshot.customers) {
        for (const ipc::PeerSnapshot& peer : status.peers) {
            for (const auto& endpoint : {peer.activity.endpoint, peer.activity.flaps_with})
                if (endpoint) add_zone(*endpoint, status.zones);
        }
    }
}

Result<Snapshot> try_to_fetch(const std::string& run_dir, const ipc::SnapshotRequest& request) {
    auto channel = connect_daemon("vpnd", run_dir + "/snapshot.sock");
    if (!channel) return tl::unexpected<Error>(channel.error());
    WARREN_TRY(limit_waiting(*channel, kSnapshotTimeoutSeconds));
    std::vector<std::uint8_t> wire;
    WARREN_TRY(ipc::encode(request, wire));
    WARREN_TRY(channel->send(wire));

    Snapshot out;
    bool has_header = false;
    while (true) {
        const auto bytes = receive_from(*channel, "vpnd", wire);
        if (!bytes) return tl::unexpected<Error>(bytes.error());
        auto message = ipc::decode_snapshot(*bytes);
        if (!message) return with_context("vpnd", message.error());
        const auto finished = add_message(std::move(*message), has_header, out);
        if (!finished) return tl::unexpected<Error>(finished.error());
        if (*finished) return out;
    }
}

}  // namespace

Result<Snapshot> fetch_snapshot(const std::string& run_dir, const ipc::SnapshotRequest& request) {
    auto out = try_to_fetch(run_dir, request);
    // vpnd ends an answer in which customers would be renamed; the next one has their new ids.
    if (!out && out.error().system_error == kHangUp) out = try_to_fetch(run_dir, request);
    if (!out) return out;
    std::sort(out->customers.begin(), out->customers.end(),
              [](const auto& a, const auto& b) { return a.customer.settings.id < b.customer.settings.id; });
    name_zones(*out);
    return out;
}

}  // namespace warren::ctl
