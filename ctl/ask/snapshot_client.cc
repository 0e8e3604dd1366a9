#include "ctl/ask/snapshot_client.h"

#include <algorithm>
#include <functional>
#include <utility>
#include <variant>

#include "base/natural.h"
#include "ctl/ask/daemon.h"

namespace warren::ctl {

namespace {

// Adds a connection, or what follows one. False: it is none of these, or nothing that it belongs to came before.
bool add_connection(ipc::SnapshotMessage& message, std::vector<ConnectionStatus>& out) {
    if (auto* one = std::get_if<ipc::ConnectionSnapshot>(&message)) {
        out.push_back({std::move(*one)});
        return true;
    }
    if (out.empty()) return false;
    std::vector<IkeSaStatus>& ike_sas = out.back().ike_sas;
    if (auto* sa = std::get_if<ipc::IkeSaSnapshot>(&message)) {
        ike_sas.push_back({std::move(*sa)});
        return true;
    }
    auto* const child = std::get_if<ipc::ChildSnapshot>(&message);
    if (child == nullptr || ike_sas.empty()) return false;
    ike_sas.back().children.push_back(std::move(*child));
    return true;
}

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
    if (!out.customers.empty() && add_connection(message, out.customers.back().connections)) return false;
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
        for (const ConnectionStatus& one : status.connections) {
            if (one.connection.activity.endpoint) add_zone(*one.connection.activity.endpoint, status.zones);
            for (const IkeSaStatus& sa : one.ike_sas) add_zone(sa.ike_sa.endpoint, status.zones);
        }
    }
}

// Sends the request and hands every message of the answer to `add`, until it says that it was the last.
Status ask(const std::string& run_dir, const ipc::SnapshotMessage& request,
           const std::function<Result<bool>(ipc::SnapshotMessage)>& add) {
    auto channel = connect_daemon("vpnd", run_dir + "/snapshot.sock");
    if (!channel) return tl::unexpected<Error>(channel.error());
    WARREN_TRY(limit_waiting(*channel, kSnapshotTimeoutSeconds));
    std::vector<std::uint8_t> wire;
    WARREN_TRY(ipc::encode(request, wire));
    WARREN_TRY(channel->send(wire));
    while (true) {
        const auto bytes = receive_from(*channel, "vpnd", wire);
        if (!bytes) return tl::unexpected<Error>(bytes.error());
        auto message = ipc::decode_snapshot(*bytes);
        if (!message) return with_context("vpnd", message.error());
        const auto finished = add(std::move(*message));
        if (!finished) return tl::unexpected<Error>(finished.error());
        if (*finished) return {};
    }
}

Result<Snapshot> try_to_fetch(const std::string& run_dir, const ipc::SnapshotRequest& request) {
    Snapshot out;
    bool has_header = false;
    WARREN_TRY(ask(run_dir, request,
                   [&](ipc::SnapshotMessage message) { return add_message(std::move(message), has_header, out); }));
    return out;
}

Result<Attempts> try_to_fetch(const std::string& run_dir, const ipc::AttemptsRequest& request) {
    Attempts out{request.customer, request.connection, {}};
    WARREN_TRY(ask(run_dir, request, [&](ipc::SnapshotMessage message) -> Result<bool> {
        if (std::holds_alternative<ipc::SnapshotEnd>(message)) return true;
        if (auto* error = std::get_if<ipc::SnapshotError>(&message)) return fail(ErrorCode::kNotFound, error->reason);
        auto* const attempt = std::get_if<ipc::AttemptSnapshot>(&message);
        if (attempt == nullptr) return fail(ErrorCode::kFailed, "vpnd sent its messages in an invalid order");
        out.attempts.push_back(std::move(*attempt));
        return false;
    }));
    return out;
}

// vpnd ends an answer in which customers would be renamed; the next one has their new ids.
auto fetch(const std::string& run_dir, const auto& request) {
    auto out = try_to_fetch(run_dir, request);
    return !out && out.error().system_error == kHangUp ? try_to_fetch(run_dir, request) : out;
}

}  // namespace

Result<Snapshot> fetch_snapshot(const std::string& run_dir, const ipc::SnapshotRequest& request) {
    auto out = fetch(run_dir, request);
    if (!out) return out;
    std::sort(out->customers.begin(), out->customers.end(), [](const auto& a, const auto& b) {
        return Natural{a.customer.settings.id} < Natural{b.customer.settings.id};
    });
    for (CustomerStatus& customer : out->customers) {
        std::stable_sort(customer.peers.begin(), customer.peers.end(), [](const auto& a, const auto& b) {
            return Natural{a.settings.name} < Natural{b.settings.name};
        });
        std::stable_sort(customer.connections.begin(), customer.connections.end(), [](const auto& a, const auto& b) {
            return Natural{a.connection.settings.name} < Natural{b.connection.settings.name};
        });
    }
    name_zones(*out);
    return out;
}

Result<Attempts> fetch_attempts(const std::string& run_dir, const ipc::AttemptsRequest& request) {
    auto out = fetch(run_dir, request);
    if (!out) return out;
    for (const ipc::AttemptSnapshot& attempt : out->attempts) add_zone(attempt.endpoint, out->zones);
    return out;
}

}  // namespace warren::ctl
