// Which system calls a process may still make: any other one kills it. Source: seccomp(2), libseccomp.
#pragma once

#include <memory>
#include <span>

#include "base/result.h"

namespace warren {

struct SocketOption {
    int level;
    int option;
};

// Allows from the start what every daemon's loop needs: to read, write, receive, send and wait on open descriptors, to
// accept connections, to read clocks and random numbers, to map memory that is not executable, and to exit, also by
// abort(), which signals a thread of this very process and no other: do not fork between here and install(). One use:
// add what else is needed, then install(). An error is kept until then.
class SystemCallFilter {
  public:
    SystemCallFilter();

    // Calls with any arguments, as SCMP_SYS(name) of seccomp.h.
    void allow(std::span<const int> calls);
    // fcntl() with these commands; F_GETFL, F_SETFL and F_DUPFD_CLOEXEC are always allowed.
    void allow_fcntls(std::span<const int> commands);
    // ioctl() with these requests, of which the kernel reads 32 bits.
    void allow_ioctls(std::span<const unsigned long> requests);
    // socket() or socketpair(), as SCMP_SYS(name), of these families.
    void allow_families(int call, std::span<const int> families);
    // The call fails with EAFNOSUPPORT for this family, which libraries ask for and do without.
    void refuse_family(int call, int family);
    // setsockopt() with these options.
    void allow_socket_options(std::span<const SocketOption> options);

    // Confines all threads of the process, for good.
    [[nodiscard]] Status install();

  private:
    struct Release {
        void operator()(void* filter) const;
    };
    void check(int code);

    std::unique_ptr<void, Release> filter_;
    Status status_;
};

}  // namespace warren
