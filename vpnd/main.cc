// vpnd: the tunnel daemon. Started by stackd, which passes a channel; everything else comes over it.
#include <sys/resource.h>

#include <cstring>
#include <string>
#include <utility>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/memory_lock.h"
#include "base/sandbox.h"
#include "crypto/aead.h"
#include "crypto/random.h"
#include "ipc/channel.h"
#include "ipc/child.h"
#include "ipc/config_messages.h"
#include "vpnd/daemon.h"
#include "vpnd/kept_memory.h"
#include "vpnd/sandbox.h"

namespace {

using namespace warren;

constexpr int kControlNice =
    10;  // of the control worker's thread alone; its weight is then 110 to a data worker's 1024 (sched(7))

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

Status serve(ipc::Channel channel, UniqueFd signals) {
    vpnd::Daemon::Parts parts;
    parts.channel = std::move(channel);
    parts.signals = std::move(signals);
    WARREN_TRY(drop_privileges());
    auto memory_lock = MemoryLock::start();
    if (memory_lock) {
        parts.memory_lock = *memory_lock;
    } else {
        log(LogLevel::kWarn, "memory_not_locked",
            {{"reason", memory_lock.error().what}, {"risk", "keys may be swapped out"}});
    }
    parts.usage = ProcessUsage::open();
    const auto aead = crypto::choose_backend([] { return read_instant().nanoseconds; });
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
    return warren::ipc::child_main("vpnd", argc, argv, serve);
}
