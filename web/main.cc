// statusd: the server of the status page. stackd starts it and passes a channel, over which everything else arrives.
#include <openssl/ssl.h>

#include <ctime>
#include <utility>

#include "access/secrets.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/process_usage.h"
#include "ipc/channel.h"
#include "ipc/child.h"
#include "web/daemon.h"
#include "web/past/file_system.h"
#include "web/rim/sandbox.h"

namespace {

using namespace warren;

Status serve(ipc::Channel channel, UniqueFd signals) {
    WARREN_TRY(channel.set_non_blocking());
    WARREN_TRY(web::drop_privileges());
    // Load everything that the libraries read from files, before the system calls are restricted.
    WARREN_TRY(access::start_libsodium());
    WARREN_TRY(web::PastFiles::start_sqlite());
    if (OPENSSL_init_ssl(0, nullptr) != 1) return fail(ErrorCode::kFailed, "OpenSSL cannot be initialized");
    ::tzset();
    auto unmatchable = access::unmatchable_password();
    if (!unmatchable) return tl::unexpected<Error>(unmatchable.error());
    web::Daemon daemon(std::move(channel), ProcessUsage::open(), std::move(signals), std::move(*unmatchable));
    WARREN_TRY(web::confine_system_calls());
    daemon.run();
    log(LogLevel::kInfo, "service_stopped");
    return {};
}

}  // namespace

int main(int argc, char** argv) {
    return warren::ipc::child_main("statusd", argc, argv, serve);
}
