#include "stacks/children/kept_sessions.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "base/log.h"

namespace warren::stacks {

namespace {

// Of 262,143 sessions: two of each of a hundred thousand peers, and some that wait; and of 16,383 IKE_SAs.
constexpr off_t kSize = (off_t{256} << 18) + (off_t{8192} << 14);

}  // namespace

Result<KeptSessions> KeptSessions::make() {
    UniqueFd file(::memfd_create("warren-sessions", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (!file.valid()) return fail_errno("memfd_create", errno);
    if (::ftruncate(file.get(), kSize) != 0) return fail_errno("ftruncate", errno);
    if (::fcntl(file.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
        return fail_errno("F_ADD_SEALS", errno);
    return KeptSessions(std::move(file));
}

void KeptSessions::wipe() {
    static constexpr std::array<char, 65'536> kZeros{};
    off_t end = 0;
    for (;;) {
        const off_t begin = ::lseek(file_.get(), end, SEEK_DATA);
        if (begin < 0) break;  // ENXIO: nothing more
        end = ::lseek(file_.get(), begin, SEEK_HOLE);
        if (end < 0) break;
        for (off_t at = begin; at < end;) {
            const auto size = std::min(static_cast<std::size_t>(end - at), kZeros.size());
            const ssize_t written = ::pwrite(file_.get(), kZeros.data(), size, at);
            if (written <= 0) break;
            at += written;
        }
    }
    if (::fallocate(file_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, kSize) != 0)
        log(LogLevel::kWarn, "kept_sessions_not_freed", {{"reason", std::strerror(errno)}});
}

}  // namespace warren::stacks
