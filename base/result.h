// What a fallible call returns. A bad packet is a DropReason, a bad peer, file or kernel call is an Error,
// a mistake of ours is a failed WARREN_CHECK (base/check.h).
#pragma once

#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace warren {

enum class ErrorCode {
    kInvalid,      // the input breaks a rule
    kNotFound,     // no such customer, peer, file, device
    kConflict,     // in use, exists already, belongs to another owner
    kPermission,   // not root, not allowed
    kUnsupported,  // this kernel or machine lacks it
    kUnavailable,  // a daemon cannot be reached, a resource is used up, try again
    kFailed,       // everything else; `system_error` says more when it is not 0
};

// One line for a person: `what` reads from the outside in ("customer acme: stack: create tun device: ...").
struct Error {
    ErrorCode code = ErrorCode::kFailed;
    std::string what;
    int system_error = 0;  // errno of the call that failed, 0 when there was none
};

template <typename T>
using Result = tl::expected<T, Error>;
using Status = Result<void>;

[[nodiscard]] inline tl::unexpected<Error> fail(ErrorCode code, std::string what, int system_error = 0) {
    return tl::unexpected<Error>(Error{code, std::move(what), system_error});
}

// An Error from errno: "what: text of errno". The code follows from the errno.
[[nodiscard]] tl::unexpected<Error> fail_errno(std::string what, int system_error);

// The same error with "context: " in front.
[[nodiscard]] tl::unexpected<Error> with_context(std::string context, Error error);

}  // namespace warren

// Returns from the enclosing function with the error of a Status or Result expression, if it is one.
#define WARREN_TRY(expression)                                                            \
    do {                                                                                  \
        if (auto warren_try_result = (expression); !warren_try_result)                    \
            return tl::unexpected<::warren::Error>(std::move(warren_try_result).error()); \
    } while (false)
