#include "config/customer_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <string_view>
#include <utility>

#include "base/fd.h"
#include "base/result.h"
#include "config/customer_id.h"

namespace warren::config {

namespace {

constexpr std::string_view kSuffix = ".toml";

Diagnostic file_error(const std::string& file, std::string message) {
    return {Severity::kError, file, "", {1, 1, 0}, std::move(message), ""};
}

// The names in a directory, sorted; an error when it cannot be read. `may_be_gone`: none, if there is no such
// directory.
Result<std::vector<std::string>> list(const std::string& directory, int flags, bool may_be_gone) {
    UniqueFd opened(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | flags));
    if (!opened.valid() && errno == ENOENT && may_be_gone) return std::vector<std::string>();
    if (!opened.valid()) return fail_errno("cannot be read", errno);
    const std::unique_ptr<DIR, int (*)(DIR*)> dir(::fdopendir(opened.get()), &::closedir);
    if (dir == nullptr) return fail_errno("cannot be read", errno);
    (void)opened.release();
    std::vector<std::string> out;
    errno = 0;
    while (const dirent* entry = ::readdir(dir.get())) out.emplace_back(entry->d_name);
    if (errno != 0) return fail_errno("cannot be read", errno);
    std::sort(out.begin(), out.end());
    return out;
}

// Of a name that is no file of a customer's: S_IFDIR, S_IFLNK, ...; 0: it has gone meanwhile.
Result<mode_t> kind_of(const std::string& path) {
    struct stat about {};
    if (::lstat(path.c_str(), &about) != 0 && errno != ENOENT) return fail_errno("cannot be read", errno);
    return about.st_mode & S_IFMT;
}

class Listing {
  public:
    explicit Listing(CustomerFiles& out) : out_(out) {}

    // `prefix`: of the ids, "acme."; "" at the top.
    void add(const std::string& directory, const std::string& prefix, std::size_t level) {
        const auto names = list(directory, level == 1 ? 0 : O_NOFOLLOW, level > 1);
        if (!names) return miss(directory, names.error().what);
        for (const std::string& name : *names) {
            if (name.starts_with('.')) continue;  // an editor's leftovers
            const std::string path = fmt::format("{}/{}", directory, name);
            if (name.ends_with(kSuffix)) {
                add_file(path, prefix, name.substr(0, name.size() - kSuffix.size()));
            } else if (is_customer_name(name)) {
                const bool has_file = std::binary_search(names->begin(), names->end(), name + std::string(kSuffix));
                add_other(path, prefix + name + ".", level, has_file);
            }
        }
    }

  private:
    // A directory, a link or something else. `has_file`: of the customer whose directory it is.
    void add_other(const std::string& path, const std::string& prefix, std::size_t level, bool has_file) {
        const auto kind = kind_of(path);
        if (!kind) return miss(path, kind.error().what);
        if (*kind == S_IFLNK && has_file) return miss(path, "is a symbolic link, which is not followed");
        if (*kind != S_IFDIR) return;
        if (level < kMostLevels) return add(path, prefix, level + 1);
        complain(path, fmt::format("customers are at most {} levels deep: nothing here is used", kMostLevels));
    }
    // There may be customers. Said first.
    void miss(const std::string& path, const std::string& why) {
        out_.complete = false;
        out_.diagnostics.insert(
            out_.diagnostics.begin(),
            file_error(path, why + "; without it the customers to keep are unknown, so nothing is applied"));
    }
    void complain(const std::string& file, std::string message) {
        out_.diagnostics.push_back(file_error(file, std::move(message)));
    }
    void add_file(const std::string& file, const std::string& prefix, const std::string& name) {
        const std::string id = prefix + name;
        if (is_customer_name(name) && is_customer_id(id)) return out_.ids.push_back(id);
        if (is_customer_name(name) && id.size() <= kMaxCustomerId)
            return complain(file, fmt::format("no customer of a reseller can be called \"{}\"", name));
        if (is_customer_name(name))
            return complain(file, fmt::format("the customer's id would be \"{}\"; accepted: at most {} characters", id,
                                              kMaxCustomerId));
        complain(file, fmt::format("the file's name is the customer's id, and \"{}\" is none; accepted: a lower-case "
                                   "letter, then up to {} of a-z, 0-9 and \"-\"",
                                   name, kMaxCustomerId - 1));
    }

    CustomerFiles& out_;
};

}  // namespace

std::vector<std::string> with_resellers(const std::vector<std::string>& ids) {
    std::vector<std::string> out;
    for (const std::string& id : ids) {  // a reseller comes before its customers
        const std::string_view reseller = reseller_of(id);
        if (reseller.empty() || std::binary_search(out.begin(), out.end(), reseller)) out.push_back(id);
    }
    return out;
}

CustomerFiles list_customer_files(const std::string& directory) {
    CustomerFiles out;
    Listing(out).add(directory + "/customers", "", 1);
    std::sort(out.ids.begin(), out.ids.end());
    return out;
}

}  // namespace warren::config
