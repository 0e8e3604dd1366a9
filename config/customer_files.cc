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

// The names in a directory, sorted; an error when it cannot be read.
Result<std::vector<std::string>> list(const std::string& directory, int flags) {
    UniqueFd opened(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | flags));
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

bool is_directory(const std::string& path) {
    struct stat about {};
    return ::lstat(path.c_str(), &about) == 0 && S_ISDIR(about.st_mode);
}

class Listing {
  public:
    explicit Listing(CustomerFiles& out) : out_(out) {}

    // `prefix`: of the ids, "acme."; "" at the top.
    void add(const std::string& directory, const std::string& prefix, std::size_t level) {
        const auto names = list(directory, level == 1 ? 0 : O_NOFOLLOW);
        if (!names) {
            out_.complete = false;
            return complain(directory, names.error().what +
                                           "; without it the customers to keep are unknown, so nothing is applied");
        }
        for (const std::string& name : *names) {
            if (name.starts_with('.')) continue;  // an editor's leftovers
            const std::string path = fmt::format("{}/{}", directory, name);
            if (name.ends_with(kSuffix)) {
                add_file(path, prefix, name.substr(0, name.size() - kSuffix.size()));
            } else if (is_customer_name(name) && is_directory(path)) {
                if (level == kMostLevels) {
                    complain(path,
                             fmt::format("customers are at most {} levels deep: nothing here is used", kMostLevels));
                } else {
                    add(path, prefix + name + ".", level + 1);
                }
            }
        }
    }

  private:
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

CustomerFiles list_customer_files(const std::string& directory) {
    CustomerFiles out;
    Listing(out).add(directory + "/customers", "", 1);
    std::sort(out.ids.begin(), out.ids.end());
    return out;
}

}  // namespace warren::config
