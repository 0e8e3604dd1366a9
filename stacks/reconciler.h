// One configuration after the other: loads it, brings stacks and listeners to what it says, hands it to vpnd, removes
// what is gone.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "config/generation.h"
#include "ipc/control_messages.h"
#include "stacks/children/vpnd_link.h"
#include "stacks/listeners/listener_table.h"
#include "stacks/plan/patrol.h"
#include "stacks/plan/report.h"
#include "stacks/stack_keeper.h"
#include "stacks/vpnd_view.h"

namespace warren::stacks {

// Belongs to one thread. Logs what a customer could notice.
class Reconciler {
  public:
    struct Options {
        std::string config_directory;
        std::string run_dir;
        std::uint32_t cores = 1;                                   // `workers` when the configuration does not say
        std::function<bool()> should_stop = [] { return false; };  // asked between customers: a signal waits
        std::size_t max_descriptors = SIZE_MAX;                    // that stackd may have open, and vpnd too
    };
    // `kernel` must outlive it.
    Reconciler(Kernel& kernel, Options options)
        : options_(std::move(options)), stacks_(kernel, options_.run_dir), sockets_(options_.run_dir, options_.cores) {}

    // Of max_descriptors, for all but tunnels and listeners: files, requests, vpnctl and statusd at vpnd.
    static constexpr std::size_t kSpareDescriptors = 256;
    // How many stacks apply() looks at although nothing of their configuration changed.
    static constexpr std::size_t kChecksPerApply = 128;

    // What the directory says becomes what is. A customer whose file has errors, or whose stack cannot be made, stays
    // as he was; the others apply. Without a connection (vpnd is down) vpnd gets all of it from deliver_all() later. A
    // link that breaks is closed. The stacks of who is new, changed or lacks something are looked at here, and up to
    // kChecksPerApply others; the rest wait for patrol().
    [[nodiscard]] Report apply(VpndLink& link);
    // What apply() would do; changes nothing.
    [[nodiscard]] Report preview();

    // vpnd runs already: what it holds is used from now on.
    void adopt(Holdings holdings);
    // A fresh vpnd gets the configuration in force.
    [[nodiscard]] Status deliver_all(VpndLink& link);
    // Tries again what could not be done for want of a device in the uplink.
    void mend(VpndLink& link);
    [[nodiscard]] bool needs_mending() const { return !incomplete_.empty(); }
    // What the last apply() could not do, and nobody mended since.
    [[nodiscard]] const std::vector<ipc::ControlText>& problems() const { return problems_; }

    // Looks at the next of the stacks that wait since the last apply(), at most `count`, and mends what somebody broke
    // by hand.
    void patrol(VpndLink& link, std::size_t count);
    [[nodiscard]] bool has_patrol() const { return patrol_.waiting() > 0; }

    // Closes all listeners and removes their files.
    void close_listeners() { sockets_.keep_only({}); }

    [[nodiscard]] std::uint64_t generation() const { return number_; }
    // Data workers that vpnd has or is to be started with: as the first generation said, or as the adopted vpnd has
    // them.
    [[nodiscard]] std::uint32_t workers() const { return sockets_.workers(); }
    [[nodiscard]] const config::Generation& current() const { return current_; }

  private:
    // One run of apply().
    struct Round {
        config::Generation next;
        std::set<std::string> present;     // customers who have a file
        std::vector<std::string> created;  // customers whose stack was made in this round
        bool failed = false;               // something that should have been done was not
        bool invalid = false;              // some file has errors
    };

    void carry_out(VpndLink& link, Report& report);
    [[nodiscard]] bool load(Round& round, Report& report) const;
    void report_changes(const config::Generation& next, Report& report) const;
    [[nodiscard]] std::vector<std::shared_ptr<const config::AcceptedCustomer>> stacks_to_check(
        const config::Generation& next);
    [[nodiscard]] bool is_changed(const config::AcceptedCustomer& accepted) const;
    void mark_changes(const config::Generation& next);
    [[nodiscard]] std::uint32_t wanted_workers(const config::Generation& generation) const;
    // Says that another number of workers waits for a restart.
    void report_pending_workers(const config::Generation& next, Report& report) const;

    [[nodiscard]] bool bind_listeners(Round& round, Report& report);
    [[nodiscard]] bool bring_up_stacks(Round& round, Report& report);
    [[nodiscard]] bool record_outcome(const config::AcceptedCustomer& accepted,
                                      const Result<StackKeeper::Outcome>& outcome, Round& round, Report& report);
    void record_problems(const std::string& customer, const std::vector<std::string>& problems);
    void revert_customers(const std::set<std::string>& customers, Round& round);
    [[nodiscard]] bool deliver_changes(VpndLink& link, Round& round, Report& report);
    [[nodiscard]] Status deliver(VpndLink& link, const config::Generation& next, const std::set<std::string>& present,
                                 bool full);
    void deliver_tunnels(VpndLink& link);
    void roll_back(const Round& round);
    void remove_gone(Round& round, Report& report);
    void return_devices(Round& round, Report& report);
    void close_unused_listeners();
    void accept(VpndLink& link, Round& round, Report& report);

    Options options_;
    StackKeeper stacks_;
    ListenerTable sockets_;
    VpndView view_;
    config::Generation current_;                     // in force
    std::set<std::string> present_;                  // customers who had a file when it came into force
    std::map<std::string, std::string> incomplete_;  // customers whose stack lacks something, and why
    std::set<std::string> unsound_;                  // customers whose stack could not be looked at or mended
    Patrol patrol_;
    std::vector<ipc::ControlText> problems_;
    std::uint64_t number_ = 0;
};

}  // namespace warren::stacks
