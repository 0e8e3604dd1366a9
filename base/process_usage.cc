#include "base/process_usage.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <ctime>
#include <string_view>

namespace warren {

namespace {

Duration read(clockid_t clock) {
    timespec used{};
    ::clock_gettime(clock, &used);
    return std::chrono::seconds(used.tv_sec) + Duration(used.tv_nsec);
}

}  // namespace

Duration thread_processor_time() {
    return read(CLOCK_THREAD_CPUTIME_ID);
}

ProcessUsage ProcessUsage::open() {
    ProcessUsage usage;
    usage.statm_ = UniqueFd(::open("/proc/self/statm", O_RDONLY | O_CLOEXEC));
    usage.page_size_ = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
    return usage;
}

Duration ProcessUsage::processor_time() const {
    return read(CLOCK_PROCESS_CPUTIME_ID);
}

std::uint64_t ProcessUsage::resident_bytes() const {
    if (!statm_.valid()) return 0;
    std::array<char, 64> text{};
    const ssize_t size = ::pread(statm_.get(), text.data(), text.size(), 0);
    if (size <= 0) return 0;
    // "total resident ...", in pages.
    const std::string_view line(text.data(), static_cast<std::size_t>(size));
    const auto space = line.find(' ');
    std::uint64_t pages = 0;
    if (space != std::string_view::npos) std::from_chars(line.data() + space + 1, line.data() + line.size(), pages);
    return pages * page_size_;
}

}  // namespace warren
