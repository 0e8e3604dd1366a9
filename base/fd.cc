#include "base/fd.h"

#include <fcntl.h>
#include <unistd.h>

namespace warren {

void UniqueFd::reset() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
}

UniqueFd UniqueFd::duplicate() const {
    return UniqueFd(fd_ < 0 ? -1 : ::fcntl(fd_, F_DUPFD_CLOEXEC, 0));
}

void open_standard_streams() {
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
        // The lowest free number is this one: those below it are open.
        if (::fcntl(fd, F_GETFD) < 0) (void)!::open("/dev/null", O_RDWR);
    }
}

}  // namespace warren
