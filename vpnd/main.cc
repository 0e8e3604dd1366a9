// vpnd: the tunnel daemon. Started by stackd, which passes a channel; everything else comes over it.
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/fd.h"
#include "base/log.h"
#include "base/memory_lock.h"
#include "base/sandbox.h"
#include "base/version.h"
#include "crypto/aead.h"
#include "crypto/random.h"
#include "ipc/channel.h"
#include "ipc/config_messages.h"
#include "ipc/start.h"
#include "vpnd/daemon.h"
#include "vpnd/kept_memory.h"
#include "vpnd/sandbox.h"

namespace {

using namespace warren;

constexpr int kUsage = 2;
constexpr int kFailed = 4;
constexpr int kControlNice =
    10;  // of the control worker's thread alone; its weight is then 110 to a data worker's 1024 (sched(7))

std::int64_t monotonic_nanoseconds() {
    timespec at{};
    ::clock_gettime(CLOCK_MONOTONIC, &at);
    return std::int64_t{at.tv_sec} * 1'000'000'000 + at.tv_nsec;
}

// SIGTERM and SIGINT become readable; a hang-up or a broken pipe is nothing to us. Before threads start, so that none
// takes a signal.
Result<UniqueFd> take_signals() {
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

// stackd's first message, with the five descriptors of ipc::Hello.
Result<ipc::Hello> receive_hello(vpnd::Daemon::Parts& parts) {
    std::vector<std::uint8_t> space(ipc::kMaxMessageSize);
    auto received = parts.channel.receive(space);
    if (!received) return tl::unexpected<Error>(received.error());
    if (received->closed) return fail(ErrorCode::kUnavailable, "stackd hung up before it said anything");
    auto message = ipc::decode(Bytes(space).first(received->size));
    if (!message) return tl::unexpected<Error>(message.error());
    auto* hello = std::get_if<ipc::Hello>(&*message);
    if (hello == nullptr) return fail(ErrorCode::kInvalid, "the first message is not Hello");
    if (received->descriptors.size() != 5) return fail(ErrorCode::kInvalid, "Hello without its five descriptors");
    static_assert(ipc::kMaxWorkers < 1U << SessionId::kWorkerBits);
    if (hello->workers == 0 || hello->workers > ipc::kMaxWorkers)
        return fail(ErrorCode::kInvalid, "Hello asks for no or too many workers");
    set_log_level(hello->log_level);
    parts.snapshot_listener = std::move(received->descriptors[0]);
    parts.adoption_listener = std::move(received->descriptors[1]);
    parts.timestamps = std::move(received->descriptors[2]);
    parts.peers = std::move(received->descriptors[3]);
    auto memory = vpnd::KeptMemory::map(std::move(received->descriptors[4]));
    if (memory) {
        parts.kept_memory.emplace(std::move(*memory));
    } else {
        log(LogLevel::kWarn, "sessions_not_kept",
            {{"reason", memory.error().what}, {"risk", "after a restart of vpnd every client needs a new handshake"}});
    }
    return std::move(*hello);
}

Status serve(ipc::Channel channel) {
    vpnd::Daemon::Parts parts;
    parts.channel = std::move(channel);
    auto signals = take_signals();
    if (!signals) return tl::unexpected<Error>(signals.error());
    parts.signals = std::move(*signals);
    WARREN_TRY(drop_privileges());
    auto memory_lock = MemoryLock::start();
    if (memory_lock) {
        parts.memory_lock = *memory_lock;
    } else {
        log(LogLevel::kWarn, "memory_not_locked",
            {{"reason", memory_lock.error().what}, {"risk", "keys may be swapped out"}});
    }
    parts.usage = ProcessUsage::open();
    const auto aead = crypto::choose_backend(monotonic_nanoseconds);
    if (!aead) return with_context("aead", aead.error());
    parts.aead_backend = crypto::name_of(*aead);

    auto hello = receive_hello(parts);
    if (!hello) return with_context("channel", hello.error());
    parts.hello = std::move(*hello);
    if (parts.hello.workers > 1) {
        auto exchange = io::TransferExchange::make(parts.hello.workers);
        if (!exchange) return with_context("data workers", exchange.error());
        parts.exchange = std::move(*exchange);
    }
    for (std::uint32_t i = 0; i < parts.hello.workers; ++i) {
        auto worker = io::DataWorker::start(i, aead->backends(), parts.exchange.get());
        if (!worker) return with_context("data worker", worker.error());
        parts.workers.push_back(std::move(*worker));
    }
    // From here on this is the control worker. Where packets and handshakes want the same core, packets come first, and
    // a flood of handshakes gets a tenth of it.
    if (::setpriority(PRIO_PROCESS, 0, kControlNice) != 0)
        log(LogLevel::kWarn, "priority_not_set", {{"reason", std::strerror(errno)}});
    crypto::SystemRandom random;
    auto daemon = vpnd::Daemon::make(std::move(parts), random);
    if (!daemon) return tl::unexpected<Error>(daemon.error());
    WARREN_TRY(vpnd::confine_system_calls());
    (*daemon)->run();
    log(LogLevel::kInfo, "service_stopped");
    return {};
}

}  // namespace

int main(int argc, char** argv) {
    open_standard_streams();
    std::vector<std::string_view> arguments(argv + 1, argv + argc);
    if (arguments.size() == 1 && arguments[0] == "--version") {
        std::printf("vpnd %s\n", kVersion);
        return 0;
    }
    const auto log_level = ipc::take_log_level(arguments);
    if (!log_level) {
        std::fprintf(stderr, "vpnd: %s\n", log_level.error().what.c_str());
        return kUsage;
    }
    auto channel = ipc::channel_of(arguments);
    if (!channel) {
        std::fputs("vpnd is started by stackd, which passes it a channel (vpnd --channel FD). Start stackd instead.\n",
                   stderr);
        return kUsage;
    }
    set_log_program("vpnd");
    set_log_level(*log_level);
    ::prctl(PR_SET_NAME, "vpnd");  // started by a descriptor, older kernels call us by its number
    const Status served = serve(std::move(*channel));
    if (served) return 0;
    log(LogLevel::kError, "service_failed", {{"error", served.error().what}});
    return kFailed;
}
