#include "stacks/children/launch.h"

#include <poll.h>

#include "ipc/start.h"

namespace warren::stacks {

namespace {

constexpr Duration kStopPatience = std::chrono::seconds(1);

Result<Launched> fork_it(const Program& program) {
    auto ends = ipc::Channel::pair();
    if (!ends) return tl::unexpected(ends.error());
    auto process = VpndProcess::start(program.executable, program.user, ends->second.fd());
    if (!process) return tl::unexpected(process.error());
    return Launched{std::move(*process), std::move(ends->first)};
}

bool hung_up(const ipc::Channel& channel) {
    pollfd state{channel.fd(), 0, 0};
    return ::poll(&state, 1, 0) > 0 && (state.revents & POLLHUP) != 0;
}

}  // namespace

Result<Launched> launch(const Program& program, Duration patience, const std::function<bool()>& must_stop) {
    if (program.launcher.empty()) return fork_it(program);
    auto started = ipc::start_by_connecting(program.launcher, patience, must_stop);
    if (!started) return tl::unexpected(started.error());
    auto process = VpndProcess::watch(started->who.pid);
    if (!process) return tl::unexpected(process.error());
    // The pid can name another process only if this one has ended. systemd holds the other end of the channel until it
    // notices the end.
    if (process->ended() || hung_up(started->channel))
        return fail(ErrorCode::kUnavailable, program.launcher + ": the started process has ended");
    if (started->who.uid != program.user.uid) {
        process->stop(kStopPatience);
        return fail(ErrorCode::kPermission, program.launcher + ": the started process runs as user " +
                                                std::to_string(started->who.uid) + ", not as " + program.user.name +
                                                " (" + std::to_string(program.user.uid) + ")");
    }
    return Launched{std::move(*process), std::move(started->channel)};
}

}  // namespace warren::stacks
