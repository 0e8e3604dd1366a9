#include "base/seccomp/filter.h"

#include <fcntl.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace warren {

namespace {

constexpr std::array kCommonCalls{
    // packets, messages, descriptors, files that are open
    SCMP_SYS(read), SCMP_SYS(readv), SCMP_SYS(write), SCMP_SYS(writev), SCMP_SYS(recvmsg), SCMP_SYS(recvfrom),
    SCMP_SYS(sendmsg), SCMP_SYS(sendto), SCMP_SYS(accept4), SCMP_SYS(close), SCMP_SYS(getsockopt), SCMP_SYS(pread64),
    SCMP_SYS(pwrite64),
    // waiting
    SCMP_SYS(epoll_wait), SCMP_SYS(epoll_pwait), SCMP_SYS(epoll_ctl), SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(futex),
    SCMP_SYS(nanosleep), SCMP_SYS(clock_nanosleep), SCMP_SYS(restart_syscall), SCMP_SYS(sched_yield),
    // a thread that was made but did not run yet
    SCMP_SYS(rseq), SCMP_SYS(set_robust_list),
    // time and randomness
    SCMP_SYS(clock_gettime), SCMP_SYS(gettimeofday), SCMP_SYS(getrandom),
    // memory
    SCMP_SYS(brk), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise),
    // ending, also by abort()
    SCMP_SYS(exit), SCMP_SYS(exit_group), SCMP_SYS(rt_sigreturn), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigaction),
    SCMP_SYS(sigaltstack), SCMP_SYS(getpid), SCMP_SYS(gettid)};
constexpr std::array kCommonFcntls{F_GETFL, F_SETFL, F_DUPFD_CLOEXEC};

}  // namespace

void SystemCallFilter::Release::operator()(void* filter) const {
    seccomp_release(filter);
}

SystemCallFilter::SystemCallFilter() : filter_(seccomp_init(SCMP_ACT_KILL_PROCESS)) {
    if (filter_ == nullptr) {
        status_ = fail(ErrorCode::kFailed, "seccomp_init");
        return;
    }
    allow(kCommonCalls);
    allow_fcntls(kCommonFcntls);
    // abort() signals its own thread; other processes of the same user are none of its business.
    check(seccomp_rule_add(filter_.get(), SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
                           SCMP_A0(SCMP_CMP_EQ, static_cast<scmp_datum_t>(::getpid()))));
    // New memory, but never executable.
    for (const int call : {SCMP_SYS(mmap), SCMP_SYS(mprotect)})
        check(seccomp_rule_add(filter_.get(), SCMP_ACT_ALLOW, call, 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)));
}

void SystemCallFilter::check(int code) {
    if (code != 0 && status_) status_ = fail_errno("seccomp rule", -code);
}

void SystemCallFilter::allow(std::span<const int> calls) {
    for (const int call : calls) check(seccomp_rule_add(filter_.get(), SCMP_ACT_ALLOW, call, 0));
}

void SystemCallFilter::allow_fcntls(std::span<const int> commands) {
    for (const int command : commands) {
        const auto value = static_cast<scmp_datum_t>(command);
        check(seccomp_rule_add(filter_.get(), SCMP_ACT_ALLOW, SCMP_SYS(fcntl), 1, SCMP_A1(SCMP_CMP_EQ, value)));
    }
}

void SystemCallFilter::allow_ioctls(std::span<const unsigned long> requests) {
    for (const unsigned long request : requests)
        check(seccomp_rule_add(filter_.get(), SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
                               SCMP_A1(SCMP_CMP_MASKED_EQ, 0xffffffffU, request)));
}

void SystemCallFilter::allow_families(int call, std::span<const int> families) {
    for (const int family : families)
        check(seccomp_rule_add(filter_.get(), SCMP_ACT_ALLOW, call, 1,
                               SCMP_A0(SCMP_CMP_EQ, static_cast<scmp_datum_t>(family))));
}

void SystemCallFilter::refuse_family(int call, int family) {
    check(seccomp_rule_add(filter_.get(), SCMP_ACT_ERRNO(EAFNOSUPPORT), call, 1,
                           SCMP_A0(SCMP_CMP_EQ, static_cast<scmp_datum_t>(family))));
}

void SystemCallFilter::allow_socket_options(std::span<const SocketOption> options) {
    for (const SocketOption& allowed : options) {
        const auto level = static_cast<scmp_datum_t>(allowed.level);
        const auto option = static_cast<scmp_datum_t>(allowed.option);
        check(seccomp_rule_add(filter_.get(), SCMP_ACT_ALLOW, SCMP_SYS(setsockopt), 2, SCMP_A1(SCMP_CMP_EQ, level),
                               SCMP_A2(SCMP_CMP_EQ, option)));
    }
}

Status SystemCallFilter::install() {
    WARREN_TRY(std::move(status_));
    if (const int code = seccomp_attr_set(filter_.get(), SCMP_FLTATR_CTL_TSYNC, 1); code != 0)
        return fail_errno("seccomp tsync", -code);
    if (const int code = seccomp_load(filter_.get()); code != 0) return fail_errno("seccomp_load", -code);
    return {};
}

}  // namespace warren
