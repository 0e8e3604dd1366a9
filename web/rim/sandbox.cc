#include "web/rim/sandbox.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>
#include <string_view>

#include "base/fd.h"

namespace warren::web {

namespace {

constexpr int kNice = 10;  // packet processing has priority

constexpr std::array kAllowed{
    // connections, messages, the certificate's file
    SCMP_SYS(read), SCMP_SYS(readv), SCMP_SYS(write), SCMP_SYS(writev), SCMP_SYS(recvmsg), SCMP_SYS(recvfrom),
    SCMP_SYS(sendmsg), SCMP_SYS(sendto), SCMP_SYS(accept), SCMP_SYS(accept4), SCMP_SYS(close), SCMP_SYS(shutdown),
    SCMP_SYS(getsockopt), SCMP_SYS(getsockname), SCMP_SYS(getpeername), SCMP_SYS(pread64), SCMP_SYS(pwrite64),
    SCMP_SYS(fstat), SCMP_SYS(newfstatat), SCMP_SYS(fsync), SCMP_SYS(lseek),
    // waiting
    SCMP_SYS(epoll_wait), SCMP_SYS(epoll_pwait), SCMP_SYS(epoll_ctl), SCMP_SYS(epoll_create1), SCMP_SYS(eventfd2),
    SCMP_SYS(timerfd_create), SCMP_SYS(timerfd_settime), SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(futex),
    SCMP_SYS(nanosleep), SCMP_SYS(clock_nanosleep), SCMP_SYS(restart_syscall), SCMP_SYS(sched_yield),
    // a thread that has not run yet
    SCMP_SYS(rseq), SCMP_SYS(set_robust_list),
    // time and randomness
    SCMP_SYS(clock_gettime), SCMP_SYS(gettimeofday), SCMP_SYS(getrandom), SCMP_SYS(getrusage),
    // memory
    SCMP_SYS(brk), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise), SCMP_SYS(mlock), SCMP_SYS(munlock),
    // ending, also by abort()
    SCMP_SYS(exit), SCMP_SYS(exit_group), SCMP_SYS(rt_sigreturn), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigaction),
    SCMP_SYS(sigaltstack), SCMP_SYS(getpid), SCMP_SYS(gettid), SCMP_SYS(tgkill)};

constexpr std::array<int, 4> kAllowedFcntls{F_GETFL, F_SETFL, F_GETFD, F_DUPFD_CLOEXEC};
constexpr unsigned long kAllowedIoctl = FIONBIO;

struct ReleaseFilter {
    void operator()(void* filter) const { seccomp_release(filter); }
};

Status add_rules(scmp_filter_ctx filter) {
    const auto failed = [](int code) { return fail_errno("seccomp rule", -code); };
    for (const int call : kAllowed) {
        if (const int code = seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 0); code != 0) return failed(code);
    }
    for (const int command : kAllowedFcntls) {
        const auto value = static_cast<scmp_datum_t>(command);
        const int code = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(fcntl), 1, SCMP_A1(SCMP_CMP_EQ, value));
        if (code != 0) return failed(code);
    }
    if (const int code =
            seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1, SCMP_A1(SCMP_CMP_EQ, kAllowedIoctl));
        code != 0)
        return failed(code);
    // New memory, but never executable.
    for (const int call : {SCMP_SYS(mmap), SCMP_SYS(mprotect)}) {
        const int code = seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
        if (code != 0) return failed(code);
    }
    const int code = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(setsockopt), 2,
                                      SCMP_A1(SCMP_CMP_EQ, IPPROTO_TCP), SCMP_A2(SCMP_CMP_EQ, TCP_NODELAY));
    if (code != 0) return failed(code);
    return {};
}

}  // namespace

Status drop_privileges() {
    // Open it now: once the process is not dumpable, its files below /proc belong to root.
    const UniqueFd score(::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC));
    constexpr std::string_view kFirst = "500";
    if (score.valid()) (void)!::write(score.get(), kFirst.data(), kFirst.size());
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return fail_errno("no_new_privs", errno);
    if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return fail_errno("dumpable", errno);
    // The next statusd needs the port and the channel, so a hanging one must not keep them. (Where systemd is the
    // parent, the next stackd ends it.)
    if (::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0) return fail_errno("parent death signal", errno);
    const rlimit no_core{0, 0};
    if (::setrlimit(RLIMIT_CORE, &no_core) != 0) return fail_errno("core limit", errno);
    (void)::setpriority(PRIO_PROCESS, 0, kNice);

    for (unsigned long capability = 0; ::prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; ++capability) {
        ::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
    }
    if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0)
        return fail_errno("ambient capabilities", errno);
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    const std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> none{};
    if (::syscall(SYS_capset, &header, none.data()) != 0) return fail_errno("capabilities", errno);
    return {};
}

Status confine_system_calls() {
    const std::unique_ptr<void, ReleaseFilter> filter(seccomp_init(SCMP_ACT_KILL_PROCESS));
    if (filter == nullptr) return fail(ErrorCode::kFailed, "seccomp_init");
    if (const int code = seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_TSYNC, 1); code != 0)
        return fail_errno("seccomp tsync", -code);
    WARREN_TRY(add_rules(filter.get()));
    if (const int code = seccomp_load(filter.get()); code != 0) return fail_errno("seccomp_load", -code);
    return {};
}

}  // namespace warren::web
