// log
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <ostream>
#include <string>
#include <string_view>
#include <thread>

#include "base/fd.h"
#include "base/printable.h"
#include "base/result.h"
#include "config/parse.h"
#include "ctl/commands/known_customer.h"
#include "ctl/files/files.h"
#include "ctl/runners.h"

namespace warren::ctl {

namespace {

constexpr auto kPause = std::chrono::milliseconds(200);

std::string path_of(const Invocation& invocation) {
    return invocation.run_dir + "/log/" + invocation.arguments[0];
}

// The last `count` lines.
std::string_view last_lines(std::string_view text, std::size_t count) {
    if (count == 0) return {};
    std::size_t at = text.size();
    for (std::size_t seen = 0; at > 0; --at) {
        if (text[at - 1] == '\n' && at != text.size() && ++seen == count) break;
    }
    return text.substr(at);
}

bool exists(const std::string& path) {
    struct stat found {};
    return ::stat(path.c_str(), &found) == 0;
}

// A log that is not there yet is an empty one; one that may not be read is an error.
Status check_readable(const std::string& path) {
    const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    if (file.valid() || errno == ENOENT) return {};
    return fail_errno("read " + path, errno);
}

// What is new in a file that grows, and is another one when it was full.
class Tail {
  public:
    explicit Tail(std::string path) : path_(std::move(path)) {}
    // What is there is known already.
    void skip() { (void)read(); }
    [[nodiscard]] std::string read() {
        std::string out = file_.valid() ? rest() : "";
        struct stat now {};
        if (::stat(path_.c_str(), &now) != 0 || (file_.valid() && now.st_ino == inode_)) return out;
        file_ = UniqueFd(::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
        inode_ = now.st_ino;
        return file_.valid() ? out + rest() : out;
    }

  private:
    std::string rest() {
        std::string out;
        char space[4096];
        for (;;) {
            const ssize_t got = ::read(file_.get(), space, sizeof space);
            if (got <= 0) return out;
            out.append(space, static_cast<std::size_t>(got));
        }
    }
    std::string path_;
    UniqueFd file_;
    ino_t inode_ = 0;
};

}  // namespace

int run_log(const Invocation& invocation, Output& output) {
    const std::string& customer = invocation.arguments[0];
    if (!config::is_customer_id(customer))
        return complain(output, kUsage, fmt::format("\"{}\" is no customer's id", customer));
    std::size_t count = SIZE_MAX;
    if (!invocation.lines.empty()) {
        const char* const end = invocation.lines.data() + invocation.lines.size();
        const auto [stop, error] = std::from_chars(invocation.lines.data(), end, count);
        if (error != std::errc() || stop != end)
            return complain(output, kUsage, fmt::format("--lines: \"{}\" is no number", invocation.lines));
    }
    const std::string path = path_of(invocation);
    const bool is_there = exists(path) || exists(path + ".1");
    if (!is_there && !is_known_customer(invocation, customer))
        return complain(output, kFailed, no_such_customer(invocation, customer));
    Tail tail(path);
    if (invocation.follow) tail.skip();
    std::string text;
    for (const std::string& each : {path + ".1", path}) {
        auto part = read_text(each);
        if (!part) return complain(output, kFailed, part.error().what);
        text += *part;
    }
    output.out << printable(last_lines(text, count), "\n") << std::flush;
    if (!is_there && !invocation.follow) output.err << fmt::format("vpnctl: {} has logged nothing yet\n", customer);
    while (invocation.follow && output.out) {
        std::this_thread::sleep_for(kPause);
        if (const Status readable = check_readable(path); !readable)
            return complain(output, kFailed, readable.error().what);
        if (const std::string more = tail.read(); !more.empty()) output.out << printable(more, "\n") << std::flush;
    }
    return kDone;
}

}  // namespace warren::ctl
