#include "stacks/supervisor.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <utility>

#include "base/clock.h"
#include "base/log.h"
#include "base/version.h"
#include "config/certificate_ends.h"
#include "config/parse.h"
#include "ipc/certificate_facts.h"
#include "stacks/children/inspection.h"
#include "stacks/customer_shares.h"
#include "stacks/host/notify.h"
#include "stacks/plan/web_view.h"

namespace warren::stacks {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::size_t kParkedPerRound = 4;      // stacks made or removed, about 10 ms, before others are served
constexpr Duration kMendInterval = seconds(5);  // between two checks for a missing uplink device
constexpr std::size_t kStacksPerPatrol = 8;     // about 10 ms, during which nothing else is served
constexpr Duration kPatrolInterval = milliseconds(30);
constexpr Duration kChangeDelay = milliseconds(500);   // from the first notice of a change: most come in groups
constexpr Duration kSlowPatrol = seconds(60);          // for what nothing notifies of, such as sysctls
constexpr Duration kUnwatchedPatrol = seconds(10);     // when changes are not notified
constexpr Duration kPausePerStack = milliseconds(30);  // a patrol takes about 1 ms of it
constexpr Duration kLogRetry = milliseconds(200);      // while nobody reads the log

// CPUs that stackd, and so vpnd, may run on.
std::uint32_t usable_cores() {
    cpu_set_t usable;
    const bool fits = ::sched_getaffinity(0, sizeof usable, &usable) == 0;  // false beyond 1024 CPUs
    return fits ? std::clamp<std::uint32_t>(static_cast<std::uint32_t>(CPU_COUNT(&usable)), 1, ipc::kMaxWorkers)
                : ipc::kMaxWorkers;
}

std::size_t max_descriptors() {
    rlimit limit{};
    return ::getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : 0;
}

// A run-dir that cannot hold the key: another stackd gives other numbers, and the IKE SAs of sites begin anew then.
SecretNumbers numbers_of(const RunDir& run_dir) {
    auto numbers = SecretNumbers::open(run_dir.file("secret-numbers"));
    if (numbers) return std::move(*numbers);
    log(LogLevel::kWarn, "secret_numbers_not_kept",
        {{"reason", numbers.error().what}, {"risk", "after a restart of stackd sites of IPsec connect anew"}});
    return SecretNumbers();
}

int milliseconds_until(Instant deadline, Instant now) {
    if (deadline == kNever) return -1;
    const auto left = std::chrono::ceil<milliseconds>(deadline - now).count();
    return static_cast<int>(std::clamp<std::int64_t>(left, 0, 60'000));
}

}  // namespace

Supervisor::Supervisor(const RunDir& run_dir, Kernel& kernel, const Signals& signals, Options options)
    : run_dir_(run_dir),
      signals_(signals),
      options_(std::move(options)),
      reconciler_(kernel, {options_.config_directory, run_dir.path(), usable_cores(), [this] { return must_stop(); },
                           max_descriptors(), [] { return now(); }, [this] { return last_good_.read(); },
                           [this](std::uint64_t generation, const std::vector<Rename>& renames) {
                               if (web_) web_->report_renames(now(), generation, renames);
                               logs_.rename(renames);
                               rename_customer_groups(renames);
                           },
                           kUapiDirectory, numbers_of(run_dir),
                           [this](VpndLink& link, const config::Generation& generation, bool is_in_force) {
                               tell_secrets(link, generation, is_in_force);
                           }}),
      state_(run_dir.path(), options_.state_dir),
      last_good_(options_.state_dir),
      history_(options_.state_dir),
      confirmation_(options_.state_dir, options_.config_directory),
      logs_(run_dir.path()),
      services_(options_of_services()),
      page_changes_(options_.config_directory, hands_for_page()),
      page_history_(options_.state_dir, run_dir.file("revisions.page")) {
    if (options_.web) web_.emplace(*options_.web);
    if (options_.auth) auth_.emplace(*options_.auth);
    if (options_.alerts) alerts_.emplace(*options_.alerts);
}

int Supervisor::run() {
    const int failed = start();
    if (failed == 0) serve();
    notify("STOPPING=1");
    if (failed == 0) stop();
    return failed;
}

// --- starting and stopping -----------------------------------------------------------------------

int Supervisor::start() {
    if (const Status finished = reconciler_.finish_renames(); !finished) {
        log(LogLevel::kError, "start_failed", {{"reason", finished.error().what}});
        return kFailed;
    }
    const Status adopted = adopt_vpnd();
    if (!adopted) log(LogLevel::kInfo, "vpnd_not_adopted", {{"reason", adopted.error().what}});
    start_fleet();
    const Report report = first_apply();
    if (Signals::stop_waits()) {
        stopping_ = true;
        return 0;
    }
    if (!report.accepted) {
        for (const ipc::ControlText& text : report.texts) {
            if (text.kind == ipc::ControlText::Kind::kDiagnostic) log_text(text.text);
        }
        log(LogLevel::kError, "start_failed", {{"reason", report.summary}});
        return report.exit_status;
    }
    if (!link_.is_connected()) {
        // An adopted one that stopped answering meanwhile.
        (void)end_vpnd(Duration(0));
        if (const Status started = start_vpnd(); !started) {
            log(LogLevel::kError, "start_failed", {{"reason", started.error().what}});
            return kFailed;
        }
    }
    auto control = ControlServer::listen(run_dir_.file("control.sock"));
    if (!control) {
        log(LogLevel::kError, "start_failed", {{"reason", control.error().what}});
        return kFailed;
    }
    control_ = std::move(*control);
    serving_since_ = now();
    schedule_maintenance();
    log(LogLevel::kInfo, "service_started", {{"summary", report.summary}, {"vpnd", adopted ? "adopted" : "started"}});
    announce();
    configure_web();
    configure_alerts();
    return 0;
}

void Supervisor::stop() {
    while (const auto request = signals_.next()) {
        if (*request != SignalRequest::kReload) leaving_ = *request == SignalRequest::kLeave;
    }
    web_.reset();
    alerts_.reset();
    link_.close();
    last_good_.finish(reconciler_.current(), kStopPatience, now());
    if (history_.is_on()) (void)history_.settle(kStopPatience, now());
    if (leaving_) {
        if (auth_) auth_->leave();
        log(LogLevel::kInfo, "service_stopped", {{"stacks", "stay up"}, {"vpnd", "goes on"}});
        return;
    }
    services_.stop(kStopPatience);
    (void)end_vpnd(kStopPatience);
    auth_.reset();
    if (kept_sessions_) kept_sessions_->wipe();
    state_.finish(kStopPatience);
    reconciler_.close_listeners();
    for (const char* name : {"control.sock", "snapshot.sock", "adopt.sock", "vpnd.pid", "statusd.pid", "status.sock",
                             "alertd.pid", "alert.sock"})
        ::unlink(run_dir_.file(name).c_str());
    log(LogLevel::kInfo, "service_stopped", {{"stacks", "stay up"}});
}

// --- serving -------------------------------------------------------------------------------------

void Supervisor::serve() {
    while (!stopping_) {
        enum {
            kSignals,
            kControl,
            kLink,
            kProcess,
            kWeb,
            kWebEnded,
            kStacks,
            kAuth,
            kAuthEnded,
            kLogs,
            kFleet,
            kServices,
            kOutputs
        };
        std::array<pollfd, 15> waiting{{{signals_.fd(), POLLIN, 0},
                                        {control_->fd(), POLLIN, 0},
                                        {link_.is_connected() ? link_.fd() : -1, POLLIN, 0},
                                        {process_ ? process_->ended_fd() : -1, POLLIN, 0},
                                        {web_ ? web_->fd() : -1, POLLIN, 0},
                                        {web_ ? web_->ended_fd() : -1, POLLIN, 0},
                                        {reconciler_.changes_fd(), POLLIN, 0},
                                        {auth_ ? auth_->fd() : -1, auth_ ? auth_->events() : short{0}, 0},
                                        {auth_ ? auth_->ended_fd() : -1, POLLIN, 0},
                                        {logs_.fd(now()), POLLIN, 0},
                                        {fleet_ ? fleet_->fd() : -1, POLLIN, 0},
                                        {services_.fd(), POLLIN, 0},
                                        {services_.output_fd(now()), POLLIN, 0},
                                        {alerts_ ? alerts_->fd() : -1, POLLIN, 0},
                                        {alerts_ ? alerts_->ended_fd() : -1, POLLIN, 0}}};
        const Instant watch_at = !link_.is_connected()  ? kNever
                                 : link_.awaits_reply() ? link_.reply_deadline()
                                                        : watch_at_;
        flush_log();
        const Instant log_at = log_has_waiting() ? now() + kLogRetry : kNever;
        const int timeout = milliseconds_until(std::min({restart_at_,
                                                         wipe_at_,
                                                         mend_at_,
                                                         patrol_at_,
                                                         slow_patrol_at_,
                                                         watch_at,
                                                         log_at,
                                                         reconciler_.next_departure(),
                                                         state_.next_deadline(),
                                                         last_good_.next_deadline(),
                                                         next_of_history(),
                                                         link_.is_connected() ? usage_at_ : kNever,
                                                         next_of_page(),
                                                         reconciler_.next_of_learned(),
                                                         logs_.next_deadline(now()),
                                                         services_.next_deadline(now()),
                                                         control_->next_deadline(),
                                                         web_ ? web_->next_deadline() : kNever,
                                                         auth_ ? auth_->next_deadline() : kNever,
                                                         alerts_ ? alerts_->next_deadline() : kNever,
                                                         watchdog_.next_deadline(),
                                                         next_of_fleet()}),
                                               now());
        const bool someone_waits = control_->has_waiting() || (fleet_ && fleet_->has_waiting()) ||
                                   reconciler_.has_parked_work(link_) || reconciler_.has_moved();
        if (::poll(waiting.data(), waiting.size(), someone_waits ? 0 : timeout) < 0 && errno != EINTR) return;
        if (must_stop()) return;
        if (waiting[kProcess].revents != 0) {
            handle_vpnd_exit("ended");
        } else if (waiting[kLink].revents != 0) {
            const auto reply = link_.receive_next();
            if (reply && *reply) {
                watch_at_ = now() + kWatchInterval;
                log(LogLevel::kDebug, "reply_received");
            }
            if (!reply) handle_vpnd_exit(reply.error().what);
        }
        reconciler_.serve_parked(link_, kParkedPerRound);
        watch_vpnd();  // right after poll(), so that a reply that has arrived was seen
        serve_fleet(waiting[kFleet].revents != 0);
        if (waiting[kSignals].revents != 0) handle_signals();
        for (const std::string& id : reconciler_.take_moved()) {
            const config::AcceptedCustomer* const accepted = reconciler_.current().find(id);
            if (accepted != nullptr) logs_.follow_stack(accepted->customer);
        }
        if (now() >= wipe_at_) {
            wipe_at_ = kNever;
            if (kept_sessions_) kept_sessions_->wipe();
        }
        if (now() >= restart_at_) restart_vpnd();
        serve_auth();
        pass_usage(link_);
        if (waiting[kLogs].revents != 0) logs_.run(now(), read_wall_clock());
        serve_services(waiting[kServices].revents != 0 || waiting[kOutputs].revents != 0);
        if (web_) web_->run(now());
        if (alerts_) alerts_->run(now());
        serve_page();
        state_.run(now());
        last_good_.run(reconciler_.current(), now());
        run_history();
        serve_control(waiting[kControl].revents != 0);
        control_->drop_silent(now());
        // A diff reads the notices of changes that somebody made, too.
        if (patrol_at_ == kNever && reconciler_.has_patrol()) patrol_at_ = now() + kChangeDelay;
        // A vpnd that was started or replaced may have left a stack that could not be fitted to its workers.
        if (mend_at_ == kNever && reconciler_.needs_mending()) mend_at_ = now() + kMendInterval;
        // A signal ends a wait for vpnd too; that says nothing of vpnd.
        if (must_stop()) return;
        // apply(), mend(), patrol() and follow_devices() close a link that broke under them.
        if (!link_.is_connected() && restart_at_ == kNever) {
            const bool hangs = link_.is_hung();
            handle_vpnd_exit(hangs ? "does not answer" : "stopped answering", hangs);
        }
        if (waiting[kStacks].revents != 0) {
            reconciler_.note_changes();
            if (reconciler_.has_patrol()) patrol_at_ = std::min(patrol_at_, now() + kChangeDelay);
        }
        run_maintenance();
        reconciler_.follow_learned(link_);
        update_web();
        look_for_failed_update();
        update_alerts();
    }
}

void Supervisor::serve_control(bool is_ready) {
    const auto answer = [this](const ipc::ControlRequest& request, uid_t peer) {
        return handle_request(request, peer);
    };
    const auto generation = [this] { return reconciler_.generation(); };
    if (control_->has_waiting()) {
        control_->serve_waiting(answer, generation);
    } else if (is_ready) {
        control_->serve_one(answer, generation);
    }
}

void Supervisor::start_fleet() {
    if (!options_.fleet) return;
    auto fleet = FleetKeeper::open(*options_.fleet);
    if (!fleet) {
        log(LogLevel::kError, "fleet_not_served", {{"reason", fleet.error().what}});
        return;
    }
    fleet_ = std::move(*fleet);
    reconciler_.assume_served(fleet_->resume());
}

void Supervisor::serve_fleet(bool is_ready) {
    if (!fleet_) return;
    if (is_ready || fleet_->has_waiting()) fleet_->serve_socket(reconciler_, link_);
    fleet_->run(reconciler_, link_);
}

// On the clock of this class, which may stand still where that of the groups does not.
Instant Supervisor::next_of_fleet() const {
    if (!fleet_) return kNever;
    const Instant next = fleet_->next_deadline();
    return next == kNever ? kNever : now() + (next - FleetKeeper::now());
}

// Called after every wait and between customers: often enough to feed the watchdog.
bool Supervisor::must_stop() {
    if (web_) web_->beat(now());
    if (alerts_) alerts_->beat(now());
    if (auth_) auth_->settle();
    if (fleet_) fleet_->serve_while_busy(reconciler_);
    watchdog_.feed(now());
    return Signals::stop_waits();
}

bool Supervisor::serve_while_waiting() {
    flush_log();
    pollfd waiting{control_ ? control_->fd() : -1, POLLIN, 0};
    if (::poll(&waiting, 1, 0) > 0) {
        control_->serve_one(
            [this](const ipc::ControlRequest& request, uid_t /*peer*/) -> std::optional<Report> {
                if (request.verb == ipc::ControlVerb::kStatus) return status(request.customer);
                if (request.verb == ipc::ControlVerb::kLogLevel && !request.log_level) return log_levels();
                return std::nullopt;  // it waits until vpnd has answered
            },
            [this] { return reconciler_.generation(); });
    }
    // The successor has to learn that it is in charge, whatever happens to us; that is a matter of milliseconds.
    return !must_stop() || is_changing_over_;
}

void Supervisor::schedule_maintenance() {
    logs_.follow(reconciler_.current());
    services_.follow(reconciler_.current(), both_clocks());
    mend_at_ = reconciler_.needs_mending() ? now() + kMendInterval : kNever;
    patrol_at_ = reconciler_.has_patrol() ? now() + kPatrolInterval : kNever;
    const Duration pause = reconciler_.changes_fd() < 0 ? kUnwatchedPatrol : kSlowPatrol;
    slow_patrol_at_ = now() + std::max<Duration>(pause, kPausePerStack * reconciler_.current().customers.size());
}

void Supervisor::run_maintenance() {
    if (now() >= reconciler_.next_departure()) {
        reconciler_.remove_departed(now());
        tend_customer_groups(reconciler_.current());
    }
    if (now() >= slow_patrol_at_) {
        reconciler_.begin_patrol();
        reconciler_.follow_devices(link_);
        schedule_maintenance();
    }
    if (now() >= mend_at_) {
        reconciler_.mend(link_);
        mend_at_ = reconciler_.needs_mending() ? now() + kMendInterval : kNever;
    }
    if (now() < patrol_at_) return;
    reconciler_.patrol(link_, kStacksPerPatrol);
    patrol_at_ = reconciler_.has_patrol() ? now() + kPatrolInterval : kNever;
    if (reconciler_.needs_mending()) mend_at_ = std::min(mend_at_, now() + kMendInterval);
}

void Supervisor::handle_signals() {
    while (const auto request = signals_.next()) {
        if (*request != SignalRequest::kReload) {
            stopping_ = true;
            leaving_ = *request == SignalRequest::kLeave;
            return;
        }
        reload();
    }
}

Report Supervisor::apply(Reconciler::Removals removals, const history::Origin& origin, const std::string& removed,
                         const Reconciler::Source& source) {
    notify_reloading();
    Report report = reconciler_.apply(link_, removals, now(), removed, source);
    if (report.is_owed) {
        report.exit_status = kFailed;
        report.summary += "; the tunnels do not follow it yet: vpnd does not have it";
    }
    keep(report, origin);
    tend_customer_groups(reconciler_.current());
    if (report.accepted && link_.is_connected() && reconciler_.workers() != reconciler_.wanted_workers())
        change_workers(report);
    schedule_maintenance();
    log(report.exit_status == 0 ? LogLevel::kInfo : LogLevel::kWarn, "configuration_applied",
        {{"summary", report.summary}});
    announce();
    configure_web();
    configure_alerts();
    return report;
}

void Supervisor::configure_web() {
    if (!web_) return;
    report_stacks();
    web_->report_problems(problems());
    web_->report_changing(changing());
    web_->configure(now(), reconciler_.current().appliance);
}

void Supervisor::report_stacks() {
    incomplete_ = incomplete_stacks(reconciler_.problems());
    web_->report_stacks(web_stacks_of(reconciler_.current(), incomplete_));
}

void Supervisor::update_web() {
    if (!web_) return;
    if (incomplete_stacks(reconciler_.problems()) != incomplete_) report_stacks();
    web_->report_problems(problems());
    web_->report_changing(changing());
    web_->report_alerts(alerts_shown());
    tell_history();
}

Report Supervisor::handle_request(const ipc::ControlRequest& request, uid_t peer) {
    const history::Origin origin{history::Origin::Kind::kRequest, peer, request.claimed_user, request.comment};
    log(LogLevel::kDebug, "request_received", {{"verb", std::to_string(static_cast<unsigned>(request.verb))}});
    switch (request.verb) {
        case ipc::ControlVerb::kGroupPrepare:
        case ipc::ControlVerb::kGroupServe:
        case ipc::ControlVerb::kGroupStop:
        case ipc::ControlVerb::kGroupStatus:
            return fleet_ ? fleet_->handle(request, reconciler_, link_)
                          : Report{{}, false, kFailed, "this node belongs to no fleet: there is no fleet.toml"};
        case ipc::ControlVerb::kFleetStatus:
        case ipc::ControlVerb::kFleetMove:
        case ipc::ControlVerb::kFleetDrain:
        case ipc::ControlVerb::kFleetUndrain: return {{}, false, kFailed, "fleetd answers this"};
        case ipc::ControlVerb::kApply:
        case ipc::ControlVerb::kApplyRemoving: return apply_asked(request, origin);
        case ipc::ControlVerb::kConfirm: return confirm();
        case ipc::ControlVerb::kGoBack: return restore_confirmed(origin);
        case ipc::ControlVerb::kDiff: return reconciler_.preview();
        case ipc::ControlVerb::kCheck:
            if (!request.customer.empty() && !config::is_customer_id(request.customer))
                return {{}, false, kFailed, "that is no customer's id"};
            return reconciler_.check(request.customer);
        case ipc::ControlVerb::kStatus: return status(request.customer);
        case ipc::ControlVerb::kReplaceVpnd: return replace_vpnd();
        case ipc::ControlVerb::kResetPeer: return reconciler_.reset_peer(link_, request.customer, request.peer);
        case ipc::ControlVerb::kOperateConnection:
            return reconciler_.operate_connection(link_, request.customer, request.peer,
                                                  request.action.value_or(ipc::ConnectionAction::kRekey));
        case ipc::ControlVerb::kCapture: return capture(request, peer);
        case ipc::ControlVerb::kWake: return reconciler_.wake(link_, request.customer);
        case ipc::ControlVerb::kUsers:
            return web_ ? web_->reload_users() : Report{{}, false, 0, "there is no status page (--no-web)"};
        case ipc::ControlVerb::kLogLevel:
            return request.log_level ? change_log_level(*request.log_level) : log_levels();
    }
    return {};
}

Report Supervisor::change_log_level(LogLevel level) {
    // Logged at the more verbose of both levels, so that the line appears in either direction.
    if (level < log_level()) set_log_level(level);
    log(LogLevel::kInfo, "log_level_changed", {{"level", std::string(name_of(level))}});
    set_log_level(level);
    if (link_.is_connected()) {
        if (const Status sent = link_.send(ipc::SetLogLevel{level}); !sent)
            link_.close();  // the next vpnd starts with it
    }
    if (web_) web_->pass_log_level(now());
    if (auth_) auth_->pass_log_level();
    if (alerts_) alerts_->pass_log_level(now());
    return log_levels();
}

Report Supervisor::log_levels() const {
    Report report;
    const auto fact = [&report](const char* daemon, bool runs) {
        const std::string level = runs ? std::string(name_of(log_level())) : "not running";
        report.texts.push_back({ipc::ControlText::Kind::kFact, "", std::string(daemon) + " " + level});
    };
    fact("stackd", true);
    fact("vpnd", link_.is_connected());
    if (auth_ && auth_->is_wanted()) fact("authd", auth_->is_running());
    fact("statusd", web_ && web_->fd() >= 0);
    if (alerts_ && alerts_->is_wanted()) fact("alertd", alerts_->is_running());
    return report;
}

Report Supervisor::status(const std::string& customer) const {
    Report report;
    const auto fact = [&report](const std::string& text) {
        report.texts.push_back({ipc::ControlText::Kind::kFact, "", text});
    };
    const auto uptime = std::chrono::duration_cast<seconds>(now() - serving_since_).count();
    fact("pid " + std::to_string(::getpid()) + ", up " + std::to_string(uptime) + " s");
    const std::uint32_t workers = reconciler_.workers();
    fact(process_ ? "vpnd pid " + std::to_string(process_->pid()) + ", " + std::to_string(workers) +
                        (workers == 1 ? " data worker" : " data workers")
                  : std::string(link_.is_connected() ? "vpnd runs" : "vpnd is not running"));
    if (auth_ && auth_->is_wanted())
        fact(auth_->is_running() ? "authd pid " + std::to_string(auth_->pid()) : std::string("authd is not running"));
    const config::Appliance& appliance = reconciler_.current().appliance;
    if (appliance.public_endpoint) fact("clients use " + *appliance.public_endpoint);
    if (const auto& waiting = confirmation_.waiting())
        fact("unconfirmed " + std::to_string(waiting->base) + " " +
             std::to_string(std::chrono::ceil<seconds>(confirmation_.left()).count()));
    if (history_.is_on()) fact("revision " + std::to_string(history_.in_force().value_or(0)));
    const auto services = services_.facts(customer);
    report.texts.insert(report.texts.end(), services.begin(), services.end());
    if (const auto* const accepted = customer.empty() ? nullptr : reconciler_.current().find(customer)) {
        const auto learned = reconciler_.learned().facts(accepted->customer);
        report.texts.insert(report.texts.end(), learned.begin(), learned.end());
        for (const config::CertificateEnd& end : config::certificate_ends(accepted->customer, accepted->secrets))
            report.texts.push_back({ipc::ControlText::Kind::kFact, customer,
                                    ipc::text_of(ipc::CertificateFact{end.field, end.file, end.not_after})});
    }
    const auto disabled = disabled_peers_of(reconciler_.current(), customer);
    report.texts.insert(report.texts.end(), disabled.begin(), disabled.end());
    const auto all = problems();
    report.texts.insert(report.texts.end(), all.begin(), all.end());
    report.summary = "generation " + std::to_string(reconciler_.generation());
    return report;
}

void Supervisor::announce() const {
    notify("READY=1\nSTATUS=generation " + std::to_string(reconciler_.generation()) + ", " +
           std::to_string(reconciler_.current().customers.size()) + " customers");
}

}  // namespace warren::stacks
