// A program that serves one customer, as a process that sees and may do as little as possible.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "stacks/children/vpnd_process.h"
#include "stacks/services/service_table.h"

namespace warren::stacks {

// Where the program finds its configuration.
inline constexpr const char* kServiceFiles = "/etc/service";
// Where its root has the program, under the name that it has elsewhere. AppArmor attaches profiles by paths such as
// /usr/sbin/unbound, and Debian's for that one lets it read no file that is here: a path that no profile names has
// none.
inline constexpr const char* kProgramPlace = "/program";
[[nodiscard]] std::string program_in_root(const std::string& program);

struct Confinement {
    std::vector<std::string> arguments;  // the first is the program, an absolute path below /usr
    ServiceUser user;
    std::string root;                 // an empty directory; its root is made on it, in a mount namespace of its own
    std::string files;                // a directory that the program sees as kServiceFiles
    int stack = -1;                   // the network namespace
    int output = -1;                  // becomes its standard output and error; else it has no descriptor but /dev/null
    int cgroup = -1;                  // a cgroup.procs that it writes itself into; -1: none, and then:
    std::uint64_t address_space = 0;  // bytes, RLIMIT_AS; 0: no such limit
    bool may_route = false;           // CAP_NET_ADMIN, which reaches beyond the stack: docs/threat-model.md
    bool ends_with_us = false;        // it is killed when we end; else it outlives us
};

// Starts it: the user's, in the stack, with namespaces of its own for mounts, processes, IPC and the host's name. Its
// root holds /usr, the program and `files`, all read-only, /dev/null, and a /tmp of 1 MB. It may bind ports below 1024,
// has no other capability but what `may_route` says, gains none, and starts no other process; what else it may not ask
// of the kernel: service_filter.h. It has no key of ours, and the kernel ends it rather than others for memory. Waits
// until it runs, which is a matter of milliseconds. The process is a child of ours. Needs CAP_SYS_ADMIN, CAP_SETUID,
// CAP_SETGID, CAP_SETPCAP and the capabilities that it gets. `note`: before it does anything. Source: namespaces(7),
// pivot_root(2), capabilities(7).
[[nodiscard]] Result<VpndProcess> start_confined(const Confinement& confinement, const NoteProcess& note = {});

}  // namespace warren::stacks
