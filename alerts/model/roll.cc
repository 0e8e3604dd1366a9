#include "alerts/model/roll.h"

#include <algorithm>
#include <utility>
#include <variant>

namespace warren::alerts {

namespace {

template <typename Seen>
Seen& seen_in(std::map<std::string, Seen>& all, const std::string& name, Instant now) {
    const auto [at, is_new] = all.try_emplace(name);
    if (is_new) at->second.seen_since = now;
    return at->second;
}

}  // namespace

Result<bool> Roll::add(Now now, const ipc::SnapshotMessage& message) {
    if (const auto* header = std::get_if<ipc::SnapshotHeader>(&message); header != nullptr && !has_header_) {
        has_header_ = true;
        is_full_ = header->full;
        generation_ = header->generation;
        next_epoch_ = header->epoch;
        next_revision_ = header->revision;
        ++round_;
        return true;
    }
    if (const auto* customer = std::get_if<ipc::CustomerSnapshot>(&message); customer != nullptr && has_header_) {
        finish_customer();
        Served& served = seen_in(customers_, customer->settings.id, now.instant);
        served.title = customer->settings.name;
        served.suspended = customer->settings.suspended;
        served.quota = customer->settings.quota;
        served.used = customer->activity.month.rx_bytes + customer->activity.month.tx_bytes;
        served.is_spent = customer->activity.month.is_spent;
        served.round = round_;
        current_ = &served;
        current_id_ = customer->settings.id;
        has_all_of_current_ = customer->all_peers;
        return true;
    }
    if (const auto* peer = std::get_if<ipc::PeerSnapshot>(&message); peer != nullptr && current_ != nullptr) {
        add_peer(now.instant, *peer);
        return true;
    }
    if (const auto* one = std::get_if<ipc::ConnectionSnapshot>(&message); one != nullptr && current_ != nullptr) {
        add_connection(now.instant, *one);
        return true;
    }
    if (std::holds_alternative<ipc::SnapshotEnd>(message) && has_header_) {
        finish_customer();
        finish();
        settle(now.instant);
        return false;
    }
    return fail(ErrorCode::kFailed, "vpnd sent its messages in the wrong order");
}

void Roll::break_off() {
    current_ = nullptr;
    has_header_ = false;
    epoch_ = revision_ = 0;
}

void Roll::add_peer(Instant now, const ipc::PeerSnapshot& peer) {
    Tunnel& tunnel = seen_in(current_->peers, peer.settings.name, now);
    // A vpnd that began anew knows of an older one.
    if (peer.latest_handshake_seconds)
        tunnel.handshake = std::max(tunnel.handshake, now - std::chrono::seconds(*peer.latest_handshake_seconds));
    tunnel.is_expired = peer.activity.is_expired;
    tunnel.is_up = peer.state == ipc::PeerState::kOnline;
    tunnel.was_up = tunnel.was_up || tunnel.is_up || tunnel.handshake != kLongAgo;
    tunnel.lost_because = peer.activity.lost_because;
    tunnel.expires = peer.settings.expires;
    tunnel.quota = peer.settings.limits.quota;
    tunnel.used = peer.activity.month.rx_bytes + peer.activity.month.tx_bytes;
    tunnel.is_spent = peer.activity.month.is_spent;
    tunnel.round = round_;
}

void Roll::add_connection(Instant now, const ipc::ConnectionSnapshot& connection) {
    Tunnel& tunnel = seen_in(current_->connections, connection.settings.name, now);
    tunnel.is_connection = true;
    tunnel.is_up = connection.state == ipc::ConnectionState::kUp;
    // vpnd does not know of those before it began.
    const auto name = std::make_pair(current_id_, connection.settings.name);
    tunnel.was_up = tunnel.was_up || tunnel.is_up || connection.activity.latest_handshake.nanoseconds != 0 ||
                    were_up_.contains(name);
    if (tunnel.was_up && were_up_.size() < kMostWereUp) were_up_.insert(name);
    tunnel.lost_because = connection.activity.lost_because;
    tunnel.quota = connection.settings.limits.quota;
    tunnel.used = connection.activity.month.rx_bytes + connection.activity.month.tx_bytes;
    tunnel.is_spent = connection.activity.month.is_spent;
    tunnel.round = round_;
}

void Roll::finish_customer() {
    if (current_ != nullptr && has_all_of_current_) {
        const auto is_gone = [this](const auto& entry) { return entry.second.round != round_; };
        std::erase_if(current_->peers, is_gone);
        std::erase_if(current_->connections, is_gone);
    }
    current_ = nullptr;
}

void Roll::finish() {
    // A vpnd that has no configuration yet tells nothing, and is asked for all once it has one.
    is_known_ = generation_ != 0;
    has_header_ = false;
    if (!is_known_) {
        epoch_ = revision_ = 0;
        return;
    }
    if (is_full_) std::erase_if(customers_, [this](const auto& entry) { return entry.second.round != round_; });
    epoch_ = next_epoch_;
    revision_ = next_revision_;
}

// A customer that is not served for a while, as its stack is being made, is not gone.
void Roll::forget_gone(Instant now) {
    std::erase_if(missing_, [this](const auto& entry) { return customers_.contains(entry.first); });
    std::erase_if(were_up_, [this, now](const auto& name) {
        const auto customer = customers_.find(name.first);
        if (customer != customers_.end()) return !customer->second.connections.contains(name.second);
        return now - missing_.try_emplace(name.first, now).first->second >= kRemembered;
    });
    std::erase_if(missing_, [now](const auto& entry) { return now - entry.second >= kRemembered; });
}

void Roll::settle(Instant now) {
    if (is_known_) forget_gone(now);
    for (auto& [id, served] : customers_) {
        served.is_up = false;
        served.down_since.reset();
        for (auto* tunnels : {&served.peers, &served.connections}) {
            for (auto& [name, tunnel] : *tunnels) {
                const bool is_up = tunnel.is_up_at(now);
                served.is_up = served.is_up || is_up;
                const bool counts = !served.suspended && !tunnel.is_expired;
                if (!counts) tunnel.counts_from = now;
                if (is_up || !tunnel.was_up || !counts) {
                    tunnel.down_since.reset();
                    continue;
                }
                // A peer has been down since its session ended, whether we looked or not.
                const Instant end =
                    tunnel.is_connection || tunnel.handshake == kLongAgo ? now : tunnel.handshake + kSession;
                if (!tunnel.down_since) tunnel.down_since = std::max(std::min(end, now), tunnel.counts_from);
                served.down_since = std::max(served.down_since, tunnel.down_since);
            }
        }
        if (served.is_up) served.down_since.reset();
    }
}

}  // namespace warren::alerts
