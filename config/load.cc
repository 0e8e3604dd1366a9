#include "config/load.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <iterator>
#include <map>
#include <memory>
#include <set>
#include <system_error>

#include "base/fd.h"
#include "base/parallel.h"
#include "base/result.h"
#include "config/clash.h"
#include "config/generation.h"
#include "config/named_secrets.h"
#include "config/parse.h"
#include "config/validate.h"
#include "crypto/secret.h"

namespace warren::config {

namespace {

constexpr std::size_t kMaxSecretFile = 4096;
constexpr std::size_t kMaxThreads = 4;

std::string text_of(int system_error) {
    return std::generic_category().message(system_error);
}

Diagnostic file_error(const std::string& file, const std::string& customer, std::string message) {
    return {Severity::kError, file, customer, {1, 1, 0}, std::move(message), ""};
}

std::int64_t nanoseconds(const timespec& time) {
    return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

FileStamp stamp_of(const struct stat& status) {
    return {status.st_dev, status.st_ino, status.st_size, nanoseconds(status.st_mtim), nanoseconds(status.st_ctim)};
}

// Whether the file of this name in the directory still has this stamp.
bool is_untouched(int directory, const std::string& name, int flags, const FileStamp& stamp) {
    struct stat status {};
    return ::fstatat(directory, name.c_str(), &status, flags) == 0 && stamp_of(status) == stamp;
}

std::int64_t wall_clock() {
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME, &now);
    return nanoseconds(now);
}

// The whole file, which must be a regular one of at most `limit` bytes. `fd` may be invalid: then errno says why.
Result<std::string> read_all(const UniqueFd& fd, std::size_t limit, FileStamp& stamp) {
    if (!fd.valid()) return fail_errno("cannot be opened", errno);
    struct stat status {};
    if (::fstat(fd.get(), &status) != 0) return fail_errno("cannot be examined", errno);
    if (!S_ISREG(status.st_mode)) return fail(ErrorCode::kInvalid, "is no regular file");
    if (static_cast<std::size_t>(status.st_size) > limit) {
        return fail(ErrorCode::kInvalid, fmt::format("has {} bytes; accepted: up to {}", status.st_size, limit));
    }
    stamp = stamp_of(status);
    // One byte more than expected: this detects a growing file without reallocating text that may be a key.
    std::string text(static_cast<std::size_t>(status.st_size) + 1, '\0');
    std::size_t used = 0;
    while (used < text.size()) {
        const ssize_t got = ::read(fd.get(), text.data() + used, text.size() - used);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return fail_errno("cannot be read", errno);
        if (got == 0) break;
        used += static_cast<std::size_t>(got);
    }
    text.resize(used);
    return text;
}

void wipe(std::string& text) {
    crypto::wipe({reinterpret_cast<std::uint8_t*>(text.data()), text.size()});
}

// Reads what the configuration names, below one directory, never following symbolic links out of it.
class SecretReader {
  public:
    explicit SecretReader(std::string directory) : directory_(std::move(directory)) {
        root_ = UniqueFd(::open(directory_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        open_error_ = root_.valid() ? 0 : errno;
    }

    // Why the directory cannot be opened; 0: it can.
    [[nodiscard]] int open_error() const { return open_error_; }

    void read(const NamedSecret& secret_name, Secrets& to) {
        const SecretRef& ref = secret_name.ref;
        if (!is_secret_name(ref.name) || to.find(ref) != nullptr || to.problem(ref) != nullptr) return;
        const std::string_view command = secret_name.made_with;
        const UniqueFd fd = open(ref.name);
        if (!fd.valid()) return to.put_problem(ref, describe(ref, open_problem(errno, command)));
        if (const std::string problem = access_problem(fd); !problem.empty())
            return to.put_problem(ref, describe(ref, problem));
        auto text = read_all(fd, kMaxSecretFile, stamps_[ref.name]);
        if (!text) return to.put_problem(ref, describe(ref, text.error().what));
        auto secret = parse_secret_text(*text);
        wipe(*text);
        if (!secret)
            return to.put_problem(
                ref, describe(ref, fmt::format("holds no key; accepted: 44 characters of base64, as `{}` prints them",
                                               command)));
        if (secret->is_zero())
            return to.put_problem(ref,
                                  describe(ref, fmt::format("holds the all-zero key; make one with `{}`", command)));
        to.put(ref, std::move(*secret));
    }

    // Of what was read.
    [[nodiscard]] FileStamp stamp(const SecretRef& ref) const {
        const auto found = stamps_.find(ref.name);
        return found == stamps_.end() ? FileStamp{} : found->second;
    }
    [[nodiscard]] bool untouched(const SecretRef& ref, const FileStamp& stamp) const {
        return root_.valid() && is_untouched(root_.get(), ref.name, AT_SYMLINK_NOFOLLOW, stamp);
    }

  private:
    [[nodiscard]] std::string describe(const SecretRef& ref, std::string_view problem) const {
        return fmt::format("{}/{} {}", directory_, ref.name, problem);
    }

    [[nodiscard]] static std::string open_problem(int system_error, std::string_view command) {
        if (system_error == ENOENT) return fmt::format("is missing; make it: (umask 077; {} > FILE)", command);
        if (system_error == ELOOP || system_error == ENOTDIR)
            return "is, or leads through, a symbolic link or a file, which is not followed";
        return fmt::format("cannot be opened: {}", text_of(system_error));
    }

    // Step by step, so that no part of the name is a symbolic link. O_NONBLOCK: a FIFO must not block us.
    [[nodiscard]] UniqueFd open(std::string_view name) const {
        if (!root_.valid()) {
            errno = open_error_;
            return {};
        }
        UniqueFd at = root_.duplicate();
        while (at.valid()) {
            const auto slash = name.find('/');
            const std::string part(name.substr(0, slash));
            const bool last = slash == std::string_view::npos;
            const int flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | (last ? O_NONBLOCK | O_NOCTTY : O_DIRECTORY);
            UniqueFd next(::openat(at.get(), part.c_str(), flags));
            if (last || !next.valid()) return next;
            at = std::move(next);
            name.remove_prefix(slash + 1);
        }
        return {};
    }

    [[nodiscard]] static std::string access_problem(const UniqueFd& fd) {
        struct stat status {};
        if (::fstat(fd.get(), &status) != 0) return fmt::format("cannot be examined: {}", text_of(errno));
        if (!S_ISREG(status.st_mode)) return "is no regular file";
        const auto mode = static_cast<unsigned>(status.st_mode & 07777);
        if ((mode & 0077U) != 0) {
            return fmt::format("may be used by others (mode {:04o}); accepted: 0600 (chmod 600)", mode);
        }
        if (status.st_uid != 0 && status.st_uid != ::geteuid()) {
            return fmt::format("belongs to user {}; accepted: root or the user that runs this (chown root)",
                               status.st_uid);
        }
        return {};
    }

    std::string directory_;
    UniqueFd root_;
    int open_error_ = 0;
    std::map<std::string, FileStamp> stamps_;
};

// The names in a directory, sorted; an error when it cannot be read.
Result<std::vector<std::string>> list(const std::string& directory) {
    const std::unique_ptr<DIR, int (*)(DIR*)> dir(::opendir(directory.c_str()), &::closedir);
    if (dir == nullptr) return fail_errno("cannot be read", errno);
    std::vector<std::string> out;
    errno = 0;
    while (const dirent* entry = ::readdir(dir.get())) out.emplace_back(entry->d_name);
    if (errno != 0) return fail_errno("cannot be read", errno);
    std::sort(out.begin(), out.end());
    return out;
}

Parsed<Appliance> load_appliance(const std::string& directory, const Texts* instead, std::vector<Diagnostic>& out) {
    const std::string file = directory + "/warren.toml";
    if (instead != nullptr) return parse_appliance(file, instead->appliance, out);
    FileStamp stamp;
    auto text = read_all(UniqueFd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)), kMaxDocumentSize, stamp);
    if (text) return parse_appliance(file, std::move(*text), out);
    out.push_back(file_error(file, "", text.error().what));
    Parsed<Appliance> unread;
    unread.source.file = file;
    return unread;
}

// One customer while it is loaded: as its file says, or as it is in force.
struct Entry {
    std::string id;
    std::string file;
    std::shared_ptr<const AcceptedCustomer> unchanged;
    Parsed<Customer> parsed;  // when not unchanged
    FileStamp stamp;
    std::vector<Diagnostic> found;  // by parsing

    [[nodiscard]] const Customer& value() const { return unchanged != nullptr ? unchanged->customer : parsed.value; }
};

void parse(Entry& entry) {
    entry.unchanged.reset();
    auto text = read_all(UniqueFd(::open(entry.file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)), kMaxDocumentSize,
                         entry.stamp);
    if (text) {
        entry.parsed = parse_customer(entry.file, entry.id, std::move(*text), entry.found);
        return;
    }
    entry.found.push_back(file_error(entry.file, entry.id, text.error().what));
    entry.parsed.value.id = entry.id;
    entry.parsed.source.file = entry.file;
    entry.parsed.source.customer = entry.id;
}

// Reads one configuration, most of which may be unchanged.
class Loading {
  public:
    Loading(const std::string& directory, const LoadOptions& options)
        : directory_(directory), options_(options), secrets_(directory + "/secrets"), began_(wall_clock()) {}

    Loaded run() {
        appliance_ = load_appliance(directory_, options_.instead, out_.diagnostics);
        if (!list_customers()) appliance_.valid = false;
        out_.text = appliance_.source.text;
        read_shared_key();
        find_unchanged();
        std::vector<Entry*> fresh;
        for (Entry& entry : entries_) {
            if (entry.unchanged == nullptr) fresh.push_back(&entry);
        }
        in_parallel(fresh.size(), threads_for(fresh.size(), kMaxThreads),
                    [&](std::size_t, std::size_t i) { read(*fresh[i]); });
        if (fresh.size() < entries_.size()) parse_those_who_clash();
        read_secrets();
        check();
        out_.appliance = std::move(appliance_.value);
        out_.appliance_valid = appliance_.valid;
        sort(out_.diagnostics);
        return std::move(out_);
    }

  private:
    void read(Entry& entry) const {
        if (options_.instead == nullptr) return parse(entry);
        entry.parsed = parse_customer(entry.file, entry.id, options_.instead->customers.at(entry.id), entry.found);
    }

    // False when the directory cannot be listed.
    bool list_customers() {
        constexpr std::string_view kSuffix = ".toml";
        const std::string directory = directory_ + "/customers";
        if (options_.instead != nullptr) {
            for (const auto& [id, text] : options_.instead->customers)
                entries_.push_back({id, fmt::format("{}/{}{}", directory, id, kSuffix), nullptr, {}, {}, {}});
            return true;
        }
        const auto names = list(directory);
        if (!names) {
            out_.diagnostics.push_back(file_error(
                directory, "",
                names.error().what + "; without it the customers to keep are unknown, so nothing is applied"));
            return false;
        }
        for (const std::string& name : *names) {
            if (!name.ends_with(kSuffix) || name.starts_with('.')) continue;  // an editor's leftovers
            std::string file = fmt::format("{}/{}", directory, name);
            std::string id = name.substr(0, name.size() - kSuffix.size());
            if (is_customer_id(id)) {
                entries_.push_back({std::move(id), std::move(file), nullptr, {}, {}, {}});
                continue;
            }
            out_.diagnostics.push_back(file_error(
                file, "",
                fmt::format("the file's name is the customer's id, and \"{}\" is none; accepted: a lower-case letter, "
                            "then up to {} of a-z, 0-9 and \"-\"",
                            id, kMaxCustomerId - 1)));
        }
        std::sort(entries_.begin(), entries_.end(), [](const Entry& a, const Entry& b) { return a.id < b.id; });
        return true;
    }

    [[nodiscard]] bool has_no_secrets() const {
        const int error = secrets_.open_error();
        return options_.secrets_may_be_absent && (error == ENOENT || error == EACCES);
    }

    void read_shared_key() {
        if (has_no_secrets()) {
            out_.diagnostics.push_back({Severity::kWarning,
                                        directory_ + "/secrets",
                                        "",
                                        {1, 1, 0},
                                        secrets_.open_error() == ENOENT
                                            ? "is missing: checks that need the keys are skipped"
                                            : "cannot be read by this user: checks that need the keys are skipped",
                                        ""});
            return;
        }
        for (const NamedSecret& name : secrets_of(appliance_.value)) secrets_.read(name, out_.secrets);
    }

    // Customers were checked against the shared listeners and their keys: all must be unchanged.
    void find_unchanged() {
        const Generation* previous = options_.previous;
        if (previous == nullptr || !appliance_.valid || appliance_.value.listeners != previous->appliance.listeners)
            return;
        for (const NamedSecret& name : secrets_of(appliance_.value)) {
            if (!out_.secrets.same(name.ref, previous->secrets, name.ref)) return;
        }
        for (Entry& entry : entries_) {
            auto accepted = previous->share(entry.id);
            if (accepted != nullptr && is_unchanged(*accepted, entry.file)) entry.unchanged = std::move(accepted);
        }
    }

    [[nodiscard]] bool is_unchanged(const AcceptedCustomer& accepted, const std::string& file) const {
        if (accepted.stamps.empty() || !is_untouched(AT_FDCWD, file, 0, accepted.stamps.front())) return false;
        const std::vector<NamedSecret> names = secrets_of(accepted.customer);
        for (std::size_t i = 0; i < names.size(); ++i) {
            if (!secrets_.untouched(names[i].ref, accepted.stamps[1 + i])) return false;
        }
        return true;
    }

    // Clash diagnostics cite both files, so both must be parsed.
    void parse_those_who_clash() {
        std::vector<const Customer*> all;
        for (const Entry& entry : entries_) all.push_back(&entry.value());
        std::set<std::size_t> clashing;
        for (const Clash& clash : find_clashes(appliance_.value, all)) {
            clashing.insert(clash.second.customer);
            if (clash.first.customer != Clash::kAppliance) clashing.insert(clash.first.customer);
        }
        for (const std::size_t place : clashing) {
            if (entries_[place].unchanged != nullptr) parse(entries_[place]);
        }
    }

    void read_secrets() {
        if (has_no_secrets()) return;
        for (const Entry& entry : entries_) {
            if (entry.unchanged != nullptr) continue;
            for (const NamedSecret& name : secrets_of(entry.value())) secrets_.read(name, out_.secrets);
        }
    }

    void check() {
        std::vector<Parsed<Customer>> fresh;
        for (Entry& entry : entries_) {
            std::move(entry.found.begin(), entry.found.end(), std::back_inserter(out_.diagnostics));
            if (entry.unchanged == nullptr) fresh.push_back(std::move(entry.parsed));
        }
        validate(appliance_, fresh, out_.secrets, out_.diagnostics);
        std::set<std::string> spoken_of;
        for (const Diagnostic& diagnostic : out_.diagnostics) spoken_of.insert(diagnostic.customer);
        auto next = fresh.begin();
        for (Entry& entry : entries_) {
            if (entry.unchanged != nullptr) {
                out_.customers.push_back({{}, true, std::move(entry.file), {}, std::move(entry.unchanged), {}});
                continue;
            }
            Parsed<Customer>& parsed = *next++;
            std::vector<FileStamp> stamps;
            if (parsed.valid && !spoken_of.contains(entry.id) && options_.instead == nullptr)
                stamps = stamps_of(entry.stamp, parsed.value);
            out_.customers.push_back({std::move(parsed.value), parsed.valid, std::move(entry.file), std::move(stamps),
                                      nullptr, std::move(parsed.source.text)});
        }
    }

    // None when one of the files was written just now.
    [[nodiscard]] std::vector<FileStamp> stamps_of(const FileStamp& file, const Customer& customer) const {
        std::vector<FileStamp> stamps{file};
        for (const NamedSecret& name : secrets_of(customer)) stamps.push_back(secrets_.stamp(name.ref));
        const bool settled = std::all_of(stamps.begin(), stamps.end(), [&](const FileStamp& stamp) {
            return stamp.changed < began_ - options_.tick;
        });
        return settled ? stamps : std::vector<FileStamp>();
    }

    const std::string& directory_;
    const LoadOptions& options_;
    SecretReader secrets_;
    std::int64_t began_;
    Parsed<Appliance> appliance_;
    std::vector<Entry> entries_;  // by id
    Loaded out_;
};

}  // namespace

Loaded load(const std::string& directory, const LoadOptions& options) {
    return Loading(directory, options).run();
}

}  // namespace warren::config
