// The customers and peers of this appliance: vpnd's snapshots, plus rates, states and history derived over time. Pure.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "base/renames.h"
#include "base/time.h"
#include "ipc/snapshot.h"
#include "web/model/connections.h"
#include "web/model/events.h"
#include "web/model/past.h"
#include "web/model/peer_watch.h"
#include "web/model/series.h"

namespace warren::web {

// A session lasts so long: a peer that vpnd said is online is not any more without news for this time.
inline constexpr Duration kOnline = std::chrono::seconds(180);
// Peers that were online before vpnd was restarted have so long to come back before they count as lost.
inline constexpr Duration kReturn = std::chrono::seconds(15);
// A peer that is idle for longer is stale.
inline constexpr Duration kStale = std::chrono::hours(24);
// Without a snapshot for this long the data is stale.
inline constexpr Duration kSilence = std::chrono::seconds(10);

struct PeerEntry {
    ipc::PeerSnapshot shown;
    Instant handshake = kLongAgo;
    ipc::PeerState state = ipc::PeerState::kNever;
    WallTime state_since;
    bool has_state_since = false;  // false: it began before the first snapshot
    Rates rates;
    Instant key_changed = kLongAgo;
    PeerWatch watch;
    std::uint64_t tick = 0;          // of the last change in this row
    std::unique_ptr<Series> series;  // for peers with traffic
    std::uint64_t seen = 0;          // the last round that contained it
};

// kUnserved: it has a file, but is not in force.
enum class CustomerState : std::uint8_t { kUp, kDegraded, kDown, kNever, kSuspended, kUnserved };
inline constexpr std::size_t kCustomerStates = 6;
[[nodiscard]] std::string_view name_of(CustomerState state);
[[nodiscard]] std::string_view name_of(ipc::PeerState state);

struct PeerCounts {
    std::uint32_t online = 0;
    std::uint32_t idle = 0;
    std::uint32_t never = 0;
    [[nodiscard]] std::uint32_t total() const { return online + idle + never; }
    bool operator==(const PeerCounts&) const = default;
};

struct CustomerEntry {
    ipc::CustomerSnapshot shown;
    std::map<std::string, PeerEntry, std::less<>> peers;  // by name
    std::map<std::string, ConnectionEntry, std::less<>> connections;
    std::set<std::string> last_keys;  // without peers and connections: the keys of those that it had last
    PeerCounts counts;
    ConnectionCounts connection_counts;
    bool is_served = true;  // false: known from stackd only, without figures
    CustomerState state = CustomerState::kNever;
    WallTime state_since;
    bool has_state_since = false;
    bool is_out = false;       // it was up, and the events say since when it is not
    std::string lost_because;  // why the last of its peers or connections that went down did
    Rates rates;
    Series series;
    PastMinute::Sum unsaved;  // bytes since the last end_minute()
    std::uint64_t drops_total = 0;
    WallTime last_handshake;
    Instant key_changed = kLongAgo;                          // the server's key for its peers
    std::map<std::string, Instant, std::less<>> last_drops;  // by reason: when its count last increased
    std::uint64_t tick = 0;                                  // of the last change in this row
    std::uint64_t state_tick = 0;                            // of the last change of state or counts
    std::uint64_t config_tick = 0;                           // of the last change of its configuration, its peers' too
    std::uint64_t seen = 0;
};

// CPU time of vpnd between two snapshots, as a share of one core: of the process (all threads), and of each data worker
// (0..1).
struct CpuShares {
    double process = 0;
    std::vector<double> workers;  // by number
};

// One complete answer of vpnd.
struct SnapshotRound {
    ipc::SnapshotHeader header;
    struct Connection {
        ipc::ConnectionSnapshot connection;
        std::vector<IkeSa> ike_sas{};  // ConnectionEntry::kMostIkeSas at most
        std::uint32_t ike_sas_left_out = 0;
    };
    struct Customer {
        ipc::CustomerSnapshot customer;
        std::vector<ipc::PeerSnapshot> peers;
        std::vector<Connection> connections{};
    };
    std::vector<Customer> customers;
};

// Between two counts of bytes.
[[nodiscard]] Rates rates_between(std::uint64_t rx_before, std::uint64_t rx_after, std::uint64_t tx_before,
                                  std::uint64_t tx_after, double seconds);

// Not thread-safe.
class Census {
  public:
    using Customers = std::map<std::string, CustomerEntry, std::less<>>;
    // The number of peers and connections with a series, over all customers.
    static constexpr std::size_t kMaxPeerSeries = 8192;
    // Of a customer that left, so that it is recognised when it comes back.
    static constexpr std::size_t kMostKeys = 16;
    // Changes of owners that wait for collect_past().
    static constexpr std::size_t kMostSteps = 1000;
    // Minutes that wait for it. 17 MB for 10,000 customers with traffic in each.
    static constexpr std::size_t kMostMinutes = 30;

    // Starts a new tick; every row that changed gets it.
    void apply_snapshot(Now now, SnapshotRound round);
    // Customers have other ids in snapshots of this generation and later ones. All are renamed at once, and what was
    // told before is done before. Nobody is renamed when such a snapshot came before.
    void tell_renames(std::uint64_t generation, std::vector<Rename> renames);
    // The customers that stackd reports as not served, by id; they are listed although vpnd does not know them.
    void set_unserved(std::set<std::string> ids);
    // The id by which stackd knows this customer: another one while no snapshot has shown a rename yet; "" when another
    // customer has its id there.
    [[nodiscard]] std::string id_at_stackd(const std::string& id) const;
    // Open pages of these customers load them again. `ids`: as stackd knows them.
    void mark_changed(const std::set<std::string>& ids);
    // census_past.cc: what outlives this process. Before the first snapshot: what the last one knew. From then on
    // whatever changes whose an id is waits for collect_past().
    void restore(RestoredPast past);
    // What is new: ids that changed owner, events, keys and states of customers since this tick. The first time, and
    // after events were dropped, also the states of all peers and connections.
    [[nodiscard]] PastBatch collect_past(std::uint64_t after_tick, std::size_t most_events);
    // Nobody collects any more.
    void stop_past();
    // Too many ids changed owner since the last collect_past(): it must not be called again.
    [[nodiscard]] bool has_lost_track() const { return steps_.size() > kMostSteps; }
    // Ids changed owner since the last collect_past().
    [[nodiscard]] bool owes_steps() const { return !steps_.empty(); }
    // The bytes since the last call are of this minute (since 1970), also of one that had some already. They wait for
    // collect_past(); where that takes long, minutes of an hour become one.
    void end_minute(std::int64_t minute);
    // There is a past under this id.
    [[nodiscard]] bool has_past(const std::string& id) const { return past_ids_.contains(id); }
    void number_events_by_time() { events_.number_by_time(); }

    // Records an event once vpnd has not answered for kSilence. Call it every 2 s.
    void check_silence(Now now);

    [[nodiscard]] const Customers& customers() const { return customers_; }
    [[nodiscard]] const CustomerEntry* find(std::string_view id) const;
    [[nodiscard]] const ipc::SnapshotHeader& header() const { return header_; }
    // Between the last two snapshots; nothing until there are two of the same vpnd.
    [[nodiscard]] const std::optional<CpuShares>& cpu_shares() const { return cpu_shares_; }
    [[nodiscard]] const EventLog& events() const { return events_; }
    [[nodiscard]] const Series& series() const { return series_; }
    [[nodiscard]] bool has_snapshot() const { return last_snapshot_ != kLongAgo; }
    [[nodiscard]] Instant last_snapshot() const { return last_snapshot_; }
    [[nodiscard]] WallTime as_of() const { return as_of_; }
    [[nodiscard]] bool is_stale(Instant now) const { return now - last_snapshot_ > kSilence; }
    [[nodiscard]] WallTime silent_since() const { return as_of_; }
    // The current tick, and that of the last added or removed customer.
    [[nodiscard]] std::uint64_t tick() const { return tick_; }
    [[nodiscard]] std::uint64_t list_tick() const { return list_tick_; }

  private:
    void apply_customer(Now now, double seconds, SnapshotRound::Customer round);
    void apply_peer(Now now, double seconds, CustomerEntry& customer, ipc::PeerSnapshot peer, bool is_new_customer);
    void apply_connection(Now now, double seconds, CustomerEntry& customer, SnapshotRound::Connection round,
                          bool is_new_customer);
    void record_changes(Now now, CustomerEntry& customer, ConnectionEntry& entry,
                        const ipc::ConnectionSnapshot& before);
    void finish_connections(CustomerEntry& customer, std::int64_t wall_seconds);
    void remove_absent_connections(Now now, CustomerEntry& customer);
    [[nodiscard]] std::string reason_of_loss(Now now, const CustomerEntry& customer,
                                             const ConnectionEntry& connection) const;
    void record_connection(Now now, EventKind kind, const CustomerEntry& customer, const std::string& name,
                           std::string from = {}, std::string to = {}, std::string reason = {});
    // Those that this snapshot shows for the first time.
    [[nodiscard]] std::vector<Rename> take_renames();
    // The new ids of those that are another reseller's now, or nobody's. What was before is not for who sees it there.
    [[nodiscard]] std::set<std::string> find_moved(const std::vector<Rename>& renames,
                                                   const std::vector<SnapshotRound::Customer>& round) const;
    void rename_customers(Now now, const std::vector<Rename>& renames, const std::set<std::string>& moved,
                          const std::vector<SnapshotRound::Customer>& round);
    // Ids of which there are events, and whose customer has none of the peers (keys) of the one that had it until now.
    // `renames`: those of which it is certain that nobody else has got the new id since.
    [[nodiscard]] std::set<std::string> find_strangers(const std::vector<Rename>& renames,
                                                       const std::vector<SnapshotRound::Customer>& round);
    // A customer is gone, or has made room for another one.
    void forget_series(const CustomerEntry& customer);
    // Another customer has the id: no figure over time is of it.
    void start_anew(CustomerEntry& customer);
    void remember_keys(const CustomerEntry& customer);
    // Of customers that changed after this tick.
    [[nodiscard]] PastKeys changed_keys(std::uint64_t after_tick) const;
    // The state that it had in the last process; nothing: not known.
    struct Restored {
        std::string state;
        WallTime since;
    };
    // Sums that wait follow their customers too; those of former owners are in the sum of all alone.
    void add_step(IdentityStep step);
    // What the last process knew and the first complete snapshot has not is gone. A vpnd that has no configuration yet,
    // and no customer, tells nothing.
    void record_missing(Now now, bool has_customers);
    [[nodiscard]] std::optional<Restored> take_restored(const std::string& customer, const std::string& name,
                                                        bool is_connection);
    void restore_state(const std::string& id, CustomerEntry& customer);
    void restore_state(const std::string& id, PeerEntry& peer);
    // True: it had another state, which is in `before` now.
    [[nodiscard]] bool restore_state(const std::string& id, ConnectionEntry& connection,
                                     ipc::ConnectionSnapshot& before);
    void record_turn(Now now, CustomerEntry& customer, CustomerState before);
    void rename_peers(Now now, CustomerEntry& customer, const std::vector<ipc::PeerSnapshot>& peers);
    void record_drops(Now now, CustomerEntry& customer, const std::vector<ipc::DropCount>& before);
    void finish_round(Now now);
    void remove_absent_customers(Now now);
    void list_unserved();
    void remove_absent_peers(Now now, CustomerEntry& customer);
    [[nodiscard]] std::string reason_of_end(Now now, const CustomerEntry& customer, const PeerEntry& peer) const;
    void update_state(Now now, CustomerEntry& customer, PeerEntry& peer);
    void update_counts(Now now, CustomerEntry& customer);
    // It was there before vpnd was restarted, and may still come back.
    [[nodiscard]] bool may_return(Instant now, const PeerEntry& peer) const;
    void record_event(Now now, EventKind kind, const std::string& customer, const std::string& peer = {},
                      std::string from = {}, std::string to = {}, std::string reason = {});

    struct Told {
        std::uint64_t generation = 0;
        std::vector<Rename> renames;
    };

    Customers customers_;
    std::vector<Told> told_;  // that no snapshot has shown yet, oldest first
    // Keys of peers of customers that left, by id: up to kMostKeys of each.
    std::map<std::string, std::set<std::string>> left_;
    std::set<std::string> unserved_;
    bool keeps_past_ = false;
    std::set<std::string> past_ids_;   // of which something is kept beyond this process
    std::vector<IdentityStep> steps_;  // since the last collect_past()
    std::deque<PastMinute> minutes_;   // the same
    bool owes_states_ = false;         // collect_past() has not had those of all
    bool is_complete_ = false;         // a snapshot showed all that vpnd is to serve
    std::map<std::tuple<std::string, bool, std::string>, Restored> restored_;  // customer, is a connection, name
    ipc::SnapshotHeader header_;
    std::optional<CpuShares> cpu_shares_;
    EventLog events_;
    Series series_;
    Instant last_snapshot_ = kLongAgo;
    Instant vpnd_started_ = kLongAgo;  // when another vpnd answered for the first time
    Instant vpnd_since_ = kLongAgo;    // the first snapshot of this vpnd
    WallTime as_of_;
    bool is_lost_ = false;  // kVpndLost was recorded
    std::uint64_t tick_ = 0;
    std::uint64_t list_tick_ = 0;
    std::uint64_t round_ = 0;
    std::size_t peer_series_ = 0;
};

}  // namespace warren::web
