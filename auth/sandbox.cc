#include "auth/sandbox.h"

#include <seccomp.h>
#include <sys/resource.h>

#include <array>

#include "base/sandbox.h"
#include "base/seccomp/filter.h"

namespace warren::auth {

namespace {

constexpr int kNice = 10;  // as vpnd's control worker

// Beyond what every daemon does: the heap is locked as it grows, and a descriptor from stackd is looked at.
constexpr std::array kAllowed{SCMP_SYS(mlock2), SCMP_SYS(getpeername)};

}  // namespace

Status drop_privileges() {
    WARREN_TRY(warren::drop_privileges());
    (void)::setpriority(PRIO_PROCESS, 0, kNice);
    return {};
}

Status confine_system_calls() {
    SystemCallFilter filter;
    filter.allow(kAllowed);
    return filter.install();
}

}  // namespace warren::auth
