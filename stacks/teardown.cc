#include "stacks/teardown.h"

#include <unistd.h>

#include "stacks/children/vpnd_process.h"
#include "stacks/listeners/uapi_socket.h"
#include "stacks/services/service_table.h"
#include "stacks/stack_keeper.h"

namespace warren::stacks {

namespace {

constexpr Duration kStopPatience = std::chrono::seconds(5);

}  // namespace

Result<std::size_t> take_down(const RunDir& run_dir, Kernel& kernel, std::optional<uid_t> vpnd_user) {
    if (auto left = VpndProcess::find_left(run_dir.path(), vpnd_user)) left->stop(kStopPatience);
    for (const char* name : {"statusd.pid", "alertd.pid"}) {
        if (auto left = VpndProcess::find(run_dir.file(name))) left->stop(kStopPatience);
    }
    ServiceTable services(ServiceTable::usual(run_dir.path()));
    services.follow({}, {});  // adopts what is left
    services.stop(kStopPatience);
    StackKeeper stacks(kernel, run_dir.path());
    const Status finished = stacks.finish_renames();
    const auto customers = stacks.orphans({});
    if (!customers) return tl::unexpected(customers.error());
    WARREN_TRY(stacks.take_down(std::span(*customers)));
    if (const auto home = stacks.return_devices(); !home) return tl::unexpected(home.error());
    for (const std::string& directory : {std::string(kUapiDirectory), run_dir.file("wireguard")}) {
        remove_stale_uapi(directory + "/" + uapi_name("") + ".sock");
        for (const std::string& customer : *customers)
            remove_stale_uapi(directory + "/" + uapi_name(customer) + ".sock");
    }
    for (const char* name : {"control.sock", "snapshot.sock", "adopt.sock", "vpnd.pid", "statusd.pid", "alertd.pid",
                             "alert.sock", "fleet.sock", "groups"})
        ::unlink(run_dir.file(name).c_str());
    ::rmdir(run_dir.file("wireguard").c_str());
    if (!finished) return tl::unexpected(finished.error());
    return customers->size();
}

}  // namespace warren::stacks
