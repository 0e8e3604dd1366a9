#include "vpnd/kept_memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "crypto/secret.h"

namespace warren::vpnd {

namespace {

constexpr std::size_t kMostSlots = std::size_t{1} << 18;  // of sessions; what is behind them is of IKE_SAs

}  // namespace

Result<KeptMemory> KeptMemory::map(UniqueFd file) {
    using dataplane::KeptSession;
    constexpr int kFixed = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
    const int seals = ::fcntl(file.get(), F_GET_SEALS);
    if (seals < 0 || (seals & kFixed) != kFixed || (seals & F_SEAL_WRITE) != 0)
        return fail(ErrorCode::kInvalid, "not a memory file of a fixed size");
    const off_t end = ::lseek(file.get(), 0, SEEK_END);
    if (end < 0) return fail_errno("lseek", errno);
    const auto size = static_cast<std::size_t>(end);
    const std::size_t slots = std::min(size / sizeof(KeptSession), kMostSlots);
    constexpr std::size_t kBefore = kMostSlots * sizeof(KeptSession);
    std::size_t sas = size <= kBefore ? 0 : (size - kBefore) / sizeof(ike::KeptSa);
    if (sas < 2) sas = 0;
    if (slots < 2 || sas > UINT32_MAX) return fail(ErrorCode::kInvalid, "no room for sessions");
    void* const at = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
    if (at == MAP_FAILED) return fail_errno("mmap", errno);
    auto* const bytes = static_cast<std::uint8_t*>(at);
    const std::span<ike::KeptSa> behind =
        sas == 0 ? std::span<ike::KeptSa>() : std::span(reinterpret_cast<ike::KeptSa*>(bytes + kBefore), sas);
    KeptMemory memory({bytes, size}, {static_cast<KeptSession*>(at), slots}, behind);
    if (::madvise(at, size, MADV_DONTDUMP) != 0) return fail_errno("madvise", errno);
    return memory;
}

Status KeptMemory::lock_bytes(const void* at, std::size_t size) {
    if (::mlock2(at, size, MLOCK_ONFAULT) == 0) return {};
    return fail_errno("mlock2", errno);
}

KeptMemory::KeptMemory(KeptMemory&& other) noexcept
    : all_(std::exchange(other.all_, {})),
      table_(std::exchange(other.table_, {})),
      sas_(std::exchange(other.sas_, {})) {}

KeptMemory::~KeptMemory() {
    if (!all_.empty()) ::munmap(all_.data(), all_.size());
}

void KeptMemory::clear(void* at, std::size_t size) {
    if (size == 0) return;
    (void)::munlock(at, size);  // locked memory cannot be given back
    if (::madvise(at, size, MADV_REMOVE) == 0) return;
    crypto::wipe({static_cast<std::uint8_t*>(at), size});
}

}  // namespace warren::vpnd
