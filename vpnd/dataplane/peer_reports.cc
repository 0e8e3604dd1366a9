#include "vpnd/dataplane/peer_reports.h"

#include <algorithm>
#include <span>
#include <utility>

namespace warren::dataplane {

namespace {

constexpr Duration kNeedInterval = std::chrono::seconds(1);  // install.h: NeedSession at most once a second per peer
// Reports leave a little before kActivityInterval, so that they are in time when the rim wakes a little late.
constexpr Duration kReportDelay = kActivityInterval * 8 / 10;
constexpr Duration kRetryDelay = std::chrono::milliseconds(5);

}  // namespace

void PeerReports::add(Instant now, Peer& peer) {
    peer.dirty = true;
    if (dirty_.empty()) report_at_ = now + kReportDelay;
    dirty_.push_back(peer.index);
}

void PeerReports::report_roaming(Peer& peer, Output& out) {
    if (std::exchange(peer.roamed, false)) out.events.emplace_back(PeerRoamed{peer.index, peer.remote, peer.local});
}

bool PeerReports::ask_for_session(Instant now, Peer& peer, const NeedSession& need, Output& out) {
    if (!has_room_ || (peer.need_reported != kLongAgo && now - peer.need_reported < kNeedInterval)) return false;
    peer.need_reported = now;
    // The control worker starts a handshake with the peer where it is now.
    report_roaming(peer, out);
    out.events.emplace_back(need);
    return true;
}

void PeerReports::tick(Instant now, std::size_t room, Output& out) {
    constexpr std::size_t kEventsPerPeer = 2;
    has_room_ = room >= kEventsPerPeer;
    if (now < next_deadline()) return;
    const std::size_t count = std::min(dirty_.size(), room / kEventsPerPeer);
    for (const PeerIndex index : std::span(dirty_).first(count)) {
        Peer* const peer = roster_.find(index);
        if (peer == nullptr || !peer->dirty) continue;  // removed since, or there twice after its index was used again
        peer->dirty = false;
        report_roaming(*peer, out);
        if (std::exchange(peer->activity_changed, false)) out.events.emplace_back(peer->activity);
    }
    dirty_.erase(dirty_.begin(), dirty_.begin() + static_cast<std::ptrdiff_t>(count));
    report_at_ = now + kRetryDelay;  // of those that did not fit
}

}  // namespace warren::dataplane
