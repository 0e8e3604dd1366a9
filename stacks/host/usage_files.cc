#include "stacks/host/usage_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include "base/log.h"
#include "stacks/host/state_copy.h"

namespace warren::stacks {

std::string usage_directory(const std::string& of) {
    return of + "/usage";
}

std::vector<Month> months_in(const std::string& directory) {
    std::vector<Month> out;
    std::error_code error;
    for (auto it = std::filesystem::directory_iterator(directory, error);
         !error && it != std::filesystem::directory_iterator(); it.increment(error)) {
        if (const auto month = parse_month(it->path().filename().string())) out.push_back(*month);
    }
    return out;
}

Result<UniqueFd> open_usage(const std::string& run_dir, const std::string& state_dir, Month month) {
    const std::string directory = usage_directory(run_dir);
    if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) return fail_errno("make " + directory, errno);
    const std::string path = directory + "/" + month_text(month);
    const std::string copy = usage_directory(state_dir) + "/" + month_text(month);
    if (!state_dir.empty() && ::access(path.c_str(), F_OK) != 0 && ::access(copy.c_str(), F_OK) == 0) {
        if (const Status copied = copy_file(copy, path); !copied)
            log(LogLevel::kWarn, "state_not_restored", {{"reason", copied.error().what}});
    }
    UniqueFd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!file.valid()) return fail_errno("open " + path, errno);
    return file;
}

void remove_old_usage(const std::string& of, Month now) {
    const std::string directory = usage_directory(of);
    const std::vector<Month> months = months_in(directory);
    if (months.size() <= kUsageMonths + 1) return;
    const Month oldest = *std::min_element(months.begin(), months.end());
    if (oldest < months_before(now, kUsageMonths)) ::unlink((directory + "/" + month_text(oldest)).c_str());
}

}  // namespace warren::stacks
