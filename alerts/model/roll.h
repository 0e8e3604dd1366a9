// The customers, peers and connections that vpnd serves, as far as it matters whether they are up. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/time.h"
#include "ipc/snapshot.h"

namespace warren::alerts {

// A WireGuard session lasts so long: without news of a handshake a peer is not online any more.
inline constexpr Duration kSession = std::chrono::seconds(180);

// Connections that were up, also before this process or this vpnd began: customer, name.
using WereUp = std::set<std::pair<std::string, std::string>>;
inline constexpr std::size_t kMostWereUp = 20'000;
// A customer that is not served for longer is one that was removed.
inline constexpr Duration kRemembered = std::chrono::hours(1);

// A peer, or a connection of IPsec.
struct Tunnel {
    bool is_connection = false;
    bool is_up = false;   // as vpnd said last; of a peer only while its handshake is younger than kSession
    bool was_up = false;  // ever
    bool is_expired = false;
    bool is_spent = false;  // its quota is
    std::string lost_because;
    Instant seen_since = kLongAgo;      // by us
    Instant handshake = kLongAgo;       // the latest; kLongAgo: never. The wall clock may jump
    Instant counts_from = kLongAgo;     // before it had expired, or its customer was suspended
    std::optional<Instant> down_since;  // while it is down, was up, and counts
    WallTime expires{};                 // 0: never
    std::uint64_t quota = 0;
    std::uint64_t used = 0;
    std::uint64_t round = 0;

    [[nodiscard]] bool is_up_at(Instant now) const {
        return is_up && (is_connection || now - handshake < Duration(kSession));
    }
};

struct Served {
    std::string title;  // for people
    bool suspended = false;
    bool is_spent = false;
    std::uint64_t quota = 0;
    std::uint64_t used = 0;
    std::map<std::string, Tunnel> peers;
    std::map<std::string, Tunnel> connections;
    Instant seen_since = kLongAgo;      // by us
    bool is_up = false;                 // one of its tunnels is
    std::optional<Instant> down_since;  // while none is, and one that counts was
    std::uint64_t round = 0;
};

// Fed by the messages of one answer after the other (ipc/snapshot.h). Not thread-safe.
class Roll {
  public:
    // The next message of an answer. False: it was the last one. An error: not in order.
    [[nodiscard]] Result<bool> add(Now now, const ipc::SnapshotMessage& message);
    // An answer that broke off: the next one begins anew.
    void break_off();
    // Those of an earlier process.
    void remember(WereUp connections) { were_up_ = std::move(connections); }
    [[nodiscard]] const WereUp& were_up() const { return were_up_; }
    // What the next request may name as known.
    [[nodiscard]] std::uint64_t epoch() const { return epoch_; }
    [[nodiscard]] std::uint64_t revision() const { return revision_; }
    // A complete answer came, of a vpnd that has its configuration.
    [[nodiscard]] bool is_known() const { return is_known_; }

    [[nodiscard]] const std::map<std::string, Served>& customers() const { return customers_; }
    // Sets down_since of all, from `now` on where it is not known better. After each complete answer, and before a
    // question about them.
    void settle(Instant now);

  private:
    void add_peer(Instant now, const ipc::PeerSnapshot& peer);
    void add_connection(Instant now, const ipc::ConnectionSnapshot& connection);
    void finish_customer();
    void finish();
    void forget_gone(Instant now);

    std::map<std::string, Served> customers_;
    WereUp were_up_;
    std::map<std::string, Instant> missing_;  // customers of these that are not served, and since when
    Served* current_ = nullptr;
    std::string current_id_;
    bool has_all_of_current_ = false;
    bool is_full_ = false;
    bool has_header_ = false;
    bool is_known_ = false;
    std::uint64_t generation_ = 0;
    std::uint64_t round_ = 0;
    std::uint64_t epoch_ = 0;
    std::uint64_t revision_ = 0;
    std::uint64_t next_epoch_ = 0;
    std::uint64_t next_revision_ = 0;
};

}  // namespace warren::alerts
