// What the control worker is to hear about peers, and when.
#pragma once

#include <vector>

#include "vpnd/dataplane/output.h"
#include "vpnd/dataplane/peer.h"
#include "vpnd/dataplane/roster.h"

namespace warren::dataplane {

// Collects activity and roaming, and emits them within kActivityInterval. One data worker.
class PeerReports {
  public:
    // `roster` outlives it.
    explicit PeerReports(const Roster& roster) : roster_(roster) {}

    // Something of the peer is to be reported.
    void mark(Instant now, Peer& peer) {
        if (!peer.dirty) add(now, peer);
    }
    // Emits NeedSession, at most once a second for a peer. False when it must wait.
    bool ask_for_session(Instant now, Peer& peer, const NeedSession& need, Output& out);
    // Emits where the peer is now, unless that was reported.
    static void report_roaming(Peer& peer, Output& out);
    // Emits what is due. The receiver has room for `room` more events; what does not fit waits, and while there is no
    // room nothing asks for a session.
    void tick(Instant now, std::size_t room, Output& out);
    // kNever when idle.
    [[nodiscard]] Instant next_deadline() const { return dirty_.empty() ? kNever : report_at_; }

  private:
    void add(Instant now, Peer& peer);

    const Roster& roster_;
    std::vector<PeerIndex> dirty_;
    Instant report_at_ = kNever;
    bool has_room_ = true;
};

}  // namespace warren::dataplane
