#include "stacks/page_history.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <utility>

#include "base/log.h"
#include "base/write_all.h"
#include "history/disk.h"
#include "history/store.h"
#include "stacks/page_revisions.h"

namespace warren::stacks {

namespace {

constexpr int kNice = 10;  // it is for people, and others wait for the processor

Result<std::string> write_file(const std::string& state_dir, const std::string& file) {
    (void)::setpriority(PRIO_PROCESS, 0, kNice);
    // A child of a stackd that was killed may still write: it must not end after us.
    const UniqueFd lock(::open((file + ".lock").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!lock.valid()) return fail_errno("open " + file + ".lock", errno);
    if (::flock(lock.get(), LOCK_EX) != 0) return fail_errno("lock " + file, errno);
    history::DirectoryDisk disk(history::directory_of(state_dir));
    const history::Store store(disk);
    const auto revisions = store.revisions();
    if (!revisions) return tl::unexpected<Error>(revisions.error());
    const std::vector<std::uint8_t> content = ipc::encode_revisions(
        web_revisions_of(*revisions, [&store](const history::Content& what) { return store.text(what); }));
    const std::string beside = file + ".new";
    (void)::unlink(beside.c_str());
    const UniqueFd out(::open(beside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!out.valid()) return fail_errno("open " + beside, errno);
    if (const Status written = write_all(out.get(), {reinterpret_cast<const char*>(content.data()), content.size()});
        !written)
        return tl::unexpected<Error>(written.error());
    if (::rename(beside.c_str(), file.c_str()) != 0) return fail_errno("rename " + beside, errno);
    return std::string();
}

}  // namespace

void PageHistory::run(Instant now, std::optional<std::uint64_t> in_force) {
    make(now, in_force);
    const bool is_latest = shown_ != 0 && in_force == shown_;
    if (std::exchange(is_latest_, is_latest) != is_latest) ++made_;
}

void PageHistory::make(Instant now, std::optional<std::uint64_t> in_force) {
    if (const auto outcome = task_.take()) {
        ++made_;
        start_at_ = kNever;
        if (outcome->succeeded) {
            shown_ = wanted_;
            problem_.clear();
        } else {
            if (std::exchange(problem_, outcome->text) != outcome->text)
                log(LogLevel::kWarn, "revisions_not_shown", {{"reason", outcome->text}});
            start_at_ = now + kRetryPause;
        }
    }
    if (state_dir_.empty() || !in_force || *in_force == shown_ || task_.is_running()) return;
    if (*in_force == wanted_ && now < start_at_ && start_at_ != kNever) return;
    wanted_ = *in_force;
    start_at_ = kNever;
    const Status started = task_.start([this] { return write_file(state_dir_, file_); });
    if (started) return;
    problem_ = started.error().what;
    start_at_ = now + kRetryPause;
}

UniqueFd PageHistory::open() const {
    if (!is_latest_) return {};
    return UniqueFd(::open(file_.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
}

std::string PageHistory::problem() const {
    if (state_dir_.empty() || is_latest_ || !problem_.empty()) return problem_;
    return "the latest change is not written to the history yet";
}

}  // namespace warren::stacks
