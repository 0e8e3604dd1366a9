// stackd's main loop: keeps vpnd running, answers signals and the control socket, and lets the reconciler do the work.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/fd.h"
#include "base/result.h"
#include "base/time.h"
#include "base/token_bucket.h"
#include "base/usage_record.h"
#include "stacks/children/alert_keeper.h"
#include "stacks/children/auth_keeper.h"
#include "stacks/children/kept_sessions.h"
#include "stacks/children/launch.h"
#include "stacks/children/vpnd_link.h"
#include "stacks/children/vpnd_process.h"
#include "stacks/children/web_keeper.h"
#include "stacks/confirmation.h"
#include "stacks/control_server.h"
#include "stacks/customer_logs.h"
#include "stacks/fleet_keeper.h"
#include "stacks/history_keeper.h"
#include "stacks/host/run_dir.h"
#include "stacks/host/signals.h"
#include "stacks/host/state_copy.h"
#include "stacks/host/watchdog.h"
#include "stacks/last_good.h"
#include "stacks/page_changes.h"
#include "stacks/page_history.h"
#include "stacks/page_looks.h"
#include "stacks/reconciler.h"
#include "stacks/services/service_table.h"

namespace warren::stacks {

// One thread; lives while stackd serves.
class Supervisor {
  public:
    struct Options {
        std::string config_directory;
        Program vpnd;
        std::optional<WebKeeper::Options> web;      // nothing: no status page
        std::optional<AuthKeeper::Options> auth;    // nothing: there is no program, and no site of IPsec comes up
        std::optional<VpndProcess> left;            // a vpnd of an earlier stackd of this run-dir
        std::string state_dir;                      // what outlives a reboot; "": nothing does
        std::optional<FleetKeeper::Options> fleet;  // nothing: this node belongs to no fleet
        std::optional<AlertKeeper::Options> alerts =
            {};                             // nothing: there is no program, and nobody is told of anything
        std::string service_launcher = "";  // the socket of what starts services; "": stackd does
    };
    // All references must outlive it.
    Supervisor(const RunDir& run_dir, Kernel& kernel, const Signals& signals, Options options);

    // Adopts or starts vpnd, applies the configuration, and serves until SIGTERM. Returns stackd's exit status; errors
    // were logged.
    [[nodiscard]] int run();

  private:
    static constexpr Duration kStopPatience = std::chrono::seconds(5);
    static constexpr Duration kWatchInterval = std::chrono::seconds(2);  // between two liveness probes of vpnd
    static constexpr int kFailed = 4;
    [[nodiscard]] static Instant now() { return read_instant_awake(); }

    [[nodiscard]] int start();
    [[nodiscard]] Status adopt_vpnd();
    [[nodiscard]] Status connect_to_vpnd();
    [[nodiscard]] Status hand_memory_to_former();
    [[nodiscard]] Status start_vpnd();
    // Hello to a vpnd that we started.
    [[nodiscard]] Status greet(VpndLink& link);
    // It has the configuration.
    void note_served(VpndLink link);
    // The next vpnd continues the sessions of the present one, with the number of data workers that the configuration
    // says.
    [[nodiscard]] Report replace_vpnd();
    // The same after an apply() that changed that number, unless a customer would lose its tunnels; adds the outcome to
    // `report`.
    void change_workers(Report& report);
    [[nodiscard]] Status open_vpnd_files();
    void set_sockets_aside();
    // True when there were any.
    bool put_sockets_back();
    [[nodiscard]] Status make_kept_sessions();
    [[nodiscard]] ipc::Hello hello() const;
    // Ends what is left of vpnd, at once when it `hangs`, and schedules its restart.
    void handle_vpnd_exit(const std::string& reason, bool hangs = false);
    // After the last one died: whether the next may continue its sessions, which are wiped when not.
    void decide_on_sessions();
    // Ends vpnd within `patience`, waits for its end and returns the reason. If it cannot be made sure that it has
    // ended, the next one must not continue its sessions.
    std::string end_vpnd(Duration patience);
    void restart_vpnd();
    // Probes vpnd regularly and replaces one that hangs: it has not ended, but serves nothing.
    void watch_vpnd();
    void stop();

    void serve();
    [[nodiscard]] bool must_stop();
    // Serves what needs no vpnd while a call waits for it. False: stop waiting.
    [[nodiscard]] bool serve_while_waiting();
    void serve_control(bool is_ready);
    // The groups of the fleet. start_fleet(): before the first apply.
    void start_fleet();
    void serve_fleet(bool is_ready);
    [[nodiscard]] Instant next_of_fleet() const;
    void handle_signals();
    // Sets the time of the next run_maintenance().
    void schedule_maintenance();
    void run_maintenance();
    // `removed`, `source`: as Reconciler::apply().
    [[nodiscard]] Report apply(Reconciler::Removals removals, const history::Origin& origin,
                               const std::string& removed = "", const Reconciler::Source& source = {});
    // For a later start and for the history, after an apply().
    void keep(const Report& report, const history::Origin& origin);
    [[nodiscard]] Report handle_request(const ipc::ControlRequest& request, uid_t peer);
    // supervisor_history.cc: what may wait for a confirmation, and its end. The first apply of this process.
    [[nodiscard]] Report first_apply();
    [[nodiscard]] Report apply_asked(const ipc::ControlRequest& request, const history::Origin& origin);
    [[nodiscard]] Report apply_unconfirmed(const ipc::ControlRequest& request, const history::Origin& origin);
    [[nodiscard]] Report carry_out(const ipc::ControlRequest& request, const history::Origin& origin);
    // Why nothing may be applied now; "": it may.
    [[nodiscard]] std::string reason_to_wait() const;
    void reload();
    [[nodiscard]] Report confirm();
    // The last confirmed revision comes back.
    [[nodiscard]] Report restore_confirmed(history::Origin origin);
    void run_history();
    [[nodiscard]] Instant next_of_history() const;
    void add_history(std::vector<ipc::ControlText>& problems) const;
    // Changes the level of all daemons. One that is not running receives it when it starts.
    [[nodiscard]] Report change_log_level(LogLevel level);
    [[nodiscard]] Report log_levels() const;
    [[nodiscard]] Report capture(const ipc::ControlRequest& request, uid_t peer);
    // `customer`: whose disabled peers are all named; "": the first few of each.
    [[nodiscard]] Report status(const std::string& customer) const;
    void announce() const;
    // supervisor_auth.cc: the secrets of a generation go to authd, and a channel to it to that vpnd; those of no other
    // are kept when it is in force.
    void tell_secrets(VpndLink& link, const config::Generation& generation, bool is_in_force);
    // vpnd gets a channel to authd if it has none. A link that breaks is closed.
    void pass_asker(VpndLink& link);
    void serve_auth();
    // supervisor_usage.cc: vpnd gets the file of the present month, if it does not have it. A link that breaks is
    // closed.
    void pass_usage(VpndLink& link);
    // supervisor_services.cc: what runs inside the stacks.
    [[nodiscard]] ServiceTable::Options options_of_services();
    [[nodiscard]] static Now both_clocks();
    void serve_services(bool is_ready);
    // supervisor_alerts.cc: whom alertd tells, and of what.
    void configure_alerts();
    void update_alerts();
    void report_to_alerts();
    void note_event(const std::string& kind, const std::string& text);
    void look_for_failed_update();
    // Those of the reconciler and of services, and that there is no authd or alertd where one is needed.
    [[nodiscard]] std::vector<ipc::ControlText> problems() const;
    void configure_web();
    void report_stacks();
    // Tells statusd what has changed.
    void update_web();
    // supervisor_page.cc: what users of the page ask for.
    [[nodiscard]] PageChanges::Hands hands_for_page();
    void serve_page();
    [[nodiscard]] ipc::WebChanging changing() const;
    [[nodiscard]] ipc::WebLooked look(const ipc::WebLook& asked);
    [[nodiscard]] ipc::WebAlerts alerts_shown() const;
    // The revisions that it shows.
    void tell_history();
    [[nodiscard]] Instant next_of_page() const;

    const RunDir& run_dir_;
    const Signals& signals_;
    Options options_;
    Watchdog watchdog_;
    Reconciler reconciler_;
    std::optional<ControlServer> control_;
    std::optional<FleetKeeper> fleet_;
    UniqueFd snapshot_listener_;  // these five are passed to vpnd, and kept for the next one
    UniqueFd adoption_listener_;
    UniqueFd timestamps_;
    UniqueFd peers_;
    std::optional<KeptSessions> kept_sessions_;
    StateCopy state_;
    LastGood last_good_;
    HistoryKeeper history_;
    Confirmation confirmation_;
    CustomerLogs logs_;
    ServiceTable services_;
    std::optional<VpndProcess> process_;
    VpndLink link_;
    std::optional<WebKeeper> web_;
    PageChanges page_changes_;
    PageHistory page_history_;
    PageLooks looks_;
    std::uint64_t page_life_ = 0;  // of the statusd that page_changes_ and looks_ have to do with
    std::optional<AuthKeeper> auth_;
    std::optional<AlertKeeper> alerts_;
    std::vector<ipc::AlertEvent> alert_events_;  // the latest
    Instant update_looked_at_ = kLongAgo;
    std::string failed_update_;    // "": none, as far as is known
    Month usage_month_ = 0;        // whose file vpnd has; 0: none
    Instant usage_at_ = kLongAgo;  // when that is looked at again
    bool usage_has_failed_ = false;
    bool wants_auth_ = false;           // there are secrets, and no program that could hold them
    std::set<std::string> incomplete_;  // customers whose stacks statusd shows as not complete
    Instant vpnd_since_{};
    unsigned quick_deaths_ = 0;  // in a row
    Instant restart_at_ = kNever;
    Instant wipe_at_ = kNever;  // when no vpnd is back by then, the sessions of the last one are too old to be useful
    Instant watch_at_{};        // time of the next probe
    Instant mend_at_ = kNever;
    Instant patrol_at_ = kNever;
    Instant slow_patrol_at_ = kNever;
    Instant serving_since_{};
    bool stopping_ = false;
    bool leaving_ = false;           // vpnd stays for the next stackd
    bool is_changing_over_ = false;  // the present vpnd has ended, its successor is not in charge yet
};

}  // namespace warren::stacks
