#include "stacks/services/service_table.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>

#include "base/log.h"
#include "base/printable.h"
#include "base/write_all.h"
#include "stacks/services/confine.h"

namespace warren::stacks {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::size_t kEvents = 32;       // in a run
constexpr std::size_t kStartsAtOnce = 2;  // in a run: each is some milliseconds
// A launcher that is late is late for all, and a turn of stackd's loop waits for it: so one in a run, and after
// one that failed a pause for all.
constexpr std::size_t kLaunchesAtOnce = 1;
constexpr Duration kLauncherPause = seconds(60);
constexpr Duration kQuickDeath = seconds(30);
constexpr Duration kFirstPause = milliseconds(500);
constexpr Duration kMaxPause = seconds(60);
constexpr Duration kMissingPause = seconds(10);  // before a program or a user is looked for again
constexpr Duration kStopPatience = seconds(3);
constexpr Duration kCheckPatience = seconds(10);
constexpr Duration kCheckPause = seconds(10);  // before a check that was killed is made again; doubled each time
constexpr Duration kMaxCheckPause = std::chrono::minutes(10);
// After an upgrade, how many are without their program at once, and how long one has to run before the next one.
constexpr std::size_t kReplacedAtOnce = 2;
constexpr Duration kReplacementRuns = seconds(2);
constexpr unsigned kReplacementTries = 3;  // one that does not run holds up nobody for ever
// A program reads its file, then attends to signals, and is the first one in its process namespace: until it attends,
// a SIGHUP has no effect.
constexpr Duration kAttends = seconds(5);

// No delay after the first quick end.
Duration backoff(unsigned quick_deaths) {
    if (quick_deaths <= 1) return Duration(0);
    return std::min<Duration>(kFirstPause * (1U << std::min(quick_deaths - 2, 10U)), kMaxPause);
}

std::string key_of(const std::string& customer, ServiceKind kind) {
    return customer + "." + std::string(name_of(kind));
}

std::string file_of(ServiceKind kind) {
    return std::string(program_of(kind)) + ".conf";
}

std::string read_file(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

// Atomic: the program reads the old one or the new one.
Status write_file(const std::string& path, const std::string& text, mode_t mode) {
    const std::string fresh = path + ".part";
    const UniqueFd file(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode));
    if (!file.valid()) return fail_errno("open " + fresh, errno);
    WARREN_TRY(write_all(file.get(), text));
    if (::fchmod(file.get(), mode) != 0 || ::rename(fresh.c_str(), path.c_str()) != 0)
        return fail_errno("write " + path, errno);
    return {};
}

Status make_directory(const std::string& path, mode_t mode) {
    if (::mkdir(path.c_str(), mode) != 0 && errno != EEXIST) return fail_errno("make " + path, errno);
    if (::chmod(path.c_str(), mode) != 0) return fail_errno("chmod " + path, errno);
    return {};
}

std::vector<std::string> command(ServiceKind kind, const std::string& program) {
    const std::string file = std::string(kServiceFiles) + "/" + file_of(kind);
    if (kind == ServiceKind::kDns) return {program, "-d", "-c", file};
    return {program, "-f", "-c", file, "-s", "/tmp/bird.ctl"};
}

std::string checker_of(ServiceKind kind) {
    return kind == ServiceKind::kDns ? "unbound-checkconf" : "bird";
}

std::vector<std::string> check_command(ServiceKind kind, const std::string& program) {
    const std::string file = std::string(kServiceFiles) + "/next.conf";
    if (kind == ServiceKind::kDns) return {program, file};
    return {program, "-p", "-c", file};
}

// Of a program's file: another one after each upgrade. "": there is none.
std::string identity_of(const std::string& path) {
    struct stat about {};
    if (path.empty() || ::stat(path.c_str(), &about) != 0) return "";
    return std::to_string(about.st_dev) + " " + std::to_string(about.st_ino) + " " +
           std::to_string(about.st_mtim.tv_sec) + " " + std::to_string(about.st_mtim.tv_nsec);
}

// How one has ended. Never waits.
std::string outcome_of(VpndProcess& process, UniqueFd& outcome) {
    std::string reason = process.reap();
    if (!outcome.valid()) return reason;
    std::array<char, 64> space{};
    const ssize_t size = ::recv(outcome.get(), space.data(), space.size(), MSG_DONTWAIT);
    if (size > 0) reason = printable({space.data(), static_cast<std::size_t>(size)});
    outcome.reset();
    return reason;
}

}  // namespace

std::string ServiceTable::directory_of(const std::string& name) const {
    return options_.run_dir + "/services/" + name;
}

// --- what there should be ------------------------------------------------------------------------

Status ServiceTable::prepare() {
    if (is_prepared_) return {};
    WARREN_TRY(make_directory(options_.run_dir + "/services", 0700));
    WARREN_TRY(make_directory(directory_of(".root"), 0755));
    ended_ = UniqueFd(::epoll_create1(EPOLL_CLOEXEC));
    outputs_ = UniqueFd(::epoll_create1(EPOLL_CLOEXEC));
    if (!ended_.valid() || !outputs_.valid()) return fail_errno("epoll", errno);
    is_prepared_ = true;
    return {};
}

// Once, when the first service is wanted: to look makes the slice.
void ServiceTable::look_for_groups() {
    if (options_.launcher_has_limits || std::exchange(has_looked_for_groups_, true)) return;
    auto groups = options_.open_groups();
    const Status limits = groups ? groups->can_limit() : Status(tl::unexpected(groups.error()));
    if (limits) groups_ = std::move(*groups);
    if (!limits) log(LogLevel::kInfo, "services_limited_by_rlimits", {{"reason", limits.error().what}});
}

void ServiceTable::leave_group(const Service& service) const {
    if (options_.launcher_has_limits) return;
    const auto groups = options_.open_groups();
    if (!groups) return;
    groups->remove_leaf(service.customer, std::string(name_of(service.kind)));
    if (!options_.stack_of(service.customer)) groups->remove(service.customer);
}

void ServiceTable::follow(const config::Generation& generation, Now now) {
    struct Wanted {
        const config::Customer& customer;
        WantedService service;
    };
    std::map<std::string, Wanted> wanted;
    for (const auto& accepted : generation.customers) {
        for (WantedService& each : services_of(accepted->customer)) {
            const std::string name = key_of(accepted->customer.id, each.kind);
            wanted.emplace(name, Wanted{accepted->customer, std::move(each)});
        }
    }
    const bool has_left = !is_prepared_ && ::access((options_.run_dir + "/services").c_str(), F_OK) == 0;
    if (wanted.empty() && services_.empty() && !has_left) return;
    if (const Status prepared = prepare(); !prepared) {
        log(LogLevel::kError, "services_not_started", {{"reason", prepared.error().what}});
        return;
    }
    for (const ServiceKind kind : {ServiceKind::kDns, ServiceKind::kBgp})
        programs_[kind] = identity_of(options_.find_program(std::string(program_of(kind))));
    if (!wanted.empty()) look_for_groups();
    if (has_left) adopt_left(now.wall);
    for (auto& [name, service] : services_) {
        if (!wanted.contains(name)) service.wanted.reset();
    }
    for (auto& [name, each] : wanted) {
        auto found = services_.find(name);
        Service& service =
            found != services_.end() ? found->second : add(each.customer.id, each.service.kind, now.wall).second;
        service.share = each.customer.traffic.share;
        const bool is_other = service.wanted != each.service;
        if (is_other) service.wanted = std::move(each.service);
        if (service.wanted->text == service.in_force) {
            service.needs_restart = service.wanted->needs_restart;
            service.refused.clear();
            if (is_other && service.process) service.problem.clear();  // it was of a change that was taken back
        }
        service.stack = options_.stack_of(service.customer);
    }
    has_more_ = true;  // run() looks at all
}

ServiceTable::Entry& ServiceTable::add(const std::string& customer, ServiceKind kind, WallTime wall) {
    Entry& entry = *services_.try_emplace(key_of(customer, kind)).first;
    Service& service = entry.second;
    service.customer = customer;
    service.kind = kind;
    service.since = wall;
    const std::string directory = directory_of(entry.first);
    const std::string fifo = directory + "/log";
    Status made = make_directory(directory, 0700);
    if (made) made = make_directory(directory + "/etc", 0755);
    if (made && ::mkfifo(fifo.c_str(), 0600) != 0 && errno != EEXIST) made = fail_errno("make " + fifo, errno);
    if (made) {
        // For reading and writing: it never hangs up, whoever else opens and closes it.
        service.output = UniqueFd(::open(fifo.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW));
        if (!service.output.valid()) made = fail_errno("open " + fifo, errno);
    }
    if (made) {
        watch(outputs_.get(), service.output.get(), entry);
    } else {
        log(LogLevel::kError, "service_failed",
            {{"customer", customer}, {"service", std::string(name_of(kind))}, {"reason", made.error().what}});
    }
    return entry;
}

// What an earlier stackd of this run-dir started and no later one ended.
void ServiceTable::adopt_left(WallTime wall) {
    std::error_code error;
    for (auto it = std::filesystem::directory_iterator(options_.run_dir + "/services", error);
         !error && it != std::filesystem::directory_iterator(); it.increment(error)) {
        const std::string name = it->path().filename().string();
        const auto dot = name.rfind('.');
        if (dot == 0 || dot == std::string::npos) continue;
        const std::string kind = name.substr(dot + 1);
        if (kind != name_of(ServiceKind::kDns) && kind != name_of(ServiceKind::kBgp)) continue;
        Entry& entry =
            add(name.substr(0, dot), kind == name_of(ServiceKind::kDns) ? ServiceKind::kDns : ServiceKind::kBgp, wall);
        Service& service = entry.second;
        auto process = VpndProcess::find(directory_of(name) + "/pid");
        if (!process) continue;
        service.process = std::move(*process);
        service.state = "running";
        if (::access(unread_mark(name).c_str(), F_OK) == 0) service.reload_at = kLongAgo;
        service.in_force = read_file(directory_of(name) + "/etc/" + file_of(service.kind));
        service.started_with = read_file(directory_of(name) + "/began");
        service.program = read_file(directory_of(name) + "/program");
        // Of its file too, as far as is known before it is compared with what is wanted.
        service.needs_restart = service.started_with.substr(service.started_with.find(' ') + 1);
        watch(ended_.get(), service.process->ended_fd(), entry);
        log(LogLevel::kInfo, "service_adopted",
            {{"customer", service.customer}, {"service", kind}, {"pid", std::to_string(service.process->pid())}});
    }
}

void ServiceTable::watch(int epoll, int fd, Entry& entry) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = &entry;
    if (::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0)
        log(LogLevel::kError, "service_not_watched",
            {{"customer", entry.second.customer}, {"reason", fail_errno("epoll", errno).value().what}});
}

// --- what is done about it -----------------------------------------------------------------------

bool ServiceTable::is_new(const Service& service) {
    return service.wanted && service.wanted->text != service.in_force && service.wanted->text != service.refused;
}

Instant ServiceTable::deadline_of(const Service& service) {
    Instant next = std::min({service.kill_at, service.reload_at, service.checker_until});
    if (!service.wanted || service.checker) return next;
    if (is_new(service)) next = std::min(next, service.check_at);
    if (!service.process && !service.in_force.empty()) next = std::min(next, service.start_at);
    return next;
}

Instant ServiceTable::next_deadline(Instant now) const {
    if (has_more_) return now;
    Instant next = std::min(outputs_.valid() && now < read_at_ ? read_at_ : kNever, replace_at_);
    for (const auto& [name, service] : services_) next = std::min(next, deadline_of(service));
    return next;
}

void ServiceTable::run(Now now) {
    if (!is_prepared_) return;
    starts_left_ = options_.launcher_has_limits ? kLaunchesAtOnce : kStartsAtOnce;
    std::array<epoll_event, kEvents> ready{};
    const int count = ::epoll_wait(ended_.get(), ready.data(), static_cast<int>(ready.size()), 0);
    // Those that ended, and what has waited for its time. Others have nothing to do.
    const bool may_replace = now.instant >= replace_at_;
    if (may_replace) replace_at_ = kNever;
    const bool all = std::exchange(has_more_, false) || count > 0 || may_replace;
    if (all)
        replaced_ = static_cast<std::size_t>(std::count_if(services_.begin(), services_.end(), [now](const auto& each) {
            return is_being_replaced(each.second, now.instant);
        }));
    for (auto it = services_.begin(); it != services_.end();) {
        if (!all && deadline_of(it->second) > now.instant) {
            ++it;
            continue;
        }
        const auto next = std::next(it);
        if (!step(*it, now)) services_.erase(it);
        it = next;
    }
    read_outputs(now);
}

bool ServiceTable::step(Entry& entry, Now now) {
    auto& [name, service] = entry;
    if (service.checker && service.checker->ended()) settle_check(entry, now);
    if (service.checker && now.instant >= service.checker_until) {
        service.checker->signal(SIGKILL);
        service.checker_until = kNever;
    }
    if (service.process && service.process->ended()) settle_end(entry, now);
    if (service.process && now.instant >= service.kill_at) {
        service.process->signal(SIGKILL);
        service.kill_at = kNever;
    }
    if (service.process && !service.is_stopping && now.instant >= service.reload_at) reload(entry, now);
    if (!service.wanted) {
        if (service.process) begin_stop(service, now);
        if (service.checker) service.checker->signal(SIGKILL);
        if (service.process || service.checker) return true;
        std::error_code error;
        std::filesystem::remove_all(directory_of(name), error);
        leave_group(service);
        return false;
    }
    if (service.process && !service.is_stopping && service.started_with != begin_of(service)) begin_stop(service, now);
    if (service.process && !service.is_stopping && is_outdated(service)) {
        // Few at a time, since an upgrade concerns all customers, and none while it is not known that it runs.
        if (replaced_ >= kReplacedAtOnce) {
            replace_at_ = std::min(replace_at_, now.instant + kReplacementRuns);
        } else {
            ++replaced_;
            service.is_replaced = true;
            service.quick_deaths = 0;
            begin_stop(service, now);
        }
    }
    if (is_new(service) && !service.checker && now.instant >= service.check_at) {
        service.check_at = std::max(service.check_at, starts_at_);
        if (now.instant >= service.check_at) begin_check(entry, now);
    }
    // While a new text waits for its check, it runs with the one before.
    const bool is_due = !service.process && !service.checker && !service.in_force.empty();
    if (is_due && now.instant >= service.start_at) {
        service.start_at = std::max(service.start_at, starts_at_);
        if (now.instant >= service.start_at) start(entry, now);
    }
    return true;
}

std::string ServiceTable::begin_of(const Service& service) {
    return std::to_string(service.stack.value_or(0)) + " " + service.needs_restart;
}

bool ServiceTable::is_outdated(const Service& service) const {
    const auto installed = programs_.find(service.kind);
    return installed != programs_.end() && !installed->second.empty() && !service.program.empty() &&
           service.program != installed->second;
}

bool ServiceTable::is_being_replaced(const Service& service, Instant now) {
    if (!service.is_replaced || !service.wanted || service.quick_deaths >= kReplacementTries) return false;
    return !service.process || service.is_stopping || now - service.started_at < kReplacementRuns;
}

void ServiceTable::begin_check(Entry& entry, Now now) {
    auto& [name, service] = entry;
    if (starts_left_ == 0) {
        has_more_ = true;
        return;
    }
    const std::string checker = options_.find_program(checker_of(service.kind));
    const std::string package = service.kind == ServiceKind::kDns ? "unbound" : "bird2";
    if (checker.empty())
        return fail_check(service, now, "missing",
                          "the package " + package + " is not installed: apt install " + package, kMissingPause);
    if (const Status put = write_file(directory_of(name) + "/etc/next.conf", service.wanted->text, 0644); !put)
        return fail_check(service, now, "stopped", put.error().what, kMissingPause);
    auto started = launch(entry, now, check_command(service.kind, checker), true);
    if (!started) return fail_check(service, now, "stopped", started.error().what, kMissingPause);
    service.checker = std::move(started->process);
    service.check_outcome = std::move(started->outcome);
    service.checked = service.wanted->text;
    service.checker_until = now.instant + kCheckPatience;
    watch(ended_.get(), service.checker->ended_fd(), entry);
}

void ServiceTable::settle_check(Entry& entry, Now now) {
    auto& [name, service] = entry;
    const std::string reason = outcome_of(*service.checker, service.check_outcome);
    service.checker.reset();
    service.checker_until = kNever;
    if (!service.wanted || service.checked != service.wanted->text) return;  // another one since
    // Only what it says itself is a refusal. Who killed it, and what for, has nothing to do with the text.
    if (!reason.starts_with("exit status"))
        return fail_check(
            service, now, "stopped",
            std::string(program_of(service.kind)) + " could not check its configuration (" + reason +
                "), which is tried again" + (service.process ? "; the one before stays in force" : ""),
            std::min<Duration>(kCheckPause * (1U << std::min(service.lost_checks++, 10U)), kMaxCheckPause));
    service.lost_checks = 0;
    if (reason != "exit status 0") {
        service.refused = service.checked;
        return fail_check(service, now, "refused",
                          std::string(program_of(service.kind)) + " does not accept its configuration (" + reason +
                              "), vpnctl log " + service.customer + " says why" +
                              (service.process ? "; the one before stays in force" : ""),
                          Duration(0));
    }
    if (const Status put = put_in_force(entry); !put)
        return fail_check(service, now, "stopped", put.error().what, kMissingPause);
    service.refused.clear();
    service.problem.clear();
    if (service.process && !service.is_stopping && service.started_with == begin_of(service)) {
        reload(entry, now);
        log(LogLevel::kInfo, "service_reloaded",
            {{"customer", service.customer}, {"service", std::string(name_of(service.kind))}});
    }
}

void ServiceTable::reload(Entry& entry, Now now) {
    auto& [name, service] = entry;
    service.process->signal(SIGHUP);
    const Instant attends = service.started_at + kAttends;
    service.reload_at = now.instant < attends ? attends : kNever;
    if (service.reload_at == kNever) ::unlink(unread_mark(name).c_str());
}

Status ServiceTable::put_in_force(Entry& entry) {
    auto& [name, service] = entry;
    WARREN_TRY(write_file(unread_mark(name), "", 0600));
    WARREN_TRY(write_file(directory_of(name) + "/etc/" + file_of(service.kind), service.checked, 0644));
    service.in_force = service.checked;
    service.needs_restart = service.wanted->needs_restart;
    return {};
}

void ServiceTable::start(Entry& entry, Now now) {
    auto& [name, service] = entry;
    if (starts_left_ == 0) {
        has_more_ = true;
        return;
    }
    const std::string program = options_.find_program(std::string(program_of(service.kind)));
    if (program.empty())
        return fail_start(service, now, "missing",
                          "the program " + std::string(program_of(service.kind)) + " is not installed", kMissingPause);
    auto started = launch(entry, now, command(service.kind, program), false);
    if (!started) {
        ::unlink((directory_of(name) + "/pid").c_str());
        return fail_start(service, now, "stopped", started.error().what, kMissingPause);
    }
    service.process = std::move(started->process);
    service.outcome = std::move(started->outcome);
    service.started_with = begin_of(service);
    service.program = programs_[service.kind] = identity_of(program);  // what is started is what is installed
    // For the next stackd: without it that one takes the program for the one that is installed.
    (void)write_file(directory_of(name) + "/program", service.program, 0600);
    service.is_stopping = false;
    service.kill_at = kNever;
    ::unlink(unread_mark(name).c_str());
    service.started_at = now.instant;
    service.since = now.wall;
    service.state = "running";
    if (service.wanted->text == service.in_force) service.problem.clear();
    watch(ended_.get(), service.process->ended_fd(), entry);
    log(LogLevel::kInfo, "service_started",
        {{"customer", service.customer},
         {"service", std::string(name_of(service.kind))},
         {"pid", std::to_string(service.process->pid())}});
}

Status ServiceTable::note_process(const std::string& name, const Service& service, const VpndProcess& process) const {
    const std::string pid_file = directory_of(name) + "/pid";
    WARREN_TRY(write_file(directory_of(name) + "/began", begin_of(service), 0600));
    process.save_pid(pid_file);
    const auto found = VpndProcess::find(pid_file);
    if (found && found->pid() == process.pid()) return {};
    return fail(ErrorCode::kFailed, "its process cannot be noted in " + pid_file);
}

Result<StartedService> ServiceTable::launch(Entry& entry, Now now, std::vector<std::string> arguments, bool is_check) {
    auto& [name, service] = entry;
    --starts_left_;
    const auto user = options_.find_user(std::string(program_of(service.kind)));
    if (!user) return tl::unexpected(user.error());
    const auto stack = options_.open_stack(service.customer);
    if (!stack) return tl::unexpected(stack.error());
    // Not ours: what the program does to it concerns no reader.
    const UniqueFd output(
        ::open((directory_of(name) + "/log").c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW));
    if (!output.valid()) return fail_errno("open its log", errno);
    UniqueFd group;
    if (groups_) {
        const auto leaf = groups_->make(service.customer, service.share, std::string(name_of(service.kind)));
        if (!leaf) return tl::unexpected(leaf.error());
        WARREN_TRY(CustomerGroups::limit(*leaf, {kServiceMemory, kServiceProcesses}));
        group = UniqueFd(::open((*leaf + "/cgroup.procs").c_str(), O_WRONLY | O_CLOEXEC));
        if (!group.valid()) return fail_errno("open " + *leaf + "/cgroup.procs", errno);
    }
    Confinement confinement;
    confinement.arguments = std::move(arguments);
    confinement.user = *user;
    confinement.root = directory_of(".root");
    confinement.files = directory_of(name) + "/etc";
    confinement.stack = stack->get();
    confinement.output = output.get();
    confinement.cgroup = group.get();
    confinement.address_space = groups_ || options_.launcher_has_limits ? 0 : kServiceAddressSpace;
    confinement.may_route = service.kind == ServiceKind::kBgp && !is_check;
    const NoteProcess note = [&](const VpndProcess& process) {
        return note_process(entry.first, entry.second, process);
    };
    auto started = options_.start(confinement, is_check ? NoteProcess() : note);  // a check ends by itself
    if (!started && started.error().code == ErrorCode::kUnavailable && options_.launcher_has_limits)
        starts_at_ = now.instant + kLauncherPause;
    return started;
}

void ServiceTable::settle_end(Entry& entry, Now now) {
    auto& [name, service] = entry;
    const std::string reason = outcome_of(*service.process, service.outcome);
    service.process.reset();
    ::unlink((directory_of(name) + "/pid").c_str());
    service.kill_at = kNever;
    service.reload_at = kNever;
    service.since = now.wall;
    service.state = "stopped";
    const bool was_asked = std::exchange(service.is_stopping, false);
    log(was_asked ? LogLevel::kInfo : LogLevel::kWarn, "service_ended",
        {{"customer", service.customer}, {"service", std::string(name_of(service.kind))}, {"reason", reason}});
    if (was_asked || !service.wanted) {
        service.start_at = now.instant;
        return;
    }
    if (now.instant - service.started_at >= kReplacementRuns) service.is_replaced = false;
    ++service.restarts;
    service.quick_deaths = now.instant - service.started_at < kQuickDeath ? service.quick_deaths + 1 : 1;
    fail_start(service, now, "stopped",
               std::string(program_of(service.kind)) + " has ended (" + reason + ") and is started again; vpnctl log " +
                   service.customer + " may say why",
               backoff(service.quick_deaths));
}

void ServiceTable::begin_stop(Service& service, Now now) {
    if (service.is_stopping) return;
    service.is_stopping = true;
    service.reload_at = kNever;
    service.kill_at = now.instant + kStopPatience;
    service.process->signal(SIGTERM);
}

void ServiceTable::stop(Duration patience) {
    for (auto& [name, service] : services_) {
        if (service.process) service.process->signal(SIGTERM);
        if (service.checker) service.checker->signal(SIGKILL);
    }
    const auto end = std::chrono::steady_clock::now() + patience;
    bool all_ended = true;
    for (auto& [name, service] : services_) {
        for (auto* process : {&service.process, &service.checker}) {
            if (!*process) continue;
            const auto left = end - std::chrono::steady_clock::now();
            (void)(*process)->stop(std::max<Duration>(left, Duration(0)));  // after its SIGTERM: waits for its end
            all_ended = all_ended && (*process)->ended();
            process->reset();
        }
        leave_group(service);
    }
    services_.clear();
    std::error_code error;
    // One that the kernel does not end is noted there, for the next stackd.
    if (all_ended) std::filesystem::remove_all(options_.run_dir + "/services", error);
    is_prepared_ = false;
}

}  // namespace warren::stacks
