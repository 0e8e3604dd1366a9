// A tar archive of small files (POSIX.1-1988 ustar). Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace warren::ctl {

struct TarFile {
    std::string name;  // relative, at most 99 bytes: a longer one is cut
    std::string text;
};

// Files of root with mode 0600 and this time (seconds since 1970).
[[nodiscard]] std::string tar_of(const std::vector<TarFile>& files, std::int64_t time);

}  // namespace warren::ctl
