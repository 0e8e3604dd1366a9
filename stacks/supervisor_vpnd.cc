// vpnd's life: it is started, adopted, watched, replaced, and ended.
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <utility>

#include "base/log.h"
#include "base/version.h"
#include "stacks/children/inspection.h"
#include "stacks/supervisor.h"

namespace warren::stacks {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration kQuickDeath = seconds(5);  // a vpnd that ends sooner is restarted after a growing delay
constexpr Duration kMaxBackoff = seconds(10);
constexpr Duration kStartPatience = seconds(30);    // a sandbox on a machine that is just starting
constexpr unsigned kPoisonousDeaths = 2;            // quick ones in a row, after which sessions are not kept
constexpr Duration kSessionPatience = seconds(10);  // how long sessions are kept while no vpnd runs
constexpr std::array kVpndSockets{"snapshot.sock", "adopt.sock"};
constexpr const char* kAside = ".old";  // of these, while vpnd is replaced

// No delay after the first quick exit, then 200 ms, 400 ms, ...
Duration backoff(unsigned quick_deaths) {
    if (quick_deaths <= 1) return Duration(0);
    return std::min<Duration>(milliseconds(100) * (1U << std::min(quick_deaths - 1, 10U)), kMaxBackoff);
}

}  // namespace

ipc::Hello Supervisor::hello() const {
    return {reconciler_.current().appliance.name, kVersion, reconciler_.workers(), log_level()};
}

// After an earlier stackd was killed, its vpnd keeps running and holds all descriptors. One that cannot be adopted is
// ended: it must not hold the ports and tunnels that its successor needs. One of the former release leaves its
// sessions.
Status Supervisor::adopt_vpnd() {
    Status adopted = connect_to_vpnd();
    bool is_memory_ours = true;  // no process that lives has a descriptor of it
    if (!adopted && options_.left) {
        const Status handed = hand_memory_to_former();
        const std::string pid = std::to_string(options_.left->pid());
        const std::string end = options_.left->stop(handed ? kStopPatience : Duration(0));
        is_memory_ours = handed && options_.left->ended();
        log(LogLevel::kWarn, "vpnd_orphan_ended",
            {{"pid", pid},
             {"reason", adopted.error().what},
             {"ended", end},
             {"sessions", is_memory_ours ? "kept" : "lost"}});
    }
    if (!adopted && !is_memory_ours) kept_sessions_.reset();
    options_.left.reset();
    return adopted;
}

Status Supervisor::hand_memory_to_former() {
    auto channel = ipc::Channel::connect(run_dir_.file("adopt.sock"), true);
    if (!channel) return tl::unexpected(channel.error());
    WARREN_TRY(make_kept_sessions());
    VpndLink link(std::move(*channel), [this] { return serve_while_waiting(); });
    return link.hand_memory(hello(), kept_sessions_->fd());
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
    const std::vector<Rename> renames = renamed_since(*holdings);
    const Status sound = inspect(*holdings, run_dir_.path(), renames);
    if (!sound) {
        holdings = tl::unexpected(sound.error());  // close what it holds before its successor opens it
        link.close();
        process->stop(kStopPatience);
        return sound;
    }
    process_ = std::move(*process);
    link_ = std::move(link);
    usage_month_ = 0;
    usage_at_ = kLongAgo;
    if (auth_) auth_->forget_asker();
    vpnd_since_ = now();
    watch_at_ = now() + kWatchInterval;
    for (const Rename& rename : renames)
        log(LogLevel::kInfo, "rename_continued", {{"customer", rename.to}, {"before", rename.from}});
    reconciler_.adopt(std::move(*holdings), renames);
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
    // fleetd reads there where peers are.
    if (snapshot && options_.fleet) {
        if (const Status shared = share_with(run_dir_.file("snapshot.sock"), options_.fleet->unix_group); !shared)
            log(LogLevel::kWarn, "snapshots_not_shared", {{"reason", shared.error().what}});
    }
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
    if (const std::uint32_t wanted = reconciler_.wanted_workers(); wanted != reconciler_.workers()) {
        const Status set = reconciler_.set_workers(wanted);
        if (set) reconciler_.fit_queues();
        if (!set) log(LogLevel::kWarn, "workers_not_changed", {{"reason", set.error().what}});
    }
    reconciler_.close_surplus();  // of the one before
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
    if (auth_) auth_->forget_asker();  // the next channel is for this vpnd
    const auto holdings = link.greet(
        hello(),
        {snapshot_listener_.get(), adoption_listener_.get(), timestamps_.get(), peers_.get(), kept_sessions_->fd()},
        kStartPatience);
    if (!holdings) return tl::unexpected(holdings.error());
    usage_month_ = 0;
    usage_at_ = kLongAgo;
    pass_usage(link);
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
    if (auth_) auth_->forget_asker();
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
    if (const Status fits = reconciler_.check_workers(); !fits) return refuse("vpnd goes on: " + fits.error().what);
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
    const std::uint32_t workers = reconciler_.workers();
    Status served = open_vpnd_files();
    if (served && reconciler_.wanted_workers() != workers)
        served = reconciler_.set_workers(reconciler_.wanted_workers());
    if (served) served = greet(link);
    if (served && reconciler_.workers() != workers) reconciler_.fit_queues();
    if (served) served = reconciler_.deliver_all(link, change_over);
    is_changing_over_ = false;
    if (!served && began == kNever) {
        successor->process.stop(kStopPatience);
        if (auth_) auth_->forget_asker();  // the successor may have the present one
        reconciler_.keep_workers(link_, workers);
        if (is_adopted) {
            snapshot_listener_.reset();
            adoption_listener_.reset();
            (void)put_sockets_back();
        }
        return refuse("vpnd goes on: " + served.error().what);
    }
    for (const char* name : kVpndSockets) ::unlink(run_dir_.file(name).append(kAside).c_str());
    reconciler_.close_surplus();
    if (!served) {
        handle_vpnd_exit(served.error().what);
        return refuse("the new vpnd failed: " + served.error().what);
    }
    note_served(std::move(link));
    const auto took = std::to_string(std::chrono::duration_cast<milliseconds>(now() - began).count());
    log(LogLevel::kInfo, "vpnd_replaced", {{"old", ended}, {"pid", std::to_string(process_->pid())}, {"gap_ms", took}});
    return {{}, true, 0, "vpnd was replaced; its sessions go on after " + took + " ms"};
}

void Supervisor::change_workers(Report& report) {
    if (!reconciler_.only_in_vpnd().empty()) {
        report.texts.push_back({ipc::ControlText::Kind::kNote, "", reconciler_.pending_workers()});
        return;
    }
    const std::string step = "replace vpnd: workers: " + std::to_string(reconciler_.workers()) + " -> " +
                             std::to_string(reconciler_.wanted_workers());
    const Report replaced = replace_vpnd();
    report.summary += "; " + replaced.summary;
    if (replaced.accepted) {
        report.texts.push_back({ipc::ControlText::Kind::kStep, "", step});
        return;
    }
    report.exit_status = kFailed;
    report.texts.push_back({ipc::ControlText::Kind::kNote, "", "workers not changed: " + replaced.summary});
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

}  // namespace warren::stacks
