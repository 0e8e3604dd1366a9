#include "web/rim/sandbox.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <array>
#include <cerrno>

#include "base/sandbox.h"
#include "base/seccomp/filter.h"

namespace warren::web {

namespace {

constexpr int kNice = 10;       // packet processing has priority
constexpr int kOomScore = 500;  // and when memory is short, statusd goes first

// SQLite's file and its log, with room: a statusd that is not itself any more cannot fill the disk.
constexpr rlim_t kMostFile = 1280U << 20U;

// Beyond what every daemon does: connections, the certificate's file, the database of the past, Asio's way of waiting,
// OpenSSL's memory.
constexpr std::array kAllowed{SCMP_SYS(accept),      SCMP_SYS(shutdown),       SCMP_SYS(getsockname),
                              SCMP_SYS(getpeername), SCMP_SYS(fstat),          SCMP_SYS(newfstatat),
                              SCMP_SYS(fsync),       SCMP_SYS(lseek),          SCMP_SYS(epoll_create1),
                              SCMP_SYS(eventfd2),    SCMP_SYS(timerfd_create), SCMP_SYS(timerfd_settime),
                              SCMP_SYS(getrusage),   SCMP_SYS(mlock),          SCMP_SYS(munlock),
                              SCMP_SYS(fdatasync),   SCMP_SYS(ftruncate)};
constexpr std::array<int, 1> kAllowedFcntls{F_GETFD};
constexpr std::array<unsigned long, 1> kAllowedIoctls{FIONBIO};
constexpr std::array kAllowedSocketOptions{SocketOption{IPPROTO_TCP, TCP_NODELAY}};

}  // namespace

Status drop_privileges() {
    set_oom_score(kOomScore);
    WARREN_TRY(warren::drop_privileges());
    // Its port and its channel are for the next one; a statusd that hangs must not keep them. (Where systemd is the
    // parent, the next stackd ends it.)
    if (::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0) return fail_errno("parent death signal", errno);
    const rlimit most_file{kMostFile, kMostFile};
    if (::setrlimit(RLIMIT_FSIZE, &most_file) != 0) return fail_errno("file size limit", errno);
    ::signal(SIGXFSZ, SIG_IGN);  // the write fails instead
    (void)::setpriority(PRIO_PROCESS, 0, kNice);
    return {};
}

Status confine_system_calls() {
    SystemCallFilter filter;
    filter.allow(kAllowed);
    filter.allow_fcntls(kAllowedFcntls);
    filter.allow_ioctls(kAllowedIoctls);
    filter.allow_socket_options(kAllowedSocketOptions);
    return filter.install();
}

}  // namespace warren::web
