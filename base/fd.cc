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

}  // namespace warren
