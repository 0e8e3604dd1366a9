#include <unistd.h>

#include "base/kernel_names.h"
#include "stacks/kernel/netns.h"
#include "stacks/services/confine.h"
#include "stacks/services/launched.h"
#include "stacks/services/service_table.h"

namespace warren::stacks {

namespace {

// As Debian's packages have them.
std::string find_installed(const std::string& name) {
    for (const char* directory : {"/usr/sbin/", "/usr/bin/"}) {
        if (::access((directory + name).c_str(), X_OK) == 0) return directory + name;
    }
    return "";
}

Result<ServiceUser> user_for(const std::string& program) {
    for (const std::string& name : {std::string("warren-service"), program}) {
        auto user = find_user(name);
        if (user) return user;
    }
    return fail(ErrorCode::kNotFound, "there is neither a user warren-service nor a user " + program +
                                          " for it to run as; one is made with: adduser --system --group "
                                          "warren-service");
}

}  // namespace

ServiceTable::Options ServiceTable::usual(std::string run_dir, const std::string& launcher,
                                          std::function<bool()> must_stop) {
    Options options;
    options.run_dir = std::move(run_dir);
    options.launcher_has_limits = !launcher.empty();
    options.start = [launcher, must_stop](const Confinement& confinement,
                                          const NoteProcess& note) -> Result<StartedService> {
        if (!launcher.empty()) return start_launched(launcher, confinement, note, must_stop);
        auto process = start_confined(confinement, note);
        if (!process) return tl::unexpected(process.error());
        return StartedService{std::move(*process), {}};
    };
    options.find_program = find_installed;
    options.find_user = user_for;
    options.stack_of = [](const std::string& customer) -> std::optional<std::uint64_t> {
        const auto number = namespace_number(kNamespacePrefix + customer);
        if (!number) return std::nullopt;
        return *number;
    };
    options.open_stack = [](const std::string& customer) { return open_namespace(kNamespacePrefix + customer); };
    options.open_groups = CustomerGroups::open;
    return options;
}

}  // namespace warren::stacks
