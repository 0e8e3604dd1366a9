#include "history/write_back.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <ctime>
#include <map>
#include <memory>
#include <optional>
#include <set>

#include "base/directory_lock.h"
#include "base/fd.h"
#include "config/customer_files.h"
#include "config/customer_id.h"

namespace warren::history {

namespace {

constexpr off_t kMaxSize = off_t{64} << 20U;

struct File {
    std::string text;
    struct stat about {};
};

// Nothing: there is none.
Result<std::optional<File>> read(const std::string& path) {
    const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    if (!file.valid() && errno == ENOENT) return std::optional<File>();
    if (!file.valid() && errno == ELOOP)
        return fail(ErrorCode::kInvalid, path + " is a symbolic link, and is not written over");
    if (!file.valid()) return fail_errno("read " + path, errno);
    File out;
    if (::fstat(file.get(), &out.about) != 0) return fail_errno("read " + path, errno);
    if (!S_ISREG(out.about.st_mode) || out.about.st_size > kMaxSize)
        return fail(ErrorCode::kInvalid, path + " is no regular file, or too large");
    std::array<char, 65536> piece{};
    while (true) {
        const ssize_t got = ::read(file.get(), piece.data(), piece.size());
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return fail_errno("read " + path, errno);
        if (got == 0) return std::optional<File>(std::move(out));
        out.text.append(piece.data(), static_cast<std::size_t>(got));
    }
}

Status sync_directory(const std::string& path) {
    const UniqueFd opened(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!opened.valid() || ::fsync(opened.get()) != 0) return fail_errno("sync " + path, errno);
    return {};
}

Status fill(int file, std::string_view text, const struct stat* about) {
    while (!text.empty()) {
        const ssize_t written = ::write(file, text.data(), text.size());
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return fail_errno("write", written < 0 ? errno : ENOSPC);
        text.remove_prefix(static_cast<std::size_t>(written));
    }
    // Who may not give a file away writes it as its own.
    if (about != nullptr && (about->st_uid != ::geteuid() || about->st_gid != ::getegid()) &&
        ::fchown(file, about->st_uid, about->st_gid) != 0 && errno != EPERM)
        return fail_errno("keep the owner", errno);
    if (::fchmod(file, about == nullptr ? 0644 : about->st_mode & 07777U) != 0)
        return fail_errno("keep the mode", errno);
    if (::fsync(file) != 0) return fail_errno("sync", errno);
    return {};
}

// Under a temporary name first. `about`: of the file that it replaces; nullptr: of none.
Status put(const std::string& path, std::string_view text, const struct stat* about) {
    const std::string fresh = path + ".new";
    (void)::unlink(fresh.c_str());
    const UniqueFd file(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!file.valid()) return fail_errno("write " + fresh, errno);
    Status done = fill(file.get(), text, about);
    if (done && ::rename(fresh.c_str(), path.c_str()) != 0) done = fail_errno("rename " + fresh, errno);
    if (!done) {
        (void)::unlink(fresh.c_str());
        return with_context("write " + path, done.error());
    }
    return {};
}

std::string directory_of(const std::string& path) {
    return path.substr(0, path.rfind('/'));
}

bool is_link(const std::string& path) {
    struct stat about {};
    return ::lstat(path.c_str(), &about) == 0 && S_ISLNK(about.st_mode);
}

// What is to be done with one file.
struct Task {
    std::string path;
    std::optional<File> before;
    const std::string* text = nullptr;  // nullptr: it goes
};

class Writing {
  public:
    explicit Writing(const WriteOrder& order) : order_(order), customers_(order.directory + "/customers") {}

    Status prepare() {
        if (order_.customer.empty()) WARREN_TRY(add(order_.directory + "/warren.toml", &order_.texts->appliance));
        for (const auto& [id, text] : order_.texts->customers) {
            if (order_.customer.empty() || order_.customer == id) WARREN_TRY(add(path_of(id), &text));
        }
        if (!order_.customer.empty() && !order_.texts->customers.contains(order_.customer))
            return add(path_of(order_.customer), nullptr);
        return order_.customer.empty() ? add_strangers() : Status();
    }

    Status carry_out(WrittenBack& out) {
        std::set<std::string> directories{customers_};
        for (const Task& task : tasks_) {
            WARREN_TRY(carry_out(task, out));
            directories.insert(directory_of(task.path));
        }
        for (const std::string& directory : directories) WARREN_TRY(sync_directory(directory));
        return sync_directory(order_.directory);
    }

  private:
    [[nodiscard]] std::string path_of(const std::string& id) const {
        return fmt::format("{}/{}", order_.directory, config::customer_file(id));
    }

    Status add(const std::string& path, const std::string* text) {
        auto before = read(path);
        if (!before) return tl::unexpected<Error>(before.error());
        const bool is_there = before->has_value();
        if (text == nullptr ? !is_there : is_there && (*before)->text == *text) return {};
        tasks_.push_back({path, std::move(*before), text});
        return {};
    }

    // Files of customers that the texts do not have.
    Status add_strangers() {
        const config::CustomerFiles files = config::list_customer_files(order_.directory);
        if (!files.complete) return fail(ErrorCode::kUnavailable, "list " + customers_);
        for (const std::string& id : files.ids) {
            if (!order_.texts->customers.contains(id)) WARREN_TRY(add(path_of(id), nullptr));
        }
        return {};
    }

    Status carry_out(const Task& task, WrittenBack& out) {
        const auto now = read(task.path);
        if (!now) return tl::unexpected<Error>(now.error());
        if (now->has_value() != task.before.has_value() || (now->has_value() && (*now)->text != task.before->text))
            return fail(ErrorCode::kConflict, task.path + " was changed meanwhile");
        if (task.before && !order_.is_known(task.before->text)) {
            const std::string beside = fmt::format("{}.{}", task.path, order_.tag);
            WARREN_TRY(put(beside, task.before->text, &task.before->about));
            out.kept.push_back(beside);
        }
        if (task.text != nullptr) {
            WARREN_TRY(ensure_directories(task.path));
            WARREN_TRY(put(task.path, *task.text, task.before ? &task.before->about : nullptr));
            out.written.push_back(task.path);
        } else {
            if (::unlink(task.path.c_str()) != 0) return fail_errno("remove " + task.path, errno);
            out.removed.push_back(task.path);
        }
        return {};
    }

    // Those of resellers, which may be gone with all that was in them.
    Status ensure_directories(const std::string& path) const {
        for (auto at = path.find('/', customers_.size() + 1); at != std::string::npos; at = path.find('/', at + 1)) {
            const std::string directory = path.substr(0, at);
            if (is_link(directory))
                return fail(ErrorCode::kInvalid, directory + " is a symbolic link, and is not written to");
            if (::mkdir(directory.c_str(), 0755) == 0) {
                WARREN_TRY(sync_directory(directory_of(directory)));
            } else if (errno != EEXIST) {
                return fail_errno("make " + directory, errno);
            }
        }
        return {};
    }

    const WriteOrder& order_;
    std::string customers_;
    std::vector<Task> tasks_;
};

}  // namespace

Result<WrittenBack> write_back(const WriteOrder& order) {
    const auto locked = lock_directory(order.directory);
    if (!locked) return tl::unexpected<Error>(locked.error());
    Writing writing(order);
    WARREN_TRY(writing.prepare());
    WrittenBack out;
    Status done = writing.carry_out(out);
    if (done) return out;
    // Nobody else says where they are.
    for (const std::string& path : out.kept) done.error().what += "; what was there before is " + path;
    return tl::unexpected<Error>(done.error());
}

Status check_write_back(const std::string& directory) {
    const auto refused = [](const std::string& path) {
        return fail(ErrorCode::kInvalid, path + " is a symbolic link, and is not written over");
    };
    if (is_link(directory + "/warren.toml")) return refused(directory + "/warren.toml");
    const config::CustomerFiles files = config::list_customer_files(directory);
    if (!files.complete) return fail(ErrorCode::kUnavailable, "list " + directory + "/customers");
    for (const std::string& id : files.ids) {
        const std::string path = fmt::format("{}/{}", directory, config::customer_file(id));
        if (is_link(path)) return refused(path);
    }
    return {};
}

std::string kept_tag() {
    const std::time_t now = std::time(nullptr);
    std::tm parts{};
    if (::gmtime_r(&now, &parts) == nullptr) return "kept";
    std::array<char, 32> text{};
    (void)std::strftime(text.data(), text.size(), "kept-%Y%m%dT%H%M%SZ", &parts);
    return text.data();
}

}  // namespace warren::history
