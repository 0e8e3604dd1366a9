// authd: holds the long-lived secrets of IPsec, and answers what vpnd may ask of them. Started by stackd, which passes
// a channel; everything else comes over it.
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <time.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "auth/certificates.h"
#include "auth/daemon.h"
#include "auth/eap/tls_session.h"
#include "auth/eap_conversations.h"
#include "auth/sandbox.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/memory_lock.h"
#include "base/version.h"
#include "crypto/legacy_provider.h"
#include "crypto/prf.h"
#include "crypto/random.h"
#include "ipc/channel.h"
#include "ipc/start.h"

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

// OpenSSL sorts the serials of a revocation list with qsort, and glibc's asks how much memory the machine has (sysinfo)
// the first time that it sorts more than a kilobyte. It remembers the answer; afterwards the call is not allowed.
void prepare_sorting() {
    std::array<std::uint64_t, 1024> numbers{};
    std::qsort(numbers.data(), numbers.size(), sizeof(numbers[0]),
               [](const void* left, const void* right) { return std::memcmp(left, right, sizeof(std::uint64_t)); });
}

// OpenSSL reads files and looks its algorithms up when they are used the first time, and glibc reads the time zone when
// it takes a certificate's times apart.
void load_algorithms() {
    ::tzset();
    constexpr std::uint8_t kNothing = 0;
    for (const crypto::Sha sha : {crypto::Sha::kSha1, crypto::Sha::kSha256, crypto::Sha::kSha384, crypto::Sha::kSha512})
        (void)crypto::shared_key_mic(sha, {&kNothing, 1}, {&kNothing, 1});
    auth::load_certificate_algorithms();
    eap::prepare_tls();
    prepare_sorting();
}

Status serve(ipc::Channel channel) {
    WARREN_TRY(channel.set_non_blocking());
    auto signals = open_signals();
    if (!signals) return tl::unexpected<Error>(signals.error());
    WARREN_TRY(auth::drop_privileges());
    auto memory_lock = MemoryLock::start();
    if (!memory_lock) {
        log(LogLevel::kWarn, "memory_not_locked",
            {{"reason", memory_lock.error().what}, {"risk", "keys may be swapped out"}});
    }
    load_algorithms();
    const auto legacy = crypto::load_legacy_digest();
    if (!legacy) log(LogLevel::kWarn, "eap_mschapv2_not_served", {{"reason", legacy.error().what}});
    crypto::SystemRandom random;
    auth::Daemon daemon(std::move(channel), std::move(*signals),
                        auth::Table(random, std::make_unique<auth::ChainCertificates>(),
                                    std::make_unique<auth::EapConversations>(legacy ? &*legacy : nullptr, random)),
                        memory_lock ? std::optional(*memory_lock) : std::nullopt);
    WARREN_TRY(auth::confine_system_calls());
    daemon.run();
    log(LogLevel::kInfo, "service_stopped");
    return {};
}

}  // namespace

int main(int argc, char** argv) {
    open_standard_streams();
    std::vector<std::string_view> arguments(argv + 1, argv + argc);
    if (arguments.size() == 1 && arguments[0] == "--version") {
        std::printf("authd %s\n", kVersion);
        return 0;
    }
    const auto log_level = ipc::take_log_level(arguments);
    if (!log_level) {
        std::fprintf(stderr, "authd: %s\n", log_level.error().what.c_str());
        return kUsage;
    }
    auto channel = ipc::channel_of(arguments);
    if (!channel) {
        std::fputs(
            "authd is started by stackd, which passes it a channel (authd --channel FD). Start stackd instead.\n",
            stderr);
        return kUsage;
    }
    set_log_program("authd");
    set_log_level(*log_level);
    ::prctl(PR_SET_NAME, "authd");  // started by a descriptor, older kernels call us by its number
    const Status served = serve(std::move(*channel));
    if (served) return 0;
    log(LogLevel::kError, "service_failed", {{"error", served.error().what}});
    return kFailed;
}
