#include "stacks/services/confine.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>

#include "base/fd.h"
#include "base/sandbox.h"
#include "stacks/services/service_filter.h"

namespace warren::stacks {

namespace {

constexpr int kNamespaces = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS;
constexpr const char* kRootOptions = "size=64k,nr_inodes=64,mode=755";
constexpr const char* kTmpOptions = "size=1m,nr_inodes=32,mode=1777";
constexpr const char* kOomScore = "500";
constexpr rlim_t kMostFiles = 1024;
constexpr rlim_t kLargestFile = rlim_t{1} << 20;

// What the child needs, made before the clone: behind it nothing may allocate.
struct Plan {
    const Confinement& confinement;
    std::vector<char*> arguments;
    std::string program;         // where its root has it
    int go;                      // a byte comes when it may begin, or the end
    int report;                  // gets where it failed and errno
    std::uint64_t capabilities;  // that it keeps

    // The other end of the pipe is its.
    [[nodiscard]] bool keeper_has_ended() const {
        pollfd waiting{report, POLLOUT, 0};
        return ::poll(&waiting, 1, 0) < 0 || (waiting.revents & POLLERR) != 0;
    }
};

struct Failure {
    int step = 0;  // index of kSteps
    int error = 0;
};
constexpr std::array<const char*, 12> kSteps{"join its cgroup",     "enter the stack",   "make its root",
                                             "leave our root",      "set its output",    "set its limits",
                                             "become its user",     "drop capabilities", "run the program",
                                             "end with its keeper", "leave our keys",    "filter its calls"};

[[noreturn]] void give_up(const Plan& plan, int step) {
    const Failure failure{step, errno};
    (void)!::write(plan.report, &failure, sizeof failure);
    ::_exit(127);
}

bool mount_tmpfs(const char* at, const char* options) {
    return ::mount("tmpfs", at, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, options) == 0;
}

bool bind_read_only(const char* from, const char* to, unsigned long flags) {
    return ::mount(from, to, nullptr, MS_BIND, nullptr) == 0 &&
           ::mount(nullptr, to, nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | flags, nullptr) == 0;
}

// Of a path in its root, from inside the directory that becomes its root.
const char* in_root(const std::string& path) {
    return path.c_str() + 1;
}

bool make_file(const char* path) {
    const int file = ::open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0666);
    // Closed: with a file open for writing the root cannot become read-only.
    return file >= 0 && ::close(file) == 0;
}

// In a mount namespace of its own, of which nothing reaches others.
bool make_root(const Plan& plan) {
    const Confinement& confinement = plan.confinement;
    if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return false;
    if (!mount_tmpfs(confinement.root.c_str(), kRootOptions) || ::chdir(confinement.root.c_str()) != 0) return false;
    for (const char* directory : {"usr", "etc", "etc/service", "tmp", "dev", kProgramPlace + 1}) {
        if (::mkdir(directory, 0755) != 0) return false;
    }
    for (const char* name : {"bin", "sbin", "lib", "lib64"}) {
        std::array<char, 16> target{"usr/"};
        for (std::size_t i = 0; name[i] != '\0'; ++i) target.at(4 + i) = name[i];
        if (::symlink(target.data(), name) != 0) return false;
    }
    if (!make_file("dev/null") || ::mount("/dev/null", "dev/null", nullptr, MS_BIND, nullptr) != 0) return false;
    const char* const program = in_root(plan.program);
    return make_file(program) && bind_read_only(plan.arguments.front(), program, 0) &&
           bind_read_only("/usr", "usr", 0) && bind_read_only(confinement.files.c_str(), "etc/service", MS_NOEXEC) &&
           mount_tmpfs("tmp", kTmpOptions);
}

bool leave_root() {
    return ::syscall(SYS_pivot_root, ".", ".") == 0 && ::umount2(".", MNT_DETACH) == 0 && ::chdir("/") == 0 &&
           ::mount(nullptr, "/", nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC,
                   nullptr) == 0;
}

bool set_output(int output) {
    const int null = ::open("/dev/null", O_RDWR);
    return null >= 0 && ::dup2(null, STDIN_FILENO) >= 0 && ::dup2(output, STDOUT_FILENO) >= 0 &&
           ::dup2(output, STDERR_FILENO) >= 0 &&
           ::syscall(SYS_close_range, STDERR_FILENO + 1, ~0U, 1U << 2 /* CLOSE_RANGE_CLOEXEC */) == 0;
}

bool limit(__rlimit_resource resource, rlim_t most) {
    const rlimit both{most, most};
    return ::setrlimit(resource, &both) == 0;
}

bool set_limits(const Confinement& confinement) {
    return limit(RLIMIT_NOFILE, kMostFiles) && limit(RLIMIT_CORE, 0) && limit(RLIMIT_FSIZE, kLargestFile) &&
           limit(RLIMIT_MEMLOCK, 0) && limit(RLIMIT_MSGQUEUE, 0) &&
           (confinement.address_space == 0 || limit(RLIMIT_AS, static_cast<rlim_t>(confinement.address_space)));
}

// Else it would have stackd's, which the kernel spares. Best effort: a container may have /proc read-only.
void offer_to_oom_killer() {
    const int file = ::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (file < 0) return;
    (void)!::write(file, kOomScore, std::char_traits<char>::length(kOomScore));
    ::close(file);
}

// EPERM: a container without keys; ENOSYS: a kernel without; EDQUOT: a container whose root has too many. The filter
// refuses all calls about keys in any case.
bool leave_keys() {
    return ::syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, nullptr) >= 0 || errno == EPERM || errno == ENOSYS ||
           errno == EDQUOT;
}

bool become(const ServiceUser& user) {
    // Only now: with the limit in force before, exec would be refused for a user that has processes elsewhere.
    return ::prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) == 0 && ::setgroups(0, nullptr) == 0 &&
           ::setresgid(user.gid, user.gid, user.gid) == 0 && ::setresuid(user.uid, user.uid, user.uid) == 0 &&
           limit(RLIMIT_NPROC, 1);
}

bool set_capabilities(std::uint64_t mask) {
    __user_cap_header_struct header{};
    header.version = _LINUX_CAPABILITY_VERSION_3;
    std::array<__user_cap_data_struct, 2> sets{};
    for (std::size_t i = 0; i < sets.size(); ++i) {
        const auto word = static_cast<std::uint32_t>(mask >> (32 * i));
        sets[i] = {word, word, word};
    }
    if (::syscall(SYS_capset, &header, sets.data()) != 0) return false;
    for (unsigned each = 0; each < 64; ++each) {
        if ((mask >> each & 1) != 0 && ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, each, 0, 0) != 0) return false;
    }
    return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
}

[[noreturn]] void run_child(const Plan& plan) {
    const Confinement& confinement = plan.confinement;
    // Not before it is noted: of one that is not, nobody would know if we ended now.
    char byte = 0;
    if (::read(plan.go, &byte, 1) != 1) ::_exit(127);
    ::setsid();
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::signal(SIGPIPE, SIG_DFL);
    ::umask(022);  // the program reads the files of its root
    offer_to_oom_killer();
    if (!leave_keys()) give_up(plan, 10);
    if (confinement.cgroup >= 0 && ::write(confinement.cgroup, "0", 1) != 1) give_up(plan, 0);
    if (::setns(confinement.stack, CLONE_NEWNET) != 0) give_up(plan, 1);
    if (!make_root(plan)) give_up(plan, 2);
    if (!leave_root()) give_up(plan, 3);
    if (!set_output(confinement.output)) give_up(plan, 4);
    ::umask(077);
    if (!set_limits(confinement)) give_up(plan, 5);
    if (!drop_bounding_set(plan.capabilities)) give_up(plan, 7);
    if (!become(confinement.user)) give_up(plan, 6);
    if (!set_capabilities(plan.capabilities)) give_up(plan, 7);
    // A change of the user has cleared it, so it comes last; we may have ended before.
    if (confinement.ends_with_us && (::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0 || plan.keeper_has_ended()))
        give_up(plan, 9);
    if (!filter_service_calls()) give_up(plan, 11);
    char* const no_environment[] = {nullptr};
    ::execve(plan.program.c_str(), plan.arguments.data(), no_environment);
    give_up(plan, 8);
}

}  // namespace

std::string program_in_root(const std::string& program) {
    return kProgramPlace + program.substr(program.rfind('/'));
}

Result<VpndProcess> start_confined(const Confinement& confinement, const NoteProcess& note) {
    std::vector<std::string> texts = confinement.arguments;
    const std::string what = "start " + texts.front();
    std::array<int, 2> report{};
    if (::pipe2(report.data(), O_CLOEXEC) != 0) return fail_errno(what + ": pipe", errno);
    UniqueFd reading(report[0]);
    UniqueFd writing(report[1]);
    std::array<int, 2> go{};
    if (::pipe2(go.data(), O_CLOEXEC) != 0) return fail_errno(what + ": pipe", errno);
    UniqueFd waits(go[0]);
    UniqueFd goes(go[1]);
    Plan plan{confinement,
              {},
              program_in_root(texts.front()),
              waits.get(),
              writing.get(),
              std::uint64_t{1} << CAP_NET_BIND_SERVICE};
    if (confinement.may_route) plan.capabilities |= std::uint64_t{1} << CAP_NET_ADMIN;
    for (std::string& text : texts) plan.arguments.push_back(text.data());
    plan.arguments.push_back(nullptr);
    // As fork(), with namespaces: the child has a copy of our memory, and calls nothing that takes a lock.
    const auto pid = static_cast<pid_t>(::syscall(SYS_clone, kNamespaces | SIGCHLD, nullptr, nullptr, nullptr, 0UL));
    if (pid < 0) return fail_errno(what + ": clone", errno);
    if (pid == 0) {
        ::close(report[0]);
        ::close(go[1]);
        run_child(plan);
    }
    writing.reset();
    waits.reset();
    const auto wait_for_end = [pid] {
        while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
        }
    };
    auto process = VpndProcess::own(pid);
    Status noted;
    if (!process) noted = tl::unexpected(process.error());
    if (process && note) noted = note(*process);
    if (noted && ::write(goes.get(), "", 1) != 1) noted = fail_errno(what, errno);
    goes.reset();
    if (!noted) {
        wait_for_end();
        return tl::unexpected(noted.error());
    }
    Failure failure;
    if (::read(reading.get(), &failure, sizeof failure) != sizeof failure) return process;
    wait_for_end();
    return fail_errno(what + ": " + kSteps.at(static_cast<std::size_t>(failure.step)), failure.error);
}

}  // namespace warren::stacks
