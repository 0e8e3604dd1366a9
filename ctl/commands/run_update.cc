// update: the firmware image's two slots. Calls the image's own program, /usr/lib/warren/update, which a package does
// not have.
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <ostream>
#include <string>
#include <vector>

#include "base/result.h"
#include "ctl/runners.h"

namespace warren::ctl {

namespace {

constexpr const char* kUpdater = "/usr/lib/warren/update";

// What is wrong with the arguments of "update", "" for nothing.
std::string misuse_of(const Invocation& invocation) {
    const std::string& verb = invocation.arguments[0];
    const bool has_file = invocation.arguments.size() > 1;
    if (verb == "install") return has_file ? "" : "update install needs the bundle's FILE";
    if (verb != "status" && verb != "rollback" && verb != "mark-good")
        return "update {install|status|rollback|mark-good}";
    return has_file ? fmt::format("update {} takes no FILE", verb) : "";
}

}  // namespace

int run_update(const Invocation& invocation, Output& output) {
    if (const std::string misuse = misuse_of(invocation); !misuse.empty()) return complain(output, kUsage, misuse);
    if (::access(kUpdater, X_OK) != 0)
        return complain(output, kFailed,
                        "this is not the firmware image: it has no slots; a package is updated with apt");
    if (::geteuid() != 0) return complain(output, kFailed, "not allowed to see the slots; run this as root");
    std::vector<std::string> words{kUpdater};
    words.insert(words.end(), invocation.arguments.begin(), invocation.arguments.end());
    if (invocation.json && invocation.arguments[0] == "status") words.emplace_back("--json");
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    output.out << std::flush;
    ::execv(kUpdater, arguments.data());
    return complain(output, kFailed, fail_errno(kUpdater, errno).value().what);
}

}  // namespace warren::ctl
