// What peers went through lately that their engines do not keep, for whoever looks for the cause of a trouble.
#pragma once

#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "base/ip.h"
#include "base/time.h"
#include "ipc/snapshot.h"

namespace warren::vpnd {

// A peer has an entry from its first move or refusal on, of a bounded size, until it is forgotten. Off the path of
// packets: it hears of the engines' news. One thread.
class PeerBook {
  public:
    // Enough to see that a NAT changes ports every few seconds.
    static constexpr std::size_t kMovesKept = ipc::PeerActivity::kPortMovesKept;

    struct Entry {
        std::optional<Endpoint> endpoint;  // where it was last
        std::vector<WallTime> port_moves;  // when that got another port and nothing else: the latest
        WallTime refused_at{};             // a handshake that it began, as old; 0: none
    };

    // It is there now.
    void note_endpoint(PeerIndex peer, const Endpoint& endpoint, WallTime now) {
        Entry& entry = entries_[peer];
        const auto before = std::exchange(entry.endpoint, endpoint);
        if (!before || before->address != endpoint.address || before->port == endpoint.port) return;
        if (entry.port_moves.size() == kMovesKept) entry.port_moves.erase(entry.port_moves.begin());
        entry.port_moves.push_back(now);
    }
    void note_refused(PeerIndex peer, WallTime now) { entries_[peer].refused_at = now; }
    void forget(PeerIndex peer) { entries_.erase(peer); }
    // An empty one when nothing is known.
    [[nodiscard]] Entry of(PeerIndex peer) const {
        const auto found = entries_.find(peer);
        return found == entries_.end() ? Entry() : found->second;
    }

  private:
    std::unordered_map<PeerIndex, Entry> entries_;
};

}  // namespace warren::vpnd
