// Which system calls a service has no use for.
#pragma once

namespace warren::stacks {

// From here on, for this process and all that it starts, an error answers what a program without capabilities could
// still do beyond its own memory and its stack's network: make a user namespace, in which it would have all
// capabilities, or any other namespace or mount; have memory that no address space shows (memfd_create(), System V's
// shared memory, message queues); use keys, io_uring, BPF or user faults, trace; or make sockets of other families than
// unix, inet, inet6 and netlink: vsock, for one, knows no network namespaces. A call of another architecture ends the
// process. Everything else is allowed. Needs no_new_privs. Calls nothing that allocates, so it may be called between
// clone() and exec(). False, with errno, when it failed. Source: seccomp(2), Linux
// Documentation/userspace-api/seccomp_filter.rst.
[[nodiscard]] bool filter_service_calls();

}  // namespace warren::stacks
