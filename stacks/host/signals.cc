#include "stacks/host/signals.h"

#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>

namespace warren::stacks {

Result<Signals> Signals::open() {
    sigset_t set;
    sigemptyset(&set);
    for (const int number : {SIGHUP, SIGTERM, SIGINT, SIGUSR1}) sigaddset(&set, number);
    if (::sigprocmask(SIG_BLOCK, &set, nullptr) != 0) return fail_errno("block signals", errno);
    ::signal(SIGPIPE, SIG_IGN);
    UniqueFd fd(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!fd.valid()) return fail_errno("signalfd", errno);
    return Signals(std::move(fd));
}

std::optional<SignalRequest> Signals::next() const {
    signalfd_siginfo got{};
    if (::read(fd_.get(), &got, sizeof got) != static_cast<ssize_t>(sizeof got)) return std::nullopt;
    if (got.ssi_signo == SIGHUP) return SignalRequest::kReload;
    return got.ssi_signo == SIGUSR1 ? SignalRequest::kLeave : SignalRequest::kStop;
}

bool Signals::stop_waits() {
    sigset_t pending;
    sigemptyset(&pending);
    ::sigpending(&pending);
    return sigismember(&pending, SIGTERM) == 1 || sigismember(&pending, SIGINT) == 1 ||
           sigismember(&pending, SIGUSR1) == 1;
}

}  // namespace warren::stacks
