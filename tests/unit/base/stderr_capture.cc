#include "tests/unit/base/stderr_capture.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>

#include "base/check.h"

namespace warren::test {

StderrCapture::StderrCapture() : saved_(::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3)) {
    std::array<int, 2> ends{};
    WARREN_CHECK(::pipe2(ends.data(), O_CLOEXEC) == 0);
    read_end_ = UniqueFd(ends[0]);
    const UniqueFd write_end(ends[1]);
    WARREN_CHECK(::dup2(write_end.get(), STDERR_FILENO) == STDERR_FILENO);
}

StderrCapture::~StderrCapture() {
    restore();
}

std::string StderrCapture::text() {
    restore();
    std::string out;
    std::array<char, 4096> piece{};
    for (ssize_t size = 0; (size = ::read(read_end_.get(), piece.data(), piece.size())) > 0;) {
        out.append(piece.data(), static_cast<std::size_t>(size));
    }
    return out;
}

void StderrCapture::restore() {
    if (saved_.valid()) ::dup2(saved_.get(), STDERR_FILENO);
    saved_.reset();
}

}  // namespace warren::test
