#include "config/load.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <system_error>

#include "base/fd.h"
#include "base/result.h"
#include "config/parse.h"
#include "config/validate.h"
#include "crypto/secret.h"

namespace warren::config {

namespace {

constexpr std::size_t kMaxSecretFile = 4096;

std::string text_of(int system_error) {
    return std::generic_category().message(system_error);
}

Diagnostic file_error(const std::string& file, const std::string& customer, std::string message) {
    return {Severity::kError, file, customer, {1, 1, 0}, std::move(message), ""};
}

// The whole file, which must be a regular one of at most `limit` bytes. `fd` may be invalid: then errno says why.
Result<std::string> read_all(const UniqueFd& fd, std::size_t limit) {
    if (!fd.valid()) return fail_errno("cannot be opened", errno);
    struct stat status {};
    if (::fstat(fd.get(), &status) != 0) return fail_errno("cannot be examined", errno);
    if (!S_ISREG(status.st_mode)) return fail(ErrorCode::kInvalid, "is no regular file");
    if (static_cast<std::size_t>(status.st_size) > limit) {
        return fail(ErrorCode::kInvalid, fmt::format("has {} bytes; accepted: up to {}", status.st_size, limit));
    }
    // One byte more than there should be, so that growing meanwhile is seen and never reallocates what may be a key.
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

    [[nodiscard]] bool absent() const { return open_error_ == ENOENT; }

    void read(const SecretRef& ref, bool is_private_key, Secrets& to) const {
        if (!is_secret_name(ref.name) || to.find(ref) != nullptr || to.problem(ref) != nullptr) return;
        const std::string_view command = is_private_key ? "wg genkey" : "wg genpsk";
        const UniqueFd fd = open(ref.name);
        if (!fd.valid()) return to.put_problem(ref, describe(ref, open_problem(errno, command)));
        if (const std::string problem = access_problem(fd); !problem.empty()) return to.put_problem(ref, describe(ref, problem));
        auto text = read_all(fd, kMaxSecretFile);
        if (!text) return to.put_problem(ref, describe(ref, text.error().what));
        auto secret = parse_secret_text(*text);
        wipe(*text);
        if (!secret)
            return to.put_problem(
                ref, describe(ref, fmt::format("holds no key; accepted: 44 characters of base64, as `{}` prints them", command)));
        if (secret->is_zero())
            return to.put_problem(ref, describe(ref, fmt::format("holds the all-zero key; make one with `{}`", command)));
        to.put(ref, std::move(*secret));
    }

  private:
    [[nodiscard]] std::string describe(const SecretRef& ref, std::string_view problem) const {
        return fmt::format("{}/{} {}", directory_, ref.name, problem);
    }

    [[nodiscard]] static std::string open_problem(int system_error, std::string_view command) {
        if (system_error == ENOENT) return fmt::format("is missing; make it: (umask 077; {} > FILE)", command);
        if (system_error == ELOOP || system_error == ENOTDIR) return "is or goes through a symbolic link or a file, which is not followed";
        return fmt::format("cannot be opened: {}", text_of(system_error));
    }

    // Step by step, so that no part of the name is a symbolic link. O_NONBLOCK: a FIFO must not hold us up.
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
            return fmt::format("belongs to user {}; accepted: root or the user that runs this (chown root)", status.st_uid);
        }
        return {};
    }

    std::string directory_;
    UniqueFd root_;
    int open_error_ = 0;
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

Parsed<Appliance> load_appliance(const std::string& directory, std::vector<Diagnostic>& out) {
    const std::string file = directory + "/warren.toml";
    auto text = read_all(UniqueFd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)), kMaxDocumentSize);
    if (text) return parse_appliance(file, std::move(*text), out);
    out.push_back(file_error(file, "", text.error().what));
    Parsed<Appliance> unread;
    unread.source.file = file;
    return unread;
}

Parsed<Customer> load_customer(const std::string& file, const std::string& id, std::vector<Diagnostic>& out) {
    auto text = read_all(UniqueFd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)), kMaxDocumentSize);
    if (text) return parse_customer(file, id, std::move(*text), out);
    out.push_back(file_error(file, id, text.error().what));
    Parsed<Customer> unread;
    unread.value.id = id;
    unread.source.file = file;
    unread.source.customer = id;
    return unread;
}

// False when the directory cannot be listed.
bool load_customers(const std::string& directory, std::vector<Parsed<Customer>>& customers, std::vector<Diagnostic>& out) {
    constexpr std::string_view kSuffix = ".toml";
    const auto names = list(directory);
    if (!names) {
        out.push_back(
            file_error(directory, "", names.error().what + "; without it nobody knows which customers to keep, so nothing is applied"));
        return false;
    }
    for (const std::string& name : *names) {
        if (!name.ends_with(kSuffix) || name.starts_with('.')) continue;  // an editor's leftovers
        const std::string file = fmt::format("{}/{}", directory, name);
        const std::string id = name.substr(0, name.size() - kSuffix.size());
        if (!is_customer_id(id)) {
            out.push_back(file_error(file, "",
                                     fmt::format("the file's name is the customer's id, and \"{}\" is none; accepted: a lower-case letter, "
                                                 "then up to {} of a-z, 0-9 and \"-\"",
                                                 id, kMaxCustomerId - 1)));
            continue;
        }
        customers.push_back(load_customer(file, id, out));
    }
    return true;
}

void load_secrets(const std::string& directory, const LoadOptions& options, const Appliance& appliance,
                  const std::vector<Parsed<Customer>>& customers, Secrets& to, std::vector<Diagnostic>& out) {
    const SecretReader reader(directory);
    if (reader.absent() && options.secrets_may_be_absent) {
        out.push_back({Severity::kWarning, directory, "", {1, 1, 0}, "is not here: what needs the keys is not checked", ""});
        return;
    }
    if (appliance.wireguard) reader.read(appliance.wireguard->private_key, true, to);
    for (const Parsed<Customer>& customer : customers) {
        if (customer.value.listener) reader.read(customer.value.listener->private_key, true, to);
        for (const Peer& peer : customer.value.peers) {
            if (peer.preshared_key) reader.read(*peer.preshared_key, false, to);
        }
    }
}

}  // namespace

Loaded load(const std::string& directory, const LoadOptions& options) {
    Loaded out;
    Parsed<Appliance> appliance = load_appliance(directory, out.diagnostics);
    std::vector<Parsed<Customer>> customers;
    if (!load_customers(directory + "/customers", customers, out.diagnostics)) appliance.valid = false;
    load_secrets(directory + "/secrets", options, appliance.value, customers, out.secrets, out.diagnostics);
    validate(appliance, customers, out.secrets, out.diagnostics);

    out.appliance = std::move(appliance.value);
    out.appliance_valid = appliance.valid;
    std::sort(customers.begin(), customers.end(), [](const auto& a, const auto& b) { return a.value.id < b.value.id; });
    for (Parsed<Customer>& customer : customers) {
        out.customers.push_back({std::move(customer.value), customer.valid, std::move(customer.source.file)});
    }
    sort(out.diagnostics);
    return out;
}

}  // namespace warren::config
