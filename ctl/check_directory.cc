#include "ctl/check_directory.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <string>

#include "ctl/runners.h"

namespace warren::ctl {

int run_check_directory(const Invocation& invocation, Output& output) {
    const bool is_named = !invocation.arguments.empty();
    const std::string& directory = is_named ? invocation.arguments[0] : invocation.config_dir;
    struct stat found {};
    const bool is_there = ::stat(directory.c_str(), &found) == 0;
    const bool is_missing = !is_there && (errno == ENOENT || errno == ENOTDIR);
    if (is_named && (is_missing || (is_there && !S_ISDIR(found.st_mode))))
        return complain(output, kUsage, fmt::format("check takes a directory; there is none: {}", directory));
    const std::string file = directory + "/warren.toml";
    const bool has_none = is_missing || (::stat(file.c_str(), &found) != 0 && errno == ENOENT);
    if (!is_named && !invocation.json && has_none)
        return complain(output, kAnswerIsNo,
                        fmt::format("there is no {}; vpnctl setup makes the first configuration", file));
    return run_check(invocation, output);
}

}  // namespace warren::ctl
