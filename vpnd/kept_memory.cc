#include "vpnd/kept_memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "crypto/secret.h"

namespace warren::vpnd {

Result<KeptMemory> KeptMemory::map(UniqueFd file) {
    using dataplane::KeptSession;
    constexpr int kFixed = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
    const int seals = ::fcntl(file.get(), F_GET_SEALS);
    if (seals < 0 || (seals & kFixed) != kFixed || (seals & F_SEAL_WRITE) != 0)
        return fail(ErrorCode::kInvalid, "not a memory file of a fixed size");
    const off_t end = ::lseek(file.get(), 0, SEEK_END);
    if (end < 0) return fail_errno("lseek", errno);
    const auto size = static_cast<std::size_t>(end);
    const std::size_t slots = size / sizeof(KeptSession);
    if (slots < 2 || slots > UINT32_MAX) return fail(ErrorCode::kInvalid, "no room for sessions");
    void* const at = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
    if (at == MAP_FAILED) return fail_errno("mmap", errno);
    KeptMemory memory({static_cast<KeptSession*>(at), slots});
    if (::madvise(at, size, MADV_DONTDUMP) != 0) return fail_errno("madvise", errno);
    return memory;
}

Status KeptMemory::lock(std::span<dataplane::KeptSession> part) {
    if (::mlock2(part.data(), part.size_bytes(), MLOCK_ONFAULT) == 0) return {};
    return fail_errno("mlock2", errno);
}

KeptMemory::KeptMemory(KeptMemory&& other) noexcept : table_(std::exchange(other.table_, {})) {}

KeptMemory::~KeptMemory() {
    if (!table_.empty()) ::munmap(table_.data(), table_.size_bytes());
}

void KeptMemory::clear() {
    (void)::munlock(table_.data(), table_.size_bytes());  // locked memory cannot be given back
    if (::madvise(table_.data(), table_.size_bytes(), MADV_REMOVE) == 0) return;
    crypto::wipe({reinterpret_cast<std::uint8_t*>(table_.data()), table_.size_bytes()});
}

}  // namespace warren::vpnd
