// authd: holds the long-lived secrets of IPsec, and answers what vpnd may ask of them. Started by stackd, which passes
// a channel; everything else comes over it.
#include <time.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <utility>

#include "auth/certificates.h"
#include "auth/daemon.h"
#include "auth/eap/tls_session.h"
#include "auth/eap_conversations.h"
#include "auth/sandbox.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/memory_lock.h"
#include "crypto/legacy_provider.h"
#include "crypto/prf.h"
#include "crypto/random.h"
#include "ipc/channel.h"
#include "ipc/child.h"

namespace {

using namespace warren;

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

Status serve(ipc::Channel channel, UniqueFd signals) {
    WARREN_TRY(channel.set_non_blocking());
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
    auth::Daemon daemon(std::move(channel), std::move(signals),
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
    return warren::ipc::child_main("authd", argc, argv, serve);
}
