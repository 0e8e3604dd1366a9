#include "ctl/ask/held_stack.h"

#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>
#include <chrono>
#include <thread>

#include "base/kernel_names.h"
#include "ctl/ask/control_client.h"
#include "ctl/ask/netns.h"

namespace warren::ctl {

namespace {

constexpr int kAttempts = 5;
constexpr int kPatience = 30;  // seconds, for a stackd in the middle of an apply

constexpr int kTries = 50;
constexpr std::chrono::milliseconds kPause(20);

// stackd may have parked the customer between the opening and the lock: then the name is gone, or another stack's.
bool is_still_named(const UniqueFd& stack, const std::string& customer) {
    const auto now = open_stack(customer);
    struct stat held {};
    struct stat named {};
    return now && ::fstat(stack.get(), &held) == 0 && ::fstat(now->get(), &named) == 0 && held.st_ino == named.st_ino;
}

}  // namespace

// stackd has it for itself while it removes the stack, which takes milliseconds. Any user may take it for longer; while
// one does, stackd removes nothing, but it may as soon as that one is gone.
Status share_stack(const UniqueFd& stack, const std::string& customer) {
    for (int i = 0; i < kTries; ++i) {
        if (::flock(stack.get(), LOCK_SH | LOCK_NB) == 0) return {};
        if (errno != EWOULDBLOCK) return fail_errno(fmt::format("hold the stack of customer {}", customer), errno);
        std::this_thread::sleep_for(kPause);
    }
    return fail(ErrorCode::kUnavailable,
                fmt::format("another program has the stack of customer {} for itself; lsof {}/{}{} may say which",
                            customer, kNamespaceDirectory, kNamespacePrefix, customer));
}

Result<UniqueFd> hold_stack(const std::string& run_dir, const std::string& customer, bool must_stay) {
    for (int attempt = 0;; ++attempt) {
        auto stack = open_stack(customer);
        if (stack) {
            const Status shared = share_stack(*stack, customer);
            if (!shared && (must_stay || shared.error().code != ErrorCode::kUnavailable))
                return tl::unexpected(shared.error());
            if (is_still_named(*stack, customer)) return stack;
        } else if (stack.error().code != ErrorCode::kNotFound) {
            return stack;
        }
        if (attempt == kAttempts)
            return fail(ErrorCode::kUnavailable, fmt::format("the stack of customer {} comes and goes", customer));
        ipc::ControlRequest request;
        request.verb = ipc::ControlVerb::kWake;
        request.customer = customer;
        const auto done = send_request(
            run_dir, request, [](const ipc::ControlText&) {}, {}, kPatience);
        if (stack) continue;
        if (!done) return stack;  // no stackd: what was missing is still
        if (done->exit_status != 0) return fail(ErrorCode::kNotFound, done->summary);
    }
}

}  // namespace warren::ctl
