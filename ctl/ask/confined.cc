#include "ctl/ask/confined.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <linux/close_range.h>
#include <linux/keyctl.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <optional>
#include <string_view>
#include <system_error>

#include "base/customer_group.h"
#include "base/kernel_names.h"
#include "base/sandbox.h"
#include "base/write_all.h"
#include "ctl/ask/netns.h"
#include "ctl/ask/program_filter.h"

namespace warren::ctl {

namespace {

constexpr int kCannotRun = 4;  // as ExitStatus::kFailed
constexpr gid_t kNoGroup = 65534;
constexpr const char* kOurFiles = "/run/warren-stack";
constexpr const char* kPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

Status write_file(const std::string& path, const std::string& text) {
    const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644));
    if (!file.valid()) return fail_errno("write " + path, errno);
    return write_all(file.get(), text);
}

// Has the file `target` show this text. What is below /run, which is ours, becomes a file there.
Status show_as(const std::filesystem::path& target, const std::string& text) {
    if (target.string().starts_with("/run/")) {
        std::error_code error;
        std::filesystem::create_directories(target.parent_path(), error);
        if (error) return fail_errno(target.parent_path().string(), error.value());
        return write_file(target.string(), text);
    }
    const std::string ours = fmt::format("{}/{}", kOurFiles, target.filename().string());
    WARREN_TRY(write_file(ours, text));
    if (::mount(ours.c_str(), target.c_str(), "none", MS_BIND, nullptr) != 0 && errno != ENOENT)
        return fail_errno(fmt::format("put {} in place", target.string()), errno);
    return {};
}

Status hide(const char* directory, bool is_writable) {
    constexpr unsigned long kPlain = MS_NOSUID | MS_NODEV | MS_NOEXEC;
    if (::mount("warren-stack", directory, "tmpfs", kPlain | (is_writable ? 0 : MS_RDONLY), "mode=0755,size=64m") == 0)
        return {};
    return errno == ENOENT ? Status() : fail_errno(fmt::format("hide {}", directory), errno);
}

// What the operator made for this stack, as ip-netns(8) has it.
std::optional<std::string> own_text(const std::string& name, const char* file) {
    std::ifstream in(fmt::format("/etc/netns/{}/{}", name, file));
    if (!in) return std::nullopt;
    return std::string(std::istreambuf_iterator<char>(in), {});
}

// The file system as the program is to see it, but /proc.
Status arrange_files(const std::string& customer, const Confinement& confinement) {
    const std::string name = kNamespacePrefix + customer;
    std::error_code ignored;
    const std::string here = std::filesystem::current_path(ignored);
    // While /run is in sight, into which they may be links.
    const std::filesystem::path resolv_conf_place = end_of_links("/etc/resolv.conf");
    const std::filesystem::path hosts_place = end_of_links("/etc/hosts");
    const std::string resolv_conf = own_text(name, "resolv.conf").value_or(confinement.resolv_conf);
    const std::string hosts = own_text(name, "hosts").value_or(confinement.hosts);
    const mode_t mask = ::umask(022);  // the program's user reads what is made here
    WARREN_TRY(enter_mounts(name));
    WARREN_TRY(hide("/etc/netns", false));
    WARREN_TRY(hide("/run", true));
    if (::mkdir(kOurFiles, 0755) != 0) return fail_errno(kOurFiles, errno);
    WARREN_TRY(show_as(resolv_conf_place, resolv_conf));
    WARREN_TRY(show_as(hosts_place, hosts));
    ::umask(mask);
    // A file with capabilities, as ping is on many machines, would not even start without them in the bounding set.
    // Where nothing gives privileges it starts as any other.
    mount_attr nothing_gives{};
    nothing_gives.attr_set = MOUNT_ATTR_NOSUID;
    if (::mount_setattr(AT_FDCWD, "/", AT_RECURSIVE, &nothing_gives, sizeof nothing_gives) != 0 && errno != ENOSYS)
        return fail_errno("take the privileges from files", errno);
    // The directory that we are in may be one of those that are hidden, and would stay in sight.
    if (::chdir(here.c_str()) != 0 && ::chdir("/") != 0) return fail_errno("/", errno);
    return {};
}

Status become(const ProgramUser& user) {
    // Only root may empty the bounding set; then what setuid() leaves goes too.
    if (!drop_bounding_set(0)) return fail_errno("drop capabilities", errno);
    if (::setgroups(0, nullptr) != 0) return fail_errno("leave groups", errno);
    if (::setresgid(user.group, user.group, user.group) != 0) return fail_errno("become " + user.name, errno);
    if (::setresuid(user.user, user.user, user.user) != 0) return fail_errno("become " + user.name, errno);
    // Ids of which the kernel took none: -1 means there "as it was".
    std::array<uid_t, 3> users{};
    std::array<gid_t, 3> groups{};
    if (::getresuid(&users[0], &users[1], &users[2]) != 0 || ::getresgid(&groups[0], &groups[1], &groups[2]) != 0)
        return fail_errno("become " + user.name, errno);
    if (users != std::array{user.user, user.user, user.user} ||
        groups != std::array{user.group, user.group, user.group})
        return fail(ErrorCode::kFailed, "become " + user.name + ": the kernel did not do it");
    return drop_privileges();
}

// What this process inherited from whoever called it and did not mean for the program: open files and keys.
Status leave_belongings() {
    if (::syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC) != 0) {
        // Before Linux 5.11; descriptors of more than this have been no custom then.
        constexpr int kMostOpen = 65536;
        for (int file = 3; file < kMostOpen; ++file) (void)::fcntl(file, F_SETFD, FD_CLOEXEC);
    }
    // EPERM: a container without keys; ENOSYS: a kernel without.
    if (::syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, nullptr) < 0 && errno != EPERM && errno != ENOSYS)
        return fail_errno("leave the session's keys", errno);
    return {};
}

// The rest of root's environment may have secrets, and points to sockets and files of the session.
void set_environment(const ProgramUser& user) {
    constexpr std::array<std::string_view, 7> kKept{"PATH", "TERM", "COLORTERM", "NO_COLOR", "LANG", "LANGUAGE", "TZ"};
    std::vector<std::string> others;
    for (char** entry = environ; *entry != nullptr; ++entry) {
        const std::string_view text = *entry;
        const std::string_view name = text.substr(0, text.find('='));
        if (!name.starts_with("LC_") && std::find(kKept.begin(), kKept.end(), name) == kKept.end())
            others.emplace_back(name);
    }
    for (const std::string& name : others) ::unsetenv(name.c_str());
    ::setenv("USER", user.name.c_str(), 1);
    ::setenv("LOGNAME", user.name.c_str(), 1);
    ::setenv("HOME", user.home.c_str(), 1);
    ::setenv("PATH", kPath, 0);
}

int say(const Error& error) {
    std::cerr << "vpnctl: " << error.what << std::endl;
    return kCannotRun;
}

int become_program(const std::vector<std::string>& program, const Confinement& confinement, const sigset_t& mask) {
    if (const Status done = become(confinement.user); !done) return say(done.error());
    if (const Status done = leave_belongings(); !done) return say(done.error());
    if (const Status done = confine_program(); !done) return say(done.error());
    set_environment(confinement.user);
    std::vector<char*> arguments;
    for (const std::string& argument : program)
        arguments.push_back(const_cast<char*>(argument.c_str()));  // execvp does not write to them
    arguments.push_back(nullptr);
    ::sigprocmask(SIG_SETMASK, &mask, nullptr);
    ::execvp(arguments[0], arguments.data());
    return say(fail_errno(program[0], errno).value());
}

sigset_t watched_signals() {
    sigset_t out{};
    ::sigemptyset(&out);
    for (const int signal : {SIGCHLD, SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2, SIGALRM})
        ::sigaddset(&out, signal);
    return out;
}

// Waits until `child` ends, and passes signals on to it. These must be blocked. Its exit status.
int attend(pid_t child) {
    const sigset_t watched = watched_signals();
    while (true) {
        siginfo_t info{};
        const int signal = ::sigwaitinfo(&watched, &info);
        // The terminal sends its signals to the program as well.
        const bool is_terminals = (signal == SIGINT || signal == SIGQUIT) && info.si_code == SI_KERNEL;
        if (signal > 0 && signal != SIGCHLD && !is_terminals) (void)::kill(child, signal);
        int status = 0;
        // The first process of a PID namespace inherits all others.
        for (pid_t ended = 0; (ended = ::waitpid(-1, &status, WNOHANG)) > 0;) {
            if (ended == child) return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        }
    }
}

// Everything of the program's surroundings but the user, and of this process, which is the first of the PID namespace.
Status arrange(const UniqueFd& stack, const std::string& customer, const Confinement& confinement) {
    if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return fail_errno("end with vpnctl", errno);
    WARREN_TRY(enter(stack, customer));
    // Before the namespace of groups, whose root is the group that we are in then.
    if (!confinement.group.empty()) (void)CustomerGroups::enter(confinement.group);
    if (::unshare(CLONE_NEWIPC | CLONE_NEWCGROUP) != 0) return fail_errno("make namespaces", errno);
    WARREN_TRY(arrange_files(customer, confinement));
    if (::mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) != 0)
        return fail_errno("mount /proc", errno);
    return {};
}

int serve_as_init(const UniqueFd& stack, const std::string& customer, const std::vector<std::string>& program,
                  const Confinement& confinement, const sigset_t& mask) {
    const UniqueFd home(::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
    if (const Status done = arrange(stack, customer, confinement); !done) return say(done.error());
    const pid_t child = ::fork();
    if (child < 0) return say(fail_errno("start a process", errno).value());
    if (child == 0) ::_exit(become_program(program, confinement, mask));
    // So that what runs in the stack is the program alone.
    if (::setns(home.get(), CLONE_NEWNET) != 0) return say(fail_errno("leave the stack", errno).value());
    return attend(child);
}

}  // namespace

std::filesystem::path end_of_links(const std::filesystem::path& path) {
    constexpr int kMostLinks = 40;  // as the kernel has it
    std::filesystem::path out = path;
    for (int i = 0; i < kMostLinks; ++i) {
        std::error_code error;
        const auto parent = std::filesystem::weakly_canonical(out.parent_path(), error);
        if (!error) out = parent / out.filename();
        const auto next = std::filesystem::read_symlink(out, error);
        if (error) break;  // no link, or nothing at all
        out = out.parent_path() / next;
    }
    return out;
}

Result<ProgramUser> find_user(const std::string& name) {
    std::uint32_t number = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
    const bool is_number = error == std::errc() && end == name.data() + name.size();
    // To the kernel this number is "as it was", which would be root.
    if (is_number && number == static_cast<uid_t>(-1))
        return fail(ErrorCode::kNotFound, fmt::format("{} is no user's number", name));
    const passwd* entry = is_number ? ::getpwuid(number) : ::getpwnam(name.c_str());
    if (entry != nullptr) return ProgramUser{entry->pw_uid, entry->pw_gid, entry->pw_name, entry->pw_dir};
    // Not the group of the same number, which may be one that matters.
    if (is_number) return ProgramUser{number, kNoGroup, name, "/"};
    return fail(ErrorCode::kNotFound, fmt::format("there is no user \"{}\"", name));
}

std::string usual_user() {
    const char* number = ::getenv("SUDO_UID");
    if (number == nullptr) return "nobody";
    const auto user = find_user(number);
    return user && user->user != 0 ? std::string(number) : "nobody";
}

Result<int> run_confined(const std::string& customer, const std::vector<std::string>& program,
                         const Confinement& confinement) {
    const auto stack = open_stack(customer);
    if (!stack) return tl::unexpected<Error>(stack.error());
    if (::unshare(CLONE_NEWPID) != 0) {
        if (errno == EPERM)
            return fail(ErrorCode::kPermission, "not allowed to enter a stack; run this as root", errno);
        return fail_errno("make a PID namespace", errno);
    }
    const sigset_t watched = watched_signals();
    sigset_t mask{};
    ::sigprocmask(SIG_BLOCK, &watched, &mask);
    const pid_t child = ::fork();
    if (child < 0) return fail_errno("start a process", errno);
    if (child == 0) ::_exit(serve_as_init(*stack, customer, program, confinement, mask));
    const int status = attend(child);
    ::sigprocmask(SIG_SETMASK, &mask, nullptr);
    return status;
}

}  // namespace warren::ctl
