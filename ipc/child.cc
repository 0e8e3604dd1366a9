#include "ipc/child.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>

#include <cerrno>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "base/log.h"
#include "base/version.h"
#include "ipc/start.h"

namespace warren::ipc {

namespace {

constexpr int kUsage = 2;
constexpr int kFailed = 4;

Result<UniqueFd> open_signals() {
    ::signal(SIGHUP, SIG_IGN);
    ::signal(SIGPIPE, SIG_IGN);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    if (::sigprocmask(SIG_BLOCK, &set, nullptr) != 0) return fail_errno("sigprocmask", errno);
    UniqueFd fd(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!fd.valid()) return fail_errno("signalfd", errno);
    return fd;
}

Status run(Channel channel, Serve serve) {
    auto signals = open_signals();
    if (!signals) return tl::unexpected<Error>(signals.error());
    return serve(std::move(channel), std::move(*signals));
}

}  // namespace

int child_main(std::string_view name, int argc, char** argv, Serve serve) {
    open_standard_streams();
    const std::string program(name);
    std::vector<std::string_view> arguments(argv + 1, argv + argc);
    if (arguments.size() == 1 && arguments[0] == "--version") {
        std::printf("%s %s\n", program.c_str(), kVersion);
        return 0;
    }
    const auto log_level = take_log_level(arguments);
    if (!log_level) {
        std::fprintf(stderr, "%s: %s\n", program.c_str(), log_level.error().what.c_str());
        return kUsage;
    }
    auto channel = channel_of(arguments);
    if (!channel) {
        std::fprintf(stderr,
                     "%s is started by stackd, which passes it a channel (%s --channel FD). Start stackd instead.\n",
                     program.c_str(), program.c_str());
        return kUsage;
    }
    set_log_program(name);
    set_log_level(*log_level);
    ::prctl(PR_SET_NAME, program.c_str());  // started by a descriptor, older kernels call us by its number
    const Status served = run(std::move(*channel), serve);
    if (served) return 0;
    log(LogLevel::kError, "service_failed", {{"error", served.error().what}});
    return kFailed;
}

}  // namespace warren::ipc
