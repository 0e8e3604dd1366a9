// Applies configurations: loads one, updates stacks and listeners, delivers it to vpnd, and removes what is no longer
// configured.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "config/generation.h"
#include "config/texts.h"
#include "ipc/control_messages.h"
#include "stacks/auth_secrets.h"
#include "stacks/children/vpnd_link.h"
#include "stacks/learned_keeper.h"
#include "stacks/listeners/listener_table.h"
#include "stacks/plan/patrol.h"
#include "stacks/plan/report.h"
#include "stacks/stack_keeper.h"
#include "stacks/vpnd_view.h"

namespace warren::stacks {

// Belongs to one thread. Logs every change that a customer could notice.
class Reconciler {
  public:
    struct Options {
        std::string config_directory;
        std::string run_dir;
        std::uint32_t cores = 1;                                   // `workers` when the configuration does not say
        std::function<bool()> should_stop = [] { return false; };  // checked between customers: a signal is pending
        std::size_t max_descriptors = SIZE_MAX;                    // that stackd may have open, and vpnd as well
        std::function<Instant()> clock = read_instant_awake;       // for pauses between repairs
        // The configuration that an earlier process had in force; nothing: it is not known.
        std::function<std::optional<config::PackedTexts>()> last_good = [] { return std::nullopt; };
        // Called with each renaming of stacks, also one that is taken back, before vpnd gets it. Of this generation and
        // all later ones, and of none that vpnd has had.
        std::function<void(std::uint64_t generation, const std::vector<Rename>& renames)> tell_renames =
            [](std::uint64_t, const std::vector<Rename>&) {};
        std::string uapi_directory = kUapiDirectory;
        SecretNumbers numbers{};  // of what authd holds
        // Called with each generation before this vpnd gets it, and again when it has it: then authd needs no secrets
        // of another one.
        std::function<void(VpndLink& link, const config::Generation& generation, bool is_in_force)> tell_secrets =
            [](VpndLink&, const config::Generation&, bool) {};
    };
    // `kernel` must outlive it.
    Reconciler(Kernel& kernel, Options options)
        : options_(std::move(options)),
          stacks_(kernel, options_.run_dir),
          learned_(stacks_, options_.clock),
          sockets_(options_.run_dir, options_.cores, options_.uapi_directory) {}

    // Reserved of max_descriptors for all but tunnels and listeners: files, requests, clients of vpnd.
    static constexpr std::size_t kSpareDescriptors = 256;
    // How many stacks with an unchanged configuration apply() checks.
    static constexpr std::size_t kChecksPerApply = 128;

    // What happens to customers whose files are gone, when they are many: more than one, or more than a tenth. A few
    // lose their tunnels at once, and their stacks after kGrace, unless kAllowed or others need their devices. While it
    // is unknown which stacks there are, they count as many.
    enum class Removals {
        kAsk,      // nothing is applied; the report has a question
        kKeep,     // they stay, and the report says so
        kAllowed,  // they are removed
    };
    static constexpr Duration kGrace = std::chrono::seconds(60);

    // What an apply() loads; the whole directory unless something is said.
    struct Source {
        const config::Texts* instead = nullptr;  // of warren.toml and the customers' files; must outlive the call
        std::string only{};  // the file of this customer, with the texts in force of all else; "": all files
        const std::string* text = nullptr;  // of `only`, instead of its file; must outlive the call
    };

    // Loads and applies the configuration directory, or `source`. A customer whose file has errors, or whose stack
    // cannot be made, stays as it was; the others apply. One whose file was renamed (find_renames()) keeps its stack
    // and its tunnels, and is not removed. When the appliance's own file has errors nothing is applied, but before any
    // configuration came into force the last good one is used instead of the files. While vpnd is down, deliver_all()
    // delivers everything later. A link that breaks is closed. Checks the stacks of customers that are new, changed or
    // incomplete, and up to kChecksPerApply others; patrol() checks the rest. `removed`: a customer whose file is gone
    // is removed at once, and does not count among the others; "": none.
    [[nodiscard]] Report apply(VpndLink& link, Removals removals = Removals::kAllowed, Instant now = {},
                               const std::string& removed = "") {
        return apply(link, removals, now, removed, {});
    }
    [[nodiscard]] Report apply(VpndLink& link, Removals removals, Instant now, const std::string& removed,
                               const Source& source);
    // Reports what apply() would do; changes nothing.
    [[nodiscard]] Report preview();
    // What is wrong with the files, and with the certificates that they name; of unchanged files as little is read as
    // apply() reads. `customer`: of this one, once its file is as its draft says (ipc::draft_path); "": of all.
    [[nodiscard]] Report check(const std::string& customer) const;

    // Has vpnd begin anew with a peer: what is kept of it is forgotten. A link that breaks is closed.
    [[nodiscard]] Report reset_peer(VpndLink& link, const std::string& customer, const std::string& peer);

    // Has vpnd begin, rekey or end a connection's IKE SAs. A link that breaks is closed.
    [[nodiscard]] Report operate_connection(VpndLink& link, const std::string& customer, const std::string& connection,
                                            ipc::ConnectionAction action);

    // Finishes what a stackd that was killed has begun; what has to wait for a name is logged. On an error stackd must
    // not go on: another customer's stack may have the name of one. Before adopt().
    [[nodiscard]] Status finish_renames();
    // Uses what a running vpnd holds, which has other ids for the customers of `renames`, from its own to ours.
    void adopt(Holdings holdings, const std::vector<Rename>& renames = {});
    // Delivers the configuration in force to a fresh vpnd.
    // `before_commit` is run when everything else was sent; when it fails, so does the delivery.
    [[nodiscard]] Status deliver_all(VpndLink& link, const std::function<Status()>& before_commit = {});
    // Removes the stacks whose grace is over, and when the next one is.
    void remove_departed(Instant now);
    [[nodiscard]] Instant next_departure() const;
    // The groups of the fleet that this node serves, and the addresses of each.
    using Served = std::map<std::uint16_t, std::vector<IpAddress>>;
    // Serves these groups from now on, and of the customers with a group no others: those have their stacks and no
    // tunnels. `seen`: where another node saw the peers of a group that is served from now on; kept until a vpnd has
    // it. A link that breaks is closed. The report is not accepted when vpnd refused it: then as before.
    [[nodiscard]] Report serve_groups(VpndLink& link, Served served, const SeenPeers& seen);
    [[nodiscard]] const Served& served() const { return served_; }
    // An earlier stackd served these, and the vpnd that we adopt does. Before the first apply().
    void assume_served(Served served) { served_ = std::move(served); }
    // Customers of the group that are in force, and how many of them have a stack with its tunnel.
    struct GroupSize {
        std::size_t customers = 0;
        std::size_t stacks = 0;
    };
    [[nodiscard]] GroupSize size_of(std::uint16_t group) const;
    [[nodiscard]] bool has_groups() const;  // a customer has one
    // A fact for each customer of the group: "served" or "standby".
    [[nodiscard]] std::vector<ipc::ControlText> customers_of(std::uint16_t group) const;
    // Retries stacks that lacked a device of the uplink or could not be repaired, and those that patrol() put off.
    void mend(VpndLink& link);
    [[nodiscard]] bool needs_mending() const;
    // What the last apply() could not do and no later call has repaired, and which customers are not served.
    [[nodiscard]] const std::vector<ipc::ControlText>& problems() const { return problems_; }

    // Checks the next stacks queued by the last apply(), at most `count`, and repairs manual changes. A stack that
    // needs the same repair again and again is put off, for longer each time, and is a problem.
    void patrol(VpndLink& link, std::size_t count);
    [[nodiscard]] bool has_patrol() const { return patrol_.waiting() > 0; }
    // Queues every stack.
    void begin_patrol() {
        patrol_.begin(current_, {});
        learned_.note_all(current_);
    }
    // Has vpnd take what BIRDs have learned since. A link that breaks is closed.
    void follow_learned(VpndLink& link);
    [[nodiscard]] Instant next_of_learned() const { return learned_.next_deadline(); }
    [[nodiscard]] const LearnedKeeper& learned() const { return learned_; }
    // Tells vpnd where the devices are that endpoints name, when they have moved since.
    void follow_devices(VpndLink& link);
    // A customer that may be parked (config::is_parkable()) has no stack until it is woken, and none again after vpnd
    // said that no packet needs it. vpnd must have nothing of a stack that is removed.
    [[nodiscard]] bool is_parked(const config::Customer& customer) const;
    [[nodiscard]] std::size_t parked_count() const;
    // Makes its stack, if it is parked, and passes it to vpnd. A link that breaks is closed.
    [[nodiscard]] Report wake(VpndLink& link, const std::string& customer);
    // Does what vpnd said of parked customers, at most so many; true: there is more.
    bool serve_parked(VpndLink& link, std::size_t most);
    // serve_parked() has something to do; not while names are unsettled, which an apply ends.
    [[nodiscard]] bool has_parked_work(const VpndLink& link) const;
    // Customers that got a stack by wake(), or lost it by serve_parked(), since the last call.
    [[nodiscard]] std::vector<std::string> take_moved() { return std::exchange(moved_, {}); }
    [[nodiscard]] bool has_moved() const { return !moved_.empty(); }
    // Readable when somebody changed a stack; -1: that is never notified.
    [[nodiscard]] int changes_fd() const { return stacks_.changes_fd(); }
    // Queues the stacks in which something changed before all others.
    void note_changes() {
        if (note_changes({})) begin_patrol();
    }

    // A rename of customers is not finished: a stack may have another one's name.
    [[nodiscard]] bool has_names_in_doubt() const { return stacks_.has_names_in_doubt(); }

    // Closes all listeners and removes their files.
    void close_listeners() { sockets_.keep_only({}); }

    [[nodiscard]] std::uint64_t generation() const { return number_; }
    [[nodiscard]] const SecretNumbers& numbers() const { return options_.numbers; }
    // Data workers of vpnd: as the first generation says, or as the adopted vpnd has them, until set_workers().
    [[nodiscard]] std::uint32_t workers() const { return sockets_.workers(); }
    // As the configuration in force says. problems() says when workers() is another number.
    [[nodiscard]] std::uint32_t wanted_workers() const { return wanted_workers(current_); }
    // The first customer that only the present vpnd serves, because it could not be applied since that was adopted: its
    // file has errors, or its stack was refused. "": there is none. Its tunnels end with a replacement, so another
    // number of workers waits until it can be applied.
    [[nodiscard]] std::string only_in_vpnd() const { return only_in_vpnd(current_, present_); }
    // What problems() says of workers() and wanted_workers(); "": they are the same.
    [[nodiscard]] std::string pending_workers() const;
    // Whether set_workers() would refuse wanted_workers(), and why.
    [[nodiscard]] Status check_workers() const { return check_resize(wanted_workers(), current_); }
    // deliver_all() delivers to a vpnd with this number from now on; the present one can still be put back. On failure
    // everything is as before. kUnavailable: tunnels and listeners would need more than max_descriptors, or names of
    // stacks are in doubt, so that fit_queues() could not open their tunnels again.
    [[nodiscard]] Status set_workers(std::uint32_t workers);
    // Makes vpn0 anew where its number of queues follows from that of the workers. The present vpnd has lost it then:
    // call this right before deliver_all().
    void fit_queues();
    // The number is `workers` as before, and the vpnd of this link goes on.
    void keep_workers(VpndLink& link, std::uint32_t workers);
    // The vpnd with the former number has ended: closes the sockets that are too many since.
    void close_surplus() { sockets_.close_surplus(); }
    [[nodiscard]] const config::Generation& current() const { return current_; }
    // current() is that of an earlier process. problems() says so.
    [[nodiscard]] bool uses_last_good() const { return !last_good_.empty(); }

  private:
    // One run of apply().
    struct Round {
        Removals removals = Removals::kAllowed;
        std::string removed;  // this customer may go, whatever `removals` says of others; "": none
        Instant now;
        Source source;
        config::Generation next;
        std::vector<Rename> renames;              // of customers of the generation in force
        std::set<std::string> present;            // customers that have a file
        std::vector<std::string> created;         // customers whose stack was made in this round
        bool failed = false;                      // something could not be done
        bool invalid = false;                     // some file has errors
        std::unordered_set<std::string> checked;  // customers whose stacks were looked at
        std::set<std::string> parked;             // those of them that were parked before
        std::set<std::string> departing;          // customers without a file whose stacks stay for now
        bool keeps_stacks = false;                // of customers that are unknown: nobody was asked about them
        std::string last_good;                    // why not the files are used, as problems() says it; "": they are
    };
    // A stack that stays for a while after its customer left.
    struct Departure {
        Instant when;           // the stack is removed
        bool is_known = false;  // whether `handoff` is
        std::optional<config::Handoff> handoff;
    };
    // The last one by patrol().
    struct Repair {
        std::vector<std::string> steps;
        Instant at;
        unsigned times = 0;  // in a row
        Duration pause{};    // before the next check
    };

    // Except those of `ours`, which we changed. True: notices were lost, so that any stack may have changed.
    [[nodiscard]] bool note_changes(const std::unordered_set<std::string>& ours);
    void keep_learned(const std::shared_ptr<const config::AcceptedCustomer>& accepted, Learned before);
    std::vector<std::string> prepare_learned(const std::set<std::string>& changed, const config::Generation& next);
    void carry_out(VpndLink& link, Round& round, Report& report);
    [[nodiscard]] bool load(Round& round, Report& report);
    // What `round.source` says, and every customer that has a file.
    [[nodiscard]] config::Loaded load_source(Round& round) const;
    // Takes the last good configuration in the place of `loaded`, whose appliance has errors, if there is one.
    void fall_back(Round& round, config::Loaded& loaded) const;
    // At the start, where something is wrong with a reseller or a customer of one: what all of these had in the last
    // good configuration, by which `loaded` is loaded again; nothing where that does not go with the files.
    [[nodiscard]] config::Generation resellers_before(config::Loaded& loaded) const;
    void update_last_good();
    // Decides about customers that have a stack or a configuration and no file any more. False: asks.
    [[nodiscard]] bool settle_removals(Round& round, config::Loaded& loaded, Report& report);
    [[nodiscard]] bool settle_unlisted(Round& round, config::Loaded& loaded, const Error& error, Report& report);
    void keep_customers(const std::vector<std::string>& ids, Round& round, config::Loaded& loaded) const;
    // Customers that have a stack or a configuration, and are not in `known`.
    [[nodiscard]] Result<std::vector<std::string>> gone_customers(const std::set<std::string>& known);
    // Ends the grace of stacks that hold a device which a customer of the round needs.
    void free_devices(Round& round);
    void report_changes(const Round& round, Report& report) const;
    // Everything that has a customer's name gets its new one.
    [[nodiscard]] Status rename(const std::vector<Rename>& renames);
    // The same for everything but the stacks; statusd is told of it.
    void take_names(const std::vector<Rename>& renames);
    [[nodiscard]] bool are_names_unsettled() const;
    // Ends what an earlier rename() has left in doubt. False: it still is, and nothing is applied.
    [[nodiscard]] bool settle_renames(Report& report);
    // Refuses the customers that get what one of `stays` has, and then those that get what these have. What is used
    // twice all the same, as only the appliance can give it up, or that it should_stop(); "": nothing.
    [[nodiscard]] std::string give_way(std::set<std::string> stays, Round& round, Report& report);
    // What could not be renamed stays. False: nothing is applied, as it is in doubt which stack has which name, or as
    // the appliance gets what it has.
    [[nodiscard]] bool rename_customers(Round& round, Report& report);
    // False: everything is as before, but for the renames.
    [[nodiscard]] bool bring_into_force(VpndLink& link, Round& round, Report& report);
    // Those that the next generation changes, and those that are not as they should be.
    void report_groups(const config::Generation& generation, Report& report) const;
    // Customers with a group get the state and the addresses that served_ says. Those that had others.
    std::set<std::string> apply_groups(config::Generation& generation) const;
    [[nodiscard]] std::unordered_set<std::string> stacks_in_doubt(const config::Generation& next) const;
    [[nodiscard]] std::unordered_set<std::string> stacks_to_preview(const config::Generation& next);
    [[nodiscard]] std::vector<std::shared_ptr<const config::AcceptedCustomer>> stacks_to_check(
        const config::Generation& next);
    [[nodiscard]] bool is_changed(const config::AcceptedCustomer& accepted) const;
    void mark_changes(const config::Generation& next);
    [[nodiscard]] std::uint32_t wanted_workers(const config::Generation& generation) const;
    [[nodiscard]] std::string only_in_vpnd(const config::Generation& generation,
                                           const std::set<std::string>& present) const;
    void update_pending_workers();
    // The first line of the first one in problems(); "": it has none.
    [[nodiscard]] std::string problem_of(const std::string& customer) const;
    [[nodiscard]] Status check_resize(std::uint32_t workers, const config::Generation& generation) const;
    [[nodiscard]] Status resize(std::uint32_t workers);

    // reconciler_parked.cc. Which stacks there are before the first configuration is in force here.
    void find_standing(const config::Generation& next);
    [[nodiscard]] Status pass_tunnel(VpndLink& link, const std::string& customer);
    void give_tunnel(VpndLink& link, const std::string& customer);
    void park(VpndLink& link, const ipc::LeftTunnel& left);
    // Some of those that a packet needed and that could not be made, in turn.
    void retry_wakes(VpndLink& link);
    void forget_woken();  // that have a stack now, or need none
    [[nodiscard]] bool report_unwoken(Report& report);
    // Of stacks that vpnd has without a TUN: after a change that was undone.
    void pass_missed_tunnels(VpndLink& link);
    void note_own_change(const std::string& customer);

    void size_neighbour_tables(const config::Generation& next, Report& report);
    [[nodiscard]] bool bind_listeners(Round& round, Report& report);
    [[nodiscard]] bool bring_up_stacks(Round& round, Report& report);
    [[nodiscard]] bool record_outcome(const config::AcceptedCustomer& accepted,
                                      const Result<StackKeeper::Outcome>& outcome, Round& round, Report& report);
    // Replaces what problems() says of the customer's stack as it is, by a text that ends in "Warren retries", or by
    // nothing ("").
    void replace_problem(const std::string& customer, const std::string& text,
                         ipc::ControlText::Kind kind = ipc::ControlText::Kind::kIncomplete);
    void record_problems(const std::string& customer, const std::vector<std::string>& problems);
    // Puts the stack off when it needed the same steps several times in a row. The pause; 0: there is none.
    Duration pause_after(const std::string& customer, const std::vector<std::string>& steps);
    void revert_customers(const std::set<std::string>& customers, Round& round);
    [[nodiscard]] bool deliver_changes(VpndLink& link, Round& round, Report& report);
    [[nodiscard]] Status deliver(VpndLink& link, const config::Generation& next, const std::set<std::string>& present,
                                 bool full, const std::function<Status()>& before_commit = {});
    void deliver_tunnels(VpndLink& link);
    // Names that were settled without a generation: vpnd does not go on with the old ones.
    void deliver_names(VpndLink& link);
    void roll_back(const Round& round);
    void remove_gone(Round& round, Report& report);
    void return_devices(Round& round, Report& report);
    void close_unused_listeners();
    void keep_incomplete(const std::vector<ipc::ControlText>& before);
    // Of customers whose files were not looked at.
    void keep_unseen(const std::string& seen, const std::vector<ipc::ControlText>& before);
    void update_unserved();
    void accept(VpndLink& link, Round& round, Report& report);

    Options options_;
    Served served_;
    SeenPeers seen_;  // where other nodes saw peers, until it was delivered
    StackKeeper stacks_;
    LearnedKeeper learned_;
    ListenerTable sockets_;
    VpndView view_;
    config::Generation current_;                     // in force
    std::set<std::string> present_;                  // customers that had a file when it came into force
    std::map<std::string, std::string> incomplete_;  // customers whose stack lacks something, and why
    std::map<std::string, Departure> departing_;     // customers whose stacks are removed later
    std::set<std::string> unsound_;                  // customers whose stack could not be checked or repaired
    std::map<std::string, Repair> repairs_;          // by customer
    std::vector<std::string> moved_;                 // as take_moved() returns them
    std::set<std::string> standing_;  // customers with a stack that was there before, or could not be removed whole
    std::map<std::string, std::string> unwoken_;  // parked customers whose stack could not be made, and why
    std::string last_retried_;                    // of these
    Patrol patrol_;
    std::vector<ipc::ControlText> problems_;
    std::uint64_t number_ = 0;
    bool has_accepted_ = false;  // current_ came into force here
    std::string last_good_;      // Round::last_good of current_
};

}  // namespace warren::stacks
