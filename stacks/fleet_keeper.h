// The groups of the fleet that this node serves, as fleetd asks for them (docs/fleet.md).
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/ip.h"
#include "base/result.h"
#include "base/time.h"
#include "ipc/control_messages.h"
#include "stacks/children/vpnd_link.h"
#include "stacks/control_server.h"
#include "stacks/kernel/service_device.h"
#include "stacks/plan/report.h"
#include "stacks/reconciler.h"

namespace warren::stacks {

// kNotFound: there is no such group of users.
[[nodiscard]] Result<gid_t> find_group(const std::string& name);

// First "epoch N"; nobody, if that is not `epoch`. Then a line for each peer that another node served last: its public
// key and where it was. Others are skipped.
[[nodiscard]] SeenPeers parse_seen(const std::string& text, std::uint64_t epoch);

// What vpnctl keeps of the fleet's configuration, fleet.base, says that this node has all of it in force.
[[nodiscard]] bool is_in_force(const std::string& base);

// From `at` to the deadline, rounded down; kInvalid: less than a second, or more than an hour.
[[nodiscard]] Result<std::chrono::seconds> whole_seconds(Instant at, Instant until);

// RUN_DIR/fleet.sock, and the service addresses. A group is served until its deadline and no longer, whatever becomes
// of fleetd: the kernel removes its addresses, and its customers are standby. One thread; instants are of
// CLOCK_BOOTTIME.
class FleetKeeper {
  public:
    struct Options {
        std::string run_dir;
        gid_t unix_group = 0;   // may ask
        std::string directory;  // fleetd's, where it says whom other nodes have seen
        std::string config;     // root's fleet.toml: a group is served at its address of that, and at no other
    };
    [[nodiscard]] static Result<FleetKeeper> open(Options options);
    [[nodiscard]] static Instant now() { return read_instant(); }

    // Readable when serve_socket() has something to do.
    [[nodiscard]] int fd() const { return server_.fd(); }
    // When run() has something to do.
    [[nodiscard]] Instant next_deadline() const;
    [[nodiscard]] bool has_waiting() const { return server_.has_waiting(); }

    // What was served when an earlier stackd ended, as far as the kernel still has the addresses.
    [[nodiscard]] Reconciler::Served resume();
    // Requests. While a configuration is applied only those that need nothing of it are answered: a longer time above
    // all. The others wait for serve_socket().
    void serve_socket(Reconciler& reconciler, VpndLink& link);
    void serve_while_busy(const Reconciler& reconciler);
    // Begins and ends what is due.
    void run(Reconciler& reconciler, VpndLink& link);
    // A kGroup... request from elsewhere.
    [[nodiscard]] Report handle(const ipc::ControlRequest& request, Reconciler& reconciler, VpndLink& link);

    // From the address to the tunnels: whoever is on the way to the address knows by then where it is.
    static constexpr Duration kSettle = std::chrono::milliseconds(100);

  private:
    struct Group {
        std::uint64_t epoch = 0;
        Instant until;
        std::vector<IpAddress> addresses;
        Instant begins = kLongAgo;  // its tunnels do; kLongAgo: they have
        SeenPeers seen;             // until then
    };

    FleetKeeper(Options options, ControlServer server, ServiceDevice device)
        : options_(std::move(options)), server_(std::move(server)), device_(std::move(device)) {}
    // Nothing: it has to wait.
    [[nodiscard]] std::optional<Report> answer_now(const ipc::ControlRequest& request, const Reconciler& reconciler);
    [[nodiscard]] std::optional<Report> prolong(const ipc::ControlRequest& request);
    [[nodiscard]] Report begin(const ipc::ControlRequest& request);
    [[nodiscard]] Report stop(std::uint16_t group, Reconciler& reconciler, VpndLink& link);
    [[nodiscard]] Status put_addresses(const std::vector<IpAddress>& addresses, Instant until);
    [[nodiscard]] Status put_address(const IpAddress& address, Instant until);
    void remove_addresses(const std::vector<IpAddress>& addresses);
    [[nodiscard]] Report status(const Reconciler& reconciler) const;
    // It knows customers of the fleet's, or knows that the fleet has none.
    [[nodiscard]] bool has_configuration(const Reconciler& reconciler) const;
    // What fleetd says of the group with this epoch. It is there once.
    [[nodiscard]] SeenPeers take_seen(std::uint16_t group, std::uint64_t epoch) const;
    [[nodiscard]] Report deliver(Reconciler& reconciler, VpndLink& link);
    // Groups whose tunnels are to be there.
    [[nodiscard]] Reconciler::Served wanted() const;
    // Once more what vpnd has not taken; a group that it does not take again and again ends.
    void try_again(Reconciler& reconciler, VpndLink& link);
    void give_up(const Reconciler& reconciler, const std::string& why);
    void note() const;

    // Of failures one after the other; then the group ends, and is refused for a while, so that another node gets it.
    static constexpr int kMostTries = 3;
    static constexpr Duration kRetry = std::chrono::seconds(1);
    static constexpr Duration kRefusal = std::chrono::seconds(10);

    Options options_;
    ControlServer server_;
    ServiceDevice device_;
    std::map<std::uint16_t, Group> groups_;
    std::map<std::uint16_t, std::uint64_t> epochs_;  // the latest that was asked for
    std::map<std::uint16_t, Instant> refused_until_;
    SeenPeers seen_;  // of groups that have begun, until vpnd has them
    Instant retry_at_ = kNever;
    int tries_ = 0;  // that failed, one after the other
};

}  // namespace warren::stacks
