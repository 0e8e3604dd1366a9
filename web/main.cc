// statusd: the server of the status page. stackd starts it and passes a channel, over which everything else arrives.
#include <openssl/ssl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>

#include <cerrno>
#include <cstdio>
#include <ctime>
#include <string_view>
#include <utility>
#include <vector>

#include "access/secrets.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/process_usage.h"
#include "base/version.h"
#include "ipc/channel.h"
#include "ipc/start.h"
#include "web/daemon.h"
#include "web/past/file_system.h"
#include "web/rim/sandbox.h"

namespace {

using namespace warren;

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

Status serve(ipc::Channel channel) {
    WARREN_TRY(channel.set_non_blocking());
    auto signals = open_signals();
    if (!signals) return tl::unexpected<Error>(signals.error());
    WARREN_TRY(web::drop_privileges());
    // Load everything that the libraries read from files, before the system calls are restricted.
    WARREN_TRY(access::start_libsodium());
    WARREN_TRY(web::PastFiles::start_sqlite());
    if (OPENSSL_init_ssl(0, nullptr) != 1) return fail(ErrorCode::kFailed, "OpenSSL cannot be initialized");
    ::tzset();
    auto unmatchable = access::unmatchable_password();
    if (!unmatchable) return tl::unexpected<Error>(unmatchable.error());
    web::Daemon daemon(std::move(channel), ProcessUsage::open(), std::move(*signals), std::move(*unmatchable));
    WARREN_TRY(web::confine_system_calls());
    daemon.run();
    log(LogLevel::kInfo, "service_stopped");
    return {};
}

}  // namespace

int main(int argc, char** argv) {
    open_standard_streams();
    std::vector<std::string_view> arguments(argv + 1, argv + argc);
    if (arguments.size() == 1 && arguments[0] == "--version") {
        std::printf("statusd %s\n", kVersion);
        return 0;
    }
    const auto log_level = ipc::take_log_level(arguments);
    if (!log_level) {
        std::fprintf(stderr, "statusd: %s\n", log_level.error().what.c_str());
        return kUsage;
    }
    auto channel = ipc::channel_of(arguments);
    if (!channel) {
        std::fputs("statusd needs a channel from stackd (statusd --channel FD). Start stackd instead.\n", stderr);
        return kUsage;
    }
    set_log_program("statusd");
    set_log_level(*log_level);
    ::prctl(PR_SET_NAME, "statusd");  // older kernels name a program started by descriptor after its number
    const Status served = serve(std::move(*channel));
    if (served) return 0;
    log(LogLevel::kError, "service_failed", {{"error", served.error().what}});
    return kFailed;
}
