#include "stacks/children/vpnd_process.h"

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "base/log.h"
#include "base/sandbox.h"

namespace warren::stacks {

namespace {

constexpr int kChannelDescriptor = 3;
constexpr Duration kExitPatience = std::chrono::seconds(1);   // for a child that failed to start
constexpr Duration kKillPatience = std::chrono::seconds(10);  // after SIGKILL
constexpr std::size_t kStartTimeField = 19;  // counted after the name's ")": field 22 of proc(5)'s /proc/PID/stat

UniqueFd open_pidfd(pid_t pid) {
    return UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
}

// When the process started, in the kernel's ticks: together with the pid it identifies one process uniquely. "" when
// there is none.
std::string start_time(pid_t pid) {
    std::ifstream in("/proc/" + std::to_string(pid) + "/stat");
    std::string line;
    if (!std::getline(in, line)) return {};
    std::istringstream fields(line.substr(line.rfind(')') + 1));
    std::string field;
    for (std::size_t i = 0; i <= kStartTimeField; ++i) fields >> field;
    return fields ? field : std::string();
}

// Atomic: a kill leaves the old file or the new one.
Status write_pid_file(const std::string& path, pid_t pid) {
    const std::string fresh = path + ".new";
    std::ofstream out(fresh, std::ios::trunc);
    out << pid << " " << start_time(pid) << "\n";
    out.close();
    if (!out || ::rename(fresh.c_str(), path.c_str()) != 0) return fail_errno("write " + path, errno);
    return {};
}

// The sockets of this network namespace that were bound at `path`, as /proc/PID/fd shows them.
std::set<std::string> sockets_bound_at(const std::string& path) {
    std::set<std::string> out;
    std::ifstream in("/proc/thread-self/net/unix");
    std::string line;
    while (std::getline(in, line)) {
        std::istringstream fields(line);
        std::string field;
        std::string inode;
        for (int i = 0; i < 6; ++i) fields >> field;  // number, references, protocol, flags, type, state
        fields >> inode >> field;
        if (fields && field == path) out.insert("socket:[" + inode + "]");
    }
    return out;
}

bool holds_one_of(pid_t pid, const std::set<std::string>& files) {
    std::error_code error;
    const std::filesystem::path directory = "/proc/" + std::to_string(pid) + "/fd";
    for (auto it = std::filesystem::directory_iterator(directory, error);
         !error && it != std::filesystem::directory_iterator(); it.increment(error)) {
        std::error_code gone;
        if (files.contains(std::filesystem::read_symlink(it->path(), gone).string())) return true;
    }
    return false;
}

// The real user id of a process: the owner of /proc/PID is root's when the process may not be dumped.
std::optional<uid_t> user_of(pid_t pid) {
    std::ifstream in("/proc/" + std::to_string(pid) + "/status");
    std::string field;
    uid_t uid = 0;
    while (in >> field) {
        if (field == "Uid:" && in >> uid) return uid;
    }
    return std::nullopt;
}

// The path leads the process to the directory that it leads us to.
bool has_the_same_directory(pid_t pid, const std::string& path) {
    struct stat ours {};
    struct stat its {};
    return ::stat(path.c_str(), &ours) == 0 &&
           ::stat(("/proc/" + std::to_string(pid) + "/root" + path).c_str(), &its) == 0 && ours.st_dev == its.st_dev &&
           ours.st_ino == its.st_ino;
}

// What the child needs, made before fork: between fork and exec nothing may allocate.
struct Launch {
    std::vector<char*> arguments;
    std::vector<char*> environment;
    const ServiceUser& user;
    int executable;
    int channel;
    int report;  // gets errno when the start fails
};

[[noreturn]] void give_up(int report) {
    const int error = errno;
    (void)!::write(report, &error, sizeof error);
    ::_exit(127);
}

bool become(const ServiceUser& user) {
    return drop_bounding_set(0) && ::setgroups(user.groups.size(), user.groups.data()) == 0 &&
           ::setresgid(user.gid, user.gid, user.gid) == 0 && ::setresuid(user.uid, user.uid, user.uid) == 0 &&
           ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
}

[[noreturn]] void run_child(const Launch& launch) {
    ::setsid();  // so that Ctrl-C at our terminal does not reach it
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::signal(SIGPIPE, SIG_DFL);
    ::umask(077);
    if (::chdir("/") != 0) give_up(launch.report);
    const int null = ::open("/dev/null", O_RDWR);
    if (null < 0 || ::dup2(null, STDIN_FILENO) < 0) give_up(launch.report);
    // The report pipe must not occupy the channel's descriptor number; dup2 clears close-on-exec.
    const int report = ::fcntl(launch.report, F_DUPFD_CLOEXEC, kChannelDescriptor + 1);
    if (report < 0) give_up(launch.report);
    const int channel = ::fcntl(launch.channel, F_DUPFD_CLOEXEC, kChannelDescriptor + 1);
    const int executable = ::fcntl(launch.executable, F_DUPFD_CLOEXEC, kChannelDescriptor + 1);
    if (channel < 0 || executable < 0 || ::dup2(channel, kChannelDescriptor) < 0) give_up(report);
    if (::syscall(SYS_close_range, kChannelDescriptor + 1, ~0U, 1U << 2 /* CLOSE_RANGE_CLOEXEC */) != 0)
        give_up(report);
    if (!become(launch.user)) give_up(report);
    // By descriptor: the path may lead through a directory that the user may not enter.
    ::execveat(executable, "", launch.arguments.data(), launch.environment.data(), AT_EMPTY_PATH);
    give_up(report);
}

// Our environment without the variables between us and the service manager.
std::vector<std::string> child_environment() {
    std::vector<std::string> out;
    for (char** entry = environ; *entry != nullptr; ++entry) {
        const std::string text = *entry;
        if (!text.starts_with("NOTIFY_SOCKET=") && !text.starts_with("WATCHDOG_") && !text.starts_with("LISTEN_"))
            out.push_back(text);
    }
    return out;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
    std::vector<char*> out;
    for (std::string& text : texts) out.push_back(text.data());
    out.push_back(nullptr);
    return out;
}

}  // namespace

Result<ServiceUser> find_user(const std::string& name) {
    errno = 0;
    const passwd* entry = ::getpwnam(name.c_str());
    if (entry == nullptr) {
        return fail(ErrorCode::kNotFound, "there is no user " + name +
                                              " for vpnd to run as; create one (adduser --system --group " + name +
                                              ") or name another with --user");
    }
    if (entry->pw_uid == 0)
        return fail(ErrorCode::kInvalid, "vpnd must not run as root; name another user with --user");
    ServiceUser user{name, entry->pw_uid, entry->pw_gid, {}};
    int count = 64;
    user.groups.resize(static_cast<std::size_t>(count));
    if (::getgrouplist(name.c_str(), user.gid, user.groups.data(), &count) < 0)
        count = 1;  // too many groups: keep only the primary one
    user.groups.resize(static_cast<std::size_t>(count));
    user.groups.front() = user.gid;
    return user;
}

Result<VpndProcess> VpndProcess::start(const std::string& executable, const ServiceUser& user, int channel) {
    std::vector<std::string> arguments{executable, "--channel", std::to_string(kChannelDescriptor), "--log-level",
                                       std::string(name_of(log_level()))};
    std::vector<std::string> environment = child_environment();
    const UniqueFd file(::open(executable.c_str(), O_PATH | O_CLOEXEC));
    if (!file.valid()) return fail_errno("start " + executable, errno);
    std::array<int, 2> report{};
    if (::pipe2(report.data(), O_CLOEXEC) != 0) return fail_errno("start " + executable + ": pipe", errno);
    UniqueFd reading(report[0]);
    UniqueFd writing(report[1]);
    const Launch launch{pointers(arguments), pointers(environment), user, file.get(), channel, writing.get()};
    const pid_t pid = ::fork();
    if (pid < 0) return fail_errno("start " + executable + ": fork", errno);
    if (pid == 0) run_child(launch);
    writing.reset();
    VpndProcess process(pid, open_pidfd(pid), true);
    int error = 0;
    if (::read(reading.get(), &error, sizeof error) == sizeof error) {
        (void)process.wait_ended(kExitPatience);
        (void)process.reap();
        return fail_errno("start " + executable + " as user " + user.name, error);
    }
    return process;
}

Result<VpndProcess> VpndProcess::watch(pid_t pid) {
    UniqueFd pidfd = open_pidfd(pid);
    if (!pidfd.valid()) return fail_errno("watch process " + std::to_string(pid), errno);
    return VpndProcess(pid, std::move(pidfd), false);
}

Result<VpndProcess> VpndProcess::own(pid_t pid) {
    UniqueFd pidfd = open_pidfd(pid);
    if (!pidfd.valid()) return fail_errno("watch process " + std::to_string(pid), errno);
    return VpndProcess(pid, std::move(pidfd), true);
}

void VpndProcess::save_pid(const std::string& pid_file) const {
    if (const Status written = write_pid_file(pid_file, pid_); !written)
        log(LogLevel::kWarn, "pidfile_write_failed",
            {{"reason", written.error().what}, {"risk", "the next stackd may not find this process"}});
}

Result<VpndProcess> VpndProcess::find(const std::string& pid_file) {
    std::ifstream in(pid_file);
    pid_t pid = 0;
    std::string started;
    if (!(in >> pid >> started) || pid <= 1) return fail(ErrorCode::kNotFound, "no earlier process was left");
    UniqueFd pidfd = open_pidfd(pid);
    // Open the descriptor first: from then on the pid cannot be reused.
    if (!pidfd.valid() || start_time(pid) != started)
        return fail(ErrorCode::kNotFound, "the earlier process has ended");
    return VpndProcess(pid, std::move(pidfd), false);
}

Result<VpndProcess> VpndProcess::find_holder(const std::string& path, std::optional<uid_t> uid) {
    const std::set<std::string> sockets = sockets_bound_at(path);
    const std::string directory = std::filesystem::path(path).parent_path();
    const auto fits = [&](pid_t pid) {
        return holds_one_of(pid, sockets) && (!uid || user_of(pid) == uid) && has_the_same_directory(pid, directory);
    };
    std::error_code error;
    for (auto it = std::filesystem::directory_iterator("/proc", error);
         !sockets.empty() && !error && it != std::filesystem::directory_iterator(); it.increment(error)) {
        const pid_t pid = std::atoi(it->path().filename().c_str());
        if (pid <= 1 || pid == ::getpid() || !fits(pid)) continue;
        UniqueFd pidfd = open_pidfd(pid);
        // Look again: from here on the pid cannot be reused.
        if (pidfd.valid() && fits(pid)) return VpndProcess(pid, std::move(pidfd), false);
    }
    return fail(ErrorCode::kNotFound, "no process holds " + path);
}

std::optional<VpndProcess> VpndProcess::find_left(const std::string& run_dir, std::optional<uid_t> uid) {
    auto left = find_holder(run_dir + "/adopt.sock", uid);
    // A service manager may not let us look into other processes.
    if (!left) left = find(run_dir + "/vpnd.pid");
    if (!left) return std::nullopt;
    return std::move(*left);
}

bool VpndProcess::wait_ended(Duration patience) const {
    pollfd waiting{pidfd_.get(), POLLIN, 0};
    const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(patience).count();
    return ::poll(&waiting, 1, static_cast<int>(milliseconds)) > 0;
}

bool VpndProcess::ended() const {
    return wait_ended(Duration(0));
}

std::string VpndProcess::reap() {
    if (!is_child_) return "status unknown: not our child";
    int status = 0;
    pid_t reaped = 0;
    do {
        reaped = ::waitpid(pid_, &status, WNOHANG);
    } while (reaped < 0 && errno == EINTR);
    if (reaped == 0) return "status unknown: it does not end";
    is_child_ = false;
    if (WIFSIGNALED(status)) return "signal " + std::to_string(WTERMSIG(status));
    return "exit status " + std::to_string(WEXITSTATUS(status));
}

void VpndProcess::signal(int number) const {
    (void)::syscall(SYS_pidfd_send_signal, pidfd_.get(), number, nullptr, 0);
}

std::string VpndProcess::stop(Duration patience) {
    signal(SIGTERM);
    if (!wait_ended(patience)) {
        signal(SIGKILL);
        (void)wait_ended(kKillPatience);
    }
    return reap();
}

}  // namespace warren::stacks
