// What the snapshots of a peer show over time, and no single one does: handshakes that lead to nothing, and packets
// that nothing comes back for. Pure.
#pragma once

#include <string>

#include "base/time.h"
#include "ipc/snapshot.h"

namespace warren::web {

struct PeerWatch {
    // Handshakes in a row that it began, as far as snapshots show them, and that were not completed.
    unsigned begun = 0;
    Instant begun_at = kLongAgo;          // the last of them
    Instant unanswered_since = kLongAgo;  // since then packets go to it and none comes back; kLongAgo: it is not so
    Instant sent = kLongAgo;              // the last packet to it

    // `before`: what the snapshot before showed; null: there was none.
    void observe(Instant now, const ipc::PeerSnapshot* before, const ipc::PeerSnapshot& shown);
    // In a sentence or two for an operator; "": none.
    [[nodiscard]] std::string trouble(Instant now, const ipc::PeerSnapshot& shown) const;
};

}  // namespace warren::web
