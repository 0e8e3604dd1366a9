#include "ctl/ask/program.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/fd.h"

namespace warren::ctl {

namespace {

using Clock = std::chrono::steady_clock;

constexpr const char* kPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

Result<pid_t> spawn(const std::vector<std::string>& command, int input, int output) {
    std::vector<char*> arguments;
    for (const std::string& argument : command)
        arguments.push_back(const_cast<char*>(argument.c_str()));  // posix_spawn does not write to them
    arguments.push_back(nullptr);
    std::array<std::string, 2> settings{kPath, "LC_ALL=C"};
    std::array<char*, 3> environment{settings[0].data(), settings[1].data(), nullptr};
    posix_spawn_file_actions_t actions;
    if (::posix_spawn_file_actions_init(&actions) != 0) return fail(ErrorCode::kUnavailable, "no memory for a program");
    (void)::posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
    (void)::posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    (void)::posix_spawn_file_actions_adddup2(&actions, output, STDERR_FILENO);
    pid_t pid = -1;
    const int error = ::posix_spawnp(&pid, arguments[0], &actions, nullptr, arguments.data(), environment.data());
    (void)::posix_spawn_file_actions_destroy(&actions);
    if (error != 0) return fail_errno(command[0], error);
    return pid;
}

// Writes its input and reads its output until the program closes the output; false on timeout.
bool converse(UniqueFd& input, const UniqueFd& output, std::string_view left, std::size_t most, Clock::time_point until,
              Ran& ran) {
    std::array<char, 65536> space{};
    while (true) {
        if (left.empty()) input.reset();
        const auto rest = std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now()).count();
        if (rest <= 0) return false;
        std::array<pollfd, 2> ready{{{output.get(), POLLIN, 0}, {left.empty() ? -1 : input.get(), POLLOUT, 0}}};
        if (::poll(ready.data(), ready.size(), static_cast<int>(rest)) < 0 && errno != EINTR) return false;
        if (ready[1].revents != 0) {
            const ssize_t sent =
                ::send(input.get(), left.data(), std::min(left.size(), space.size()), MSG_NOSIGNAL | MSG_DONTWAIT);
            if (sent < 0 && errno != EAGAIN && errno != EINTR) left = {};  // it closed its input
            if (sent > 0) left.remove_prefix(static_cast<std::size_t>(sent));
        }
        if (ready[0].revents == 0) continue;
        const ssize_t size = ::read(output.get(), space.data(), space.size());
        if (size == 0 || (size < 0 && errno != EINTR)) return true;
        const std::size_t kept = size < 0 ? 0 : std::min(static_cast<std::size_t>(size), most - ran.output.size());
        ran.output.append(space.data(), kept);
        ran.was_cut = ran.was_cut || (size > 0 && kept < static_cast<std::size_t>(size));
    }
}

}  // namespace

Result<Ran> run_program(const std::vector<std::string>& command, std::string_view input, const ProgramLimits& limits) {
    std::array<int, 2> in{};
    std::array<int, 2> out{};
    // A socket, because writing to a pipe without a reader raises SIGPIPE.
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, in.data()) != 0) return fail_errno("make a socket", errno);
    UniqueFd ours(in[0]);
    UniqueFd theirs(in[1]);
    if (::pipe2(out.data(), O_CLOEXEC) != 0) return fail_errno("make a pipe", errno);
    const UniqueFd output(out[0]);
    UniqueFd their_output(out[1]);
    const auto pid = spawn(command, theirs.get(), their_output.get());
    if (!pid) return tl::unexpected<Error>(pid.error());
    theirs.reset();
    their_output.reset();
    Ran ran;
    const bool ended = converse(ours, output, input, limits.output, Clock::now() + limits.time, ran);
    if (!ended) (void)::kill(*pid, SIGKILL);
    int status = 0;
    while (::waitpid(*pid, &status, 0) < 0 && errno == EINTR) continue;
    if (!ended)
        return fail(ErrorCode::kUnavailable,
                    fmt::format("{} did not end within {} s", command[0], limits.time.count()));
    ran.exit_status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return ran;
}

}  // namespace warren::ctl
