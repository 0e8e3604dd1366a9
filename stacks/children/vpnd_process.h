// The tunnel daemon as a process: started without privileges, watched, stopped. It outlives stackd when stackd is
// killed.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "base/time.h"

namespace warren::stacks {

// The unprivileged user that vpnd runs as.
struct ServiceUser {
    std::string name;
    uid_t uid = 0;
    gid_t gid = 0;
    std::vector<gid_t> groups;
};
// kNotFound, saying what to do, when there is no such user; root is refused.
[[nodiscard]] Result<ServiceUser> find_user(const std::string& name);

// A running vpnd: our child, or one that an earlier stackd left.
class VpndProcess {
  public:
    // Starts `executable --channel 3 --log-level LEVEL` (ours) with `channel` as descriptor 3, as `user`, with no
    // capability and no new privileges.
    [[nodiscard]] static Result<VpndProcess> start(const std::string& executable, const ServiceUser& user, int channel);
    // A process started by a launcher, which holds the other end of a channel of ours. kUnavailable when it has ended.
    [[nodiscard]] static Result<VpndProcess> watch(pid_t pid);
    // A child of ours that was started elsewhere. kUnavailable when it has ended and was reaped.
    [[nodiscard]] static Result<VpndProcess> own(pid_t pid);
    // The process that the pid file names; kNotFound when it has ended, even if its pid is in use again.
    [[nodiscard]] static Result<VpndProcess> find(const std::string& pid_file);
    // Another process, of user `uid` if that is known, that holds the listening Unix socket that was bound at `path`,
    // even if the file is gone. The directory of `path` must be the same one for that process as for us: a container
    // that shares our network has paths of its own. kNotFound when there is none, or none that we may look into (it
    // takes CAP_SYS_PTRACE).
    [[nodiscard]] static Result<VpndProcess> find_holder(const std::string& path,
                                                         std::optional<uid_t> uid = std::nullopt);

    // The vpnd that an earlier stackd of this run-dir left; `uid`: that it runs as, if known. Call it before privileges
    // are dropped.
    [[nodiscard]] static std::optional<VpndProcess> find_left(const std::string& run_dir, std::optional<uid_t> uid);

    // Writes its pid to `pid_file` for the next stackd. A failure is logged and otherwise ignored.
    void save_pid(const std::string& pid_file) const;

    [[nodiscard]] pid_t pid() const { return pid_; }
    // Readable when the process has ended.
    [[nodiscard]] int ended_fd() const { return pidfd_.get(); }
    [[nodiscard]] bool ended() const;
    // Its exit reason, for a log line: "exit status 4", "signal 9". Reaps a child. Only after it has ended. Never
    // waits.
    [[nodiscard]] std::string reap();
    // SIGTERM, and SIGKILL when it has not ended after `patience`. Waits for the end and returns the reason as reap()
    // does; a process that was already ending keeps its own reason. One that the kernel does not end (it sleeps
    // uninterruptibly) is left after 10 s more: then ended() is false.
    std::string stop(Duration patience);
    // One that has ended gets none.
    void signal(int number) const;

  private:
    VpndProcess(pid_t pid, UniqueFd pidfd, bool is_child) : pid_(pid), pidfd_(std::move(pidfd)), is_child_(is_child) {}
    [[nodiscard]] bool wait_ended(Duration patience) const;

    pid_t pid_;
    UniqueFd pidfd_;
    bool is_child_;
};

}  // namespace warren::stacks
