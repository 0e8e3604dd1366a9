#include "base/result.h"

#include <cerrno>
#include <system_error>

namespace warren {

namespace {

ErrorCode code_of(int system_error) {
    switch (system_error) {
        case EINVAL: return ErrorCode::kInvalid;
        case ENOENT:
        case ENODEV:
        case ESRCH:
        case ENXIO: return ErrorCode::kNotFound;
        case EEXIST:
        case EADDRINUSE:
        case EBUSY: return ErrorCode::kConflict;
        case EPERM:
        case EACCES: return ErrorCode::kPermission;
        case EOPNOTSUPP:
        case ENOSYS:
        case EAFNOSUPPORT:
        case EPROTONOSUPPORT: return ErrorCode::kUnsupported;
        case EAGAIN:
        case ECONNREFUSED:
        case EMFILE:
        case ENFILE:
        case ENOBUFS:
        case ENOMEM: return ErrorCode::kUnavailable;
        default: return ErrorCode::kFailed;
    }
}

}  // namespace

tl::unexpected<Error> fail_errno(std::string what, int system_error) {
    what += ": ";
    what += std::generic_category().message(system_error);
    return fail(code_of(system_error), std::move(what), system_error);
}

tl::unexpected<Error> with_context(std::string context, Error error) {
    error.what = std::move(context) + ": " + error.what;
    return tl::unexpected<Error>(std::move(error));
}

}  // namespace warren
