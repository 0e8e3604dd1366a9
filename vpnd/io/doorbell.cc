#include "vpnd/io/doorbell.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>

namespace warren::io {

Result<UniqueFd> Doorbell::make_fd() {
    UniqueFd fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!fd.valid()) return fail_errno("create an eventfd", errno);
    return fd;
}

void Doorbell::raise() {
    if (raised_.exchange(true)) return;
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t written =
        ::write(fd_.get(), &one, sizeof one);  // cannot overflow: written once until cleared
}

void Doorbell::clear() {
    std::uint64_t count = 0;
    [[maybe_unused]] const ssize_t got = ::read(fd_.get(), &count, sizeof count);
    raised_.store(false);
}

}  // namespace warren::io
