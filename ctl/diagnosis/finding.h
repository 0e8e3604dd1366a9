// What may be wrong with a customer's tunnels. Pure: from facts, which the rim gathers, to findings for an operator.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.h"
#include "base/time.h"
#include "ipc/snapshot.h"

namespace warren::diagnosis {

enum class Kind : std::uint8_t {
    kPortUnreachable,     // what is sent to our port on this machine does not come to vpnd
    kMachineClock,        // ours is wrong
    kSuspended,           // the customer is
    kStackIncomplete,     // the customer's stack is not as its file says
    kWrongServerKey,      // a client has the key of another server
    kUnknownClientKey,    // a client has a key that the configuration does not
    kPresharedKey,        // or the keys of the two sides do not fit
    kClientClock,         // a client shows a time that is not later than the one before
    kSharedKey,           // two devices have one key
    kNatRebinds,          // a NAT gives a client another port every few seconds
    kNoReturnPath,        // a client gets packets and sends none
    kSourceRefused,       // a client sends what its AllowedIPs here do not have
    kMtuBlackHole,        // large packets do not come through
    kFirewallDrops,       // the customer's own firewall drops packets now
    kQuotaSpent,          // the customer's or a peer's, of this month
    kExpired,             // a peer is
    kDisabled,            // a peer is
    kTestLink,            // the customer is: what its tunnels carry is delayed or lost on purpose
    kPreviousServerKey,   // a client still uses the key of ours that is to go
    kConnectionDown,      // of IPsec
    kConnectionUnserved,  // likewise: vpnd does not serve it
    kSilent,              // nothing comes from a peer, and nobody knows why
};
inline constexpr std::size_t kKinds = 22;
// As in `--json`: "port_unreachable", ...
[[nodiscard]] std::string_view name_of(Kind kind);

struct Finding {
    Kind kind = Kind::kSilent;
    std::string customer;  // "": the appliance
    std::string peer;      // or connection; "": none of them alone
    std::string sentence;
    std::string evidence;  // what it was concluded from
    std::string advice;    // what to do
};

// Pings through a tunnel, from the stack to an address of the peer, that may not be fragmented.
struct Probe {
    struct Size {
        std::size_t bytes = 0;  // of the IP packet
        bool answered = false;
        bool is_lost = false;  // several times; neither: it was not tried, or not often enough
    };
    IpAddress to;
    std::vector<Size> sizes;  // by size
};

struct Listener {
    ipc::ListenerSnapshot listener;
    bool is_bound = true;               // a socket of this machine has the port
    std::optional<bool> comes_through;  // a datagram of this machine to the port came to vpnd; nothing: not tried
};

// A rule of the customer's own firewall that ends packets, over the time of the observation.
struct Hits {
    std::string rule;
    std::uint64_t before = 0;
    std::uint64_t after = 0;
};

struct Connection {
    ipc::ConnectionSnapshot connection;
    std::optional<ipc::AttemptSnapshot> last_attempt;
};

// One customer over a short time. What was not asked for is empty.
struct Facts {
    WallTime now;
    ipc::CustomerSnapshot customer;
    std::vector<ipc::PeerSnapshot> peers;              // at the end
    std::map<std::string, ipc::PeerActivity> before;   // by peer, at the beginning
    std::map<std::string, std::uint32_t> sent_before;  // likewise: how long ago a packet had gone to it
    // Likewise: how long ago whoever asked before had sent it pings; nothing: it is not known that somebody did.
    std::optional<std::uint32_t> pinged_before = {};
    std::map<std::string, std::vector<Probe>> probes;  // by peer
    std::vector<std::string> disabled;                 // peers that are so in the file
    std::vector<ipc::RefusedSender> refused;           // at the appliance's listeners, and at the customer's
    std::vector<Hits> firewall;
    std::vector<Connection> connections;
    std::string suspended_by = {};   // a reseller above it that is suspended; "": its own file suspends it, or nothing
    std::string stack_problem = {};  // of a customer without a stack: why stackd could not make it; "": it is parked
    std::string peer = {};           // the one that was asked about, or a connection; "": all
};

// What is wrong with the machine, whoever's customer asks.
struct MachineFacts {
    WallTime now;
    std::vector<Listener> listeners;
    std::vector<ipc::PeerSnapshot> peers;  // some of all customers
};

[[nodiscard]] std::vector<Finding> findings_of(const Facts& facts);
[[nodiscard]] std::vector<Finding> findings_of(const MachineFacts& facts);

}  // namespace warren::diagnosis
