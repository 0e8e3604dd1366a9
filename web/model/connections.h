// An IPsec connection as the census keeps it: vpnd's snapshot, its SAs, and what follows over time. Pure.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "ipc/snapshot.h"
#include "web/model/series.h"

namespace warren::web {

// Bits per second.
struct Rates {
    double inbound = 0;
    double outbound = 0;
    bool operator==(const Rates&) const = default;
};

// One IKE_SA with its CHILD_SAs, as an answer of vpnd has it.
struct IkeSa {
    ipc::IkeSaSnapshot ike_sa;
    std::vector<ipc::ChildSnapshot> children;
};

struct ConnectionEntry {
    // Of the IKE_SAs of a connection the first so many are kept: one for remote access may have thousands.
    static constexpr std::size_t kMostIkeSas = 100;

    ipc::ConnectionSnapshot shown;
    std::vector<IkeSa> ike_sas;
    std::uint32_t ike_sas_left_out = 0;
    WallTime as_of;  // of the answer that showed it: what it says of times counts from here
    WallTime first_seen;
    WallTime state_since;
    bool has_state_since = false;  // false: it began before the first snapshot
    bool was_up = false;           // as far as this process knows
    std::string lost_because;      // why it is not up any more, in vpnd's words or "vpnd_restarted"; "": it never was
    std::string failure_told;      // the last failure that was an event
    Instant last_failure = kLongAgo;
    Rates rates;
    std::uint64_t tick = 0;          // of the last change in this row
    std::unique_ptr<Series> series;  // once there is traffic
    std::uint64_t seen = 0;          // the last round that contained it
};

struct ConnectionCounts {
    std::uint32_t up = 0;
    std::uint32_t connecting = 0;
    std::uint32_t down = 0;
    std::uint32_t listening = 0;
    std::uint32_t unserved = 0;
    std::uint32_t lost = 0;  // of those that are not up: that were, or that failed to come up
    [[nodiscard]] std::uint32_t total() const { return up + connecting + down + listening + unserved; }
    bool operator==(const ConnectionCounts&) const = default;
};

[[nodiscard]] std::string_view name_of(ipc::ConnectionState state);
// Adds the connection to the counts.
void count(const ConnectionEntry& connection, ConnectionCounts& counts);
// It should be up and is not: it was, or the last attempt failed. A connection for many clients, or with a pool, that
// listens is not lost.
[[nodiscard]] bool is_lost(const ConnectionEntry& connection);
// Of a lost one: why the last attempt failed, or why it went down. Lives as long as the entry.
[[nodiscard]] const std::string& reason_of(const ConnectionEntry& connection);
// "": it shows nothing but what every connection may have. Tells a customer's connection from that of another company.
[[nodiscard]] std::string connection_key(const ipc::ConnectionSettings& settings);

}  // namespace warren::web
