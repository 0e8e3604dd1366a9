// What the data plane knows of one customer: an immutable snapshot, built by the control worker, swapped in between two
// batches.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "base/ids.h"
#include "base/ip.h"
#include "base/lpm.h"
#include "base/time.h"
#include "vpnd/packet/prefix_map.h"
#include "vpnd/turns/share_group.h"
#include "vpnd/turns/test_line.h"

namespace warren::dataplane {

// What peers may do that share it: those of one peer or of one session of a connection. A rate of 0 is no limit.
struct PeerLimit {
    std::vector<PeerIndex> peers;  // one at least, all of them this worker's
    std::uint64_t rate_up = 0;     // bits per second into the stack
    std::uint64_t rate_down = 0;   // and out of it
    bool is_blocked = false;       // its quota is spent: no packet passes

    bool operator==(const PeerLimit&) const = default;
};

// The networks of a peer that the stack sees as others.
struct PeerMaps {
    PeerIndex peer;  // this worker's
    std::vector<PrefixMap> maps;

    bool operator==(const PeerMaps&) const = default;
};

struct CustomerView {
    CustomerIndex index;
    std::uint64_t life = 0;  // tells it from another customer that has the index before or after it
    std::string id;          // for reports only
    bool suspended = false;
    std::uint16_t mtu = 1420;        // of vpn0
    std::vector<Prefix> addresses;   // of the stack: sources of ICMP errors into it
    std::uint64_t rate_up = 0;       // bits per second into the stack, 0 = no limit
    std::uint64_t rate_down = 0;     // and out of it
    std::uint32_t share = 1;         // weight against other customers
    std::vector<ShareGroup> groups;  // the outermost first, each within the one before; its share counts in the last
    bool is_blocked = false;         // its quota is spent: no packet passes
    LineSettings emulate_up;         // of a test link: into the stack
    LineSettings emulate_down;       // and out of it
    std::vector<PeerLimit> limits;   // of the peers that have one
    std::vector<PeerMaps> maps;      // likewise; allowed_ips has the networks as the stack sees them
    std::vector<PeerIndex> peers;    // its enabled peers whose sessions are this worker's
    Lpm<PeerIndex> allowed_ips;      // over all peers, also other workers': inbound source check and outbound FIB
    Duration park_after{};           // without a packet it needs no TUN after so long; 0: it always does
    std::unordered_map<PeerIndex, std::uint32_t> elsewhere;  // its enabled peers of other workers, and whose they are
};

}  // namespace warren::dataplane
