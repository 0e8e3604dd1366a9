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

#include "base/log.h"
#include "base/version.h"
#include "stacks/children/inspection.h"
#include "stacks/host/notify.h"
#include "stacks/plan/web_view.h"

namespace warren::stacks {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration kMendInterval = seconds(5);  // between two checks for a missing uplink device
constexpr std::size_t kStacksPerPatrol = 8;     // about 10 ms, during which nothing else is served
constexpr Duration kPatrolInterval = milliseconds(30);
constexpr Duration kChangeDelay = milliseconds(500);   // from the first notice of a change: most come in groups
constexpr Duration kSlowPatrol = seconds(60);          // for what nothing notifies of, such as sysctls
constexpr Duration kUnwatchedPatrol = seconds(10);     // when changes are not notified
constexpr Duration kPausePerStack = milliseconds(30);  // a patrol takes about 1 ms of it
constexpr Duration kQuickDeath = seconds(5);           // a vpnd that ends sooner is restarted after a growing delay
constexpr Duration kMaxBackoff = seconds(10);
constexpr Duration kStopPatience = seconds(5);
constexpr Duration kWatchInterval = seconds(2);     // between two liveness probes of vpnd
constexpr Duration kStartPatience = seconds(30);    // a sandbox on a machine that is just starting
constexpr Duration kLogRetry = milliseconds(200);   // while nobody reads the log
constexpr unsigned kPoisonousDeaths = 2;            // quick ones in a row, after which sessions are not kept
constexpr Duration kSessionPatience = seconds(10);  // how long sessions are kept while no vpnd runs
constexpr int kFailed = 4;
constexpr std::array kVpndSockets{"snapshot.sock", "adopt.sock"};
constexpr const char* kAside = ".old";  // of these, while vpnd is replaced

Instant now() {
    timespec time{};
    // Does not advance during suspend, when nothing could reply.
    ::clock_gettime(CLOCK_MONOTONIC, &time);
    return {std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec};
}

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

int milliseconds_until(Instant deadline) {
    if (deadline == kNever) return -1;
    const auto left = std::chrono::ceil<milliseconds>(deadline - now()).count();
    return static_cast<int>(std::clamp<std::int64_t>(left, 0, 60'000));
}

// No delay after the first quick exit, then 200 ms, 400 ms, ...
Duration backoff(unsigned quick_deaths) {
    if (quick_deaths <= 1) return Duration(0);
    return std::min<Duration>(milliseconds(100) * (1U << std::min(quick_deaths - 1, 10U)), kMaxBackoff);
}

}  // namespace

Supervisor::Supervisor(const RunDir& run_dir, Kernel& kernel, const Signals& signals, Options options)
    : run_dir_(run_dir),
      signals_(signals),
      options_(std::move(options)),
      reconciler_(kernel, {options_.config_directory, run_dir.path(), usable_cores(), [this] { return must_stop(); },
                           max_descriptors()}),
      state_(run_dir.path(), options_.state_dir) {
    if (options_.web) web_.emplace(*options_.web);
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
    const Status adopted = adopt_vpnd();
    if (!adopted) log(LogLevel::kInfo, "vpnd_not_adopted", {{"reason", adopted.error().what}});
    const Report report = reconciler_.apply(link_, Reconciler::Removals::kKeep, now());
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
    return 0;
}

void Supervisor::stop() {
    while (const auto request = signals_.next()) {
        if (*request != SignalRequest::kReload) leaving_ = *request == SignalRequest::kLeave;
    }
    web_.reset();
    link_.close();
    if (leaving_) {
        log(LogLevel::kInfo, "service_stopped", {{"stacks", "stay up"}, {"vpnd", "goes on"}});
        return;
    }
    (void)end_vpnd(kStopPatience);
    if (kept_sessions_) kept_sessions_->wipe();
    state_.finish(kStopPatience);
    reconciler_.close_listeners();
    for (const char* name : {"control.sock", "snapshot.sock", "adopt.sock", "vpnd.pid", "statusd.pid"})
        ::unlink(run_dir_.file(name).c_str());
    log(LogLevel::kInfo, "service_stopped", {{"stacks", "stay up"}});
}

// --- vpnd ----------------------------------------------------------------------------------------

ipc::Hello Supervisor::hello() const {
    return {reconciler_.current().appliance.name, kVersion, reconciler_.workers(), log_level()};
}

// After an earlier stackd was killed, its vpnd keeps running and holds all descriptors. One that cannot be adopted is
// ended: it must not hold the ports and tunnels that its successor needs.
Status Supervisor::adopt_vpnd() {
    Status adopted = connect_to_vpnd();
    if (!adopted && options_.left) {
        const std::string pid = std::to_string(options_.left->pid());
        log(LogLevel::kWarn, "vpnd_orphan_ended",
            {{"pid", pid}, {"reason", adopted.error().what}, {"ended", options_.left->stop(Duration(0))}});
    }
    if (!adopted) kept_sessions_.reset();  // it may have a descriptor of that memory
    options_.left.reset();
    return adopted;
}

Status Supervisor::connect_to_vpnd() {
    auto channel = ipc::Channel::connect(run_dir_.file("adopt.sock"), true);
    // A stackd that was killed in the middle of a replacement has left the sockets of the vpnd that goes on.
    if (!channel && put_sockets_back()) channel = ipc::Channel::connect(run_dir_.file("adopt.sock"), true);
    if (!channel) return tl::unexpected(channel.error());
    VpndLink link(std::move(*channel), [this] { return serve_while_waiting(); });
    std::vector<int> brought;
    if (make_kept_sessions()) brought.push_back(kept_sessions_->fd());  // it goes on with the old one otherwise
    auto holdings = link.greet(hello(), brought);
    if (!holdings) return tl::unexpected(holdings.error());
    if (!holdings->sender) return fail(ErrorCode::kInvalid, "vpnd does not say who it is");
    auto process = VpndProcess::watch(holdings->sender->pid);
    if (!process) return tl::unexpected(process.error());
    // Only while it lives can its pid not name another process.
    pollfd state{link.fd(), 0, 0};
    if (::poll(&state, 1, 0) > 0 && (state.revents & POLLHUP) != 0)
        return fail(ErrorCode::kUnavailable, "it has ended");
    const Status sound = inspect(*holdings, run_dir_.path());
    if (!sound) {
        holdings = tl::unexpected(sound.error());  // close what it holds before its successor opens it
        link.close();
        process->stop(kStopPatience);
        return sound;
    }
    process_ = std::move(*process);
    link_ = std::move(link);
    vpnd_since_ = now();
    watch_at_ = now() + kWatchInterval;
    reconciler_.adopt(std::move(*holdings));
    return {};
}

Status Supervisor::make_kept_sessions() {
    if (kept_sessions_) return {};
    auto kept = KeptSessions::make();
    if (!kept) return tl::unexpected(kept.error());
    kept_sessions_ = std::move(*kept);
    return {};
}

// The sockets of an adopted vpnd, which only it has, make room for those of its successor.
void Supervisor::set_sockets_aside() {
    for (const char* name : kVpndSockets)
        ::rename(run_dir_.file(name).c_str(), run_dir_.file(name).append(kAside).c_str());
}

bool Supervisor::put_sockets_back() {
    bool any = false;
    for (const char* name : kVpndSockets)
        any = ::rename(run_dir_.file(name).append(kAside).c_str(), run_dir_.file(name).c_str()) == 0 || any;
    return any;
}

Status Supervisor::open_vpnd_files() {
    WARREN_TRY(make_kept_sessions());
    if (snapshot_listener_.valid()) return {};
    auto snapshot = ipc::listen_at(run_dir_.file("snapshot.sock"), 0600);
    if (!snapshot) return tl::unexpected(snapshot.error());
    auto adoption = ipc::listen_at(run_dir_.file("adopt.sock"), 0600);
    if (!adoption) return tl::unexpected(adoption.error());
    state_.restore();
    for (const auto& [name, fd] : {std::pair("timestamps", &timestamps_), std::pair("peers", &peers_)}) {
        const std::string path = run_dir_.file(name);
        *fd = UniqueFd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
        if (!fd->valid()) return fail_errno("open " + path, errno);
    }
    snapshot_listener_ = std::move(*snapshot);
    adoption_listener_ = std::move(*adoption);
    return {};
}

Status Supervisor::start_vpnd() {
    vpnd_since_ = now();  // a failed start counts as a quick exit
    WARREN_TRY(open_vpnd_files());
    auto launched = launch(options_.vpnd, kStartPatience, [this] { return must_stop(); });
    if (!launched) return tl::unexpected(launched.error());
    process_ = std::move(launched->process);
    process_->save_pid(run_dir_.file("vpnd.pid"));
    VpndLink link(std::move(launched->channel), [this] { return serve_while_waiting(); });
    Status ready = greet(link);
    if (ready) ready = reconciler_.deliver_all(link);
    if (!ready) {
        (void)end_vpnd(kStopPatience);
        return with_context("vpnd", std::move(ready).error());
    }
    note_served(std::move(link));
    log(LogLevel::kInfo, "vpnd_started", {{"pid", std::to_string(process_->pid())}});
    return {};
}

Status Supervisor::greet(VpndLink& link) {
    const auto holdings = link.greet(
        hello(),
        {snapshot_listener_.get(), adoption_listener_.get(), timestamps_.get(), peers_.get(), kept_sessions_->fd()},
        kStartPatience);
    if (!holdings) return tl::unexpected(holdings.error());
    return {};
}

void Supervisor::note_served(VpndLink link) {
    link_ = std::move(link);
    watch_at_ = now() + kWatchInterval;
    wipe_at_ = kNever;
}

// Stacks, sockets and tunnels stay for the next vpnd.
void Supervisor::handle_vpnd_exit(const std::string& reason, bool hangs) {
    link_ = VpndLink();
    // A vpnd that only hung up would compete with its successor for the tunnels.
    const bool is_alive = process_ && !process_->ended();
    const std::string end = end_vpnd(hangs ? Duration(0) : kStopPatience);
    const std::string ended = is_alive ? reason + "; " + end : end.empty() ? reason : end;
    quick_deaths_ = now() - vpnd_since_ < kQuickDeath ? quick_deaths_ + 1 : 0;
    decide_on_sessions();
    const Duration delay = backoff(quick_deaths_);
    restart_at_ = now() + delay;
    log(LogLevel::kError, "vpnd_lost",
        {{"reason", ended},
         {"restart_in_ms", std::to_string(std::chrono::duration_cast<milliseconds>(delay).count())}});
}

std::string Supervisor::end_vpnd(Duration patience) {
    if (!process_) return {};
    std::string reason = process_->ended() ? process_->reap() : process_->stop(patience);
    // Two processes that send on one session would use a counter twice.
    if (!process_->ended()) kept_sessions_.reset();
    process_.reset();
    return reason;
}

void Supervisor::decide_on_sessions() {
    if (!kept_sessions_) return;
    if (quick_deaths_ >= kPoisonousDeaths) {
        kept_sessions_->wipe();  // what it took over may be what kills it
    } else if (wipe_at_ == kNever) {
        wipe_at_ = now() + kSessionPatience;
    }
}

void Supervisor::restart_vpnd() {
    restart_at_ = kNever;
    const Status started = start_vpnd();
    if (started) return;
    handle_vpnd_exit(started.error().what);
    // When nothing listens at the launcher's socket, systemd has given up on it, and will recreate it when it restarts
    // us.
    const int error = started.error().system_error;
    stopping_ = stopping_ || (!options_.vpnd.launcher.empty() && (error == ENOENT || error == ECONNREFUSED));
}

// The successor is started and told everything first, and takes none of it until the Commit, which it gets when the
// kernel has reported the end of the present one. So a program that does not start changes nothing, and the gap is
// short.
Report Supervisor::replace_vpnd() {
    const auto refuse = [](const std::string& reason) { return Report{{}, false, kFailed, reason}; };
    if (!link_.is_connected()) return refuse("vpnd is not running");
    if (!process_) return refuse("the process of vpnd is not known; restart Warren");
    auto successor = launch(options_.vpnd, kStartPatience, [this] { return must_stop(); });
    if (!successor) return refuse("vpnd goes on: " + successor.error().what);
    Instant began = kNever;
    std::string ended;
    const auto change_over = [&]() -> Status {
        began = now();
        is_changing_over_ = true;
        ended = end_vpnd(kStopPatience);
        link_.close();
        process_ = std::move(successor->process);
        process_->save_pid(run_dir_.file("vpnd.pid"));
        vpnd_since_ = began;
        if (kept_sessions_) return {};
        return fail(ErrorCode::kUnavailable, "the present one does not end");
    };
    VpndLink link(std::move(successor->channel), [this] { return serve_while_waiting(); });
    const bool is_adopted = !snapshot_listener_.valid();
    if (is_adopted) set_sockets_aside();
    Status served = open_vpnd_files();
    if (served) served = greet(link);
    if (served) served = reconciler_.deliver_all(link, change_over);
    is_changing_over_ = false;
    if (!served && began == kNever) {
        successor->process.stop(kStopPatience);
        if (is_adopted) {
            snapshot_listener_.reset();
            adoption_listener_.reset();
            (void)put_sockets_back();
        }
        return refuse("vpnd goes on: " + served.error().what);
    }
    for (const char* name : kVpndSockets) ::unlink(run_dir_.file(name).append(kAside).c_str());
    if (!served) {
        handle_vpnd_exit(served.error().what);
        return refuse("the new vpnd failed: " + served.error().what);
    }
    note_served(std::move(link));
    const auto took = std::to_string(std::chrono::duration_cast<milliseconds>(now() - began).count());
    log(LogLevel::kInfo, "vpnd_replaced", {{"old", ended}, {"pid", std::to_string(process_->pid())}, {"gap_ms", took}});
    return {{}, true, 0, "vpnd was replaced; its sessions go on after " + took + " ms"};
}

void Supervisor::watch_vpnd() {
    if (!link_.is_connected()) return;
    if (link_.awaits_reply()) {
        if (now() >= link_.reply_deadline()) handle_vpnd_exit("does not answer", true);
        return;
    }
    if (now() < watch_at_) return;
    if (const Status sent = link_.send_probe(); !sent) handle_vpnd_exit(sent.error().what, link_.is_hung());
}

// --- serving -------------------------------------------------------------------------------------

void Supervisor::serve() {
    while (!stopping_) {
        enum { kSignals, kControl, kLink, kProcess, kWeb, kWebEnded, kStacks };
        std::array<pollfd, 7> waiting{{{signals_.fd(), POLLIN, 0},
                                       {control_->fd(), POLLIN, 0},
                                       {link_.is_connected() ? link_.fd() : -1, POLLIN, 0},
                                       {process_ ? process_->ended_fd() : -1, POLLIN, 0},
                                       {web_ ? web_->fd() : -1, POLLIN, 0},
                                       {web_ ? web_->ended_fd() : -1, POLLIN, 0},
                                       {reconciler_.changes_fd(), POLLIN, 0}}};
        const Instant watch_at = !link_.is_connected()  ? kNever
                                 : link_.awaits_reply() ? link_.reply_deadline()
                                                        : watch_at_;
        flush_log();
        const Instant log_at = log_has_waiting() ? now() + kLogRetry : kNever;
        const int timeout =
            milliseconds_until(std::min({restart_at_, wipe_at_, mend_at_, patrol_at_, slow_patrol_at_, watch_at, log_at,
                                         reconciler_.next_departure(), state_.next_deadline(),
                                         web_ ? web_->next_deadline() : kNever, watchdog_.next_deadline()}));
        if (::poll(waiting.data(), waiting.size(), control_->has_waiting() ? 0 : timeout) < 0 && errno != EINTR) return;
        if (must_stop()) return;
        if (waiting[kProcess].revents != 0) {
            handle_vpnd_exit("ended");
        } else if (waiting[kLink].revents != 0) {
            const Status reply = link_.receive_reply();
            watch_at_ = now() + kWatchInterval;
            if (reply) log(LogLevel::kDebug, "reply_received");
            if (!reply) handle_vpnd_exit(reply.error().what);
        }
        watch_vpnd();  // right after poll(), so that a reply that has arrived was seen
        if (waiting[kSignals].revents != 0) handle_signals();
        if (now() >= wipe_at_) {
            wipe_at_ = kNever;
            if (kept_sessions_) kept_sessions_->wipe();
        }
        if (now() >= restart_at_) restart_vpnd();
        if (web_) web_->run(now());
        state_.run(now());
        serve_control(waiting[kControl].revents != 0);
        // A signal ends a wait for vpnd too; that says nothing of vpnd.
        if (must_stop()) return;
        // apply(), mend() and patrol() close a link that broke under them.
        if (!link_.is_connected() && restart_at_ == kNever) {
            const bool hangs = link_.is_hung();
            handle_vpnd_exit(hangs ? "does not answer" : "stopped answering", hangs);
        }
        if (waiting[kStacks].revents != 0) {
            reconciler_.note_changes();
            if (reconciler_.has_patrol()) patrol_at_ = std::min(patrol_at_, now() + kChangeDelay);
        }
        run_maintenance();
        if (web_) web_->report_problems(reconciler_.problems());
    }
}

void Supervisor::serve_control(bool is_ready) {
    const auto answer = [this](const ipc::ControlRequest& request) { return handle_request(request); };
    const auto generation = [this] { return reconciler_.generation(); };
    if (control_->has_waiting()) {
        control_->serve_waiting(answer, generation);
    } else if (is_ready) {
        control_->serve_one(answer, generation);
    }
}

// Called after every wait and between customers: often enough to feed the watchdog.
bool Supervisor::must_stop() {
    if (web_) web_->beat(now());
    watchdog_.feed(now());
    return Signals::stop_waits();
}

bool Supervisor::serve_while_waiting() {
    flush_log();
    pollfd waiting{control_ ? control_->fd() : -1, POLLIN, 0};
    if (::poll(&waiting, 1, 0) > 0) {
        control_->serve_one(
            [this](const ipc::ControlRequest& request) -> std::optional<Report> {
                if (request.verb == ipc::ControlVerb::kStatus) return status();
                if (request.verb == ipc::ControlVerb::kLogLevel && !request.log_level) return log_levels();
                return std::nullopt;  // it waits until vpnd has answered
            },
            [this] { return reconciler_.generation(); });
    }
    // The successor has to learn that it is in charge, whatever happens to us; that is a matter of milliseconds.
    return !must_stop() || is_changing_over_;
}

void Supervisor::schedule_maintenance() {
    mend_at_ = reconciler_.needs_mending() ? now() + kMendInterval : kNever;
    patrol_at_ = reconciler_.has_patrol() ? now() + kPatrolInterval : kNever;
    const Duration pause = reconciler_.changes_fd() < 0 ? kUnwatchedPatrol : kSlowPatrol;
    slow_patrol_at_ = now() + std::max<Duration>(pause, kPausePerStack * reconciler_.current().customers.size());
}

void Supervisor::run_maintenance() {
    reconciler_.remove_departed(now());
    if (now() >= slow_patrol_at_) {
        reconciler_.begin_patrol();
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
        const Report report = apply(Reconciler::Removals::kKeep);
        for (const ipc::ControlText& text : report.texts) {
            if (text.kind == ipc::ControlText::Kind::kNote)
                log(LogLevel::kWarn, "problem_reported", {{"customer", text.customer}, {"text", text.text}});
        }
    }
}

Report Supervisor::apply(Reconciler::Removals removals) {
    notify_reloading();
    Report report = reconciler_.apply(link_, removals, now());
    if (report.is_owed) {
        report.exit_status = kFailed;
        report.summary += "; the tunnels do not follow it yet: vpnd does not have it";
    }
    schedule_maintenance();
    log(report.exit_status == 0 ? LogLevel::kInfo : LogLevel::kWarn, "configuration_applied",
        {{"summary", report.summary}});
    announce();
    configure_web();
    return report;
}

void Supervisor::configure_web() {
    if (!web_) return;
    web_->report_problems(reconciler_.problems());
    web_->report_stacks(now(), web_stacks_of(reconciler_.current()));
    web_->configure(now(), reconciler_.current().appliance);
}

Report Supervisor::handle_request(const ipc::ControlRequest& request) {
    log(LogLevel::kDebug, "request_received", {{"verb", std::to_string(static_cast<unsigned>(request.verb))}});
    switch (request.verb) {
        case ipc::ControlVerb::kApply: return apply(Reconciler::Removals::kAsk);
        case ipc::ControlVerb::kApplyRemoving: return apply(Reconciler::Removals::kAllowed);
        case ipc::ControlVerb::kDiff: return reconciler_.preview();
        case ipc::ControlVerb::kStatus: return status();
        case ipc::ControlVerb::kReplaceVpnd: return replace_vpnd();
        case ipc::ControlVerb::kResetPeer: return reconciler_.reset_peer(link_, request.customer, request.peer);
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
    fact("statusd", web_ && web_->fd() >= 0);
    return report;
}

Report Supervisor::status() const {
    Report report;
    const auto fact = [&report](const std::string& text) {
        report.texts.push_back({ipc::ControlText::Kind::kFact, "", text});
    };
    const auto uptime = std::chrono::duration_cast<seconds>(now() - serving_since_).count();
    fact("pid " + std::to_string(::getpid()) + ", up " + std::to_string(uptime) + " s");
    fact(process_ ? "vpnd pid " + std::to_string(process_->pid())
                  : std::string(link_.is_connected() ? "vpnd runs" : "vpnd is not running"));
    const config::Appliance& appliance = reconciler_.current().appliance;
    if (appliance.public_endpoint) fact("clients use " + *appliance.public_endpoint);
    for (const ipc::WebStack& stack : web_stacks_of(reconciler_.current())) {
        for (const std::string& peer : stack.disabled_peers)
            report.texts.push_back({ipc::ControlText::Kind::kFact, stack.customer, peer});
    }
    report.texts.insert(report.texts.end(), reconciler_.problems().begin(), reconciler_.problems().end());
    report.summary = "generation " + std::to_string(reconciler_.generation());
    return report;
}

void Supervisor::announce() const {
    notify("READY=1\nSTATUS=generation " + std::to_string(reconciler_.generation()) + ", " +
           std::to_string(reconciler_.current().customers.size()) + " customers");
}

}  // namespace warren::stacks
