// alertd: tells people what needs them. stackd starts it and passes a channel, over which everything else arrives.
#include <unistd.h>

#include <utility>

#include "alerts/daemon.h"
#include "alerts/rim/courier.h"
#include "alerts/rim/sandbox.h"
#include "base/fd.h"
#include "base/log.h"
#include "ipc/channel.h"
#include "ipc/child.h"

namespace {

using namespace warren;

Status serve(ipc::Channel channel, UniqueFd signals) {
    WARREN_TRY(channel.set_non_blocking());
    WARREN_TRY(alerts::drop_privileges());
    if (const Status files = alerts::confine_files(); !files)
        log(LogLevel::kWarn, "files_not_confined", {{"reason", files.error().what}});
    alerts::Courier courier;
    WARREN_TRY(courier.start());
    alerts::Daemon daemon(std::move(channel), std::move(signals), courier);
    WARREN_TRY(alerts::confine_system_calls());
    daemon.run();
    log(LogLevel::kInfo, "service_stopped");
    flush_log();
    // A thread may wait for a receiver that does not answer.
    ::_exit(0);
}

}  // namespace

int main(int argc, char** argv) {
    return warren::ipc::child_main("alertd", argc, argv, serve);
}
