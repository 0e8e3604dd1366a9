// Runs a program in a customer's stack as an ordinary user.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace warren::ctl {

struct ProgramUser {
    uid_t user = 0;
    gid_t group = 0;
    std::string name;
    std::string home;
};
// By name or number. kNotFound: there is none.
[[nodiscard]] Result<ProgramUser> find_user(const std::string& name);
// Who ran us by sudo(8), else nobody: never root.
[[nodiscard]] std::string usual_user();

// Where a path leads in the end, whether there is a file or not: a link whose target is missing has a place for it.
[[nodiscard]] std::filesystem::path end_of_links(const std::filesystem::path& path);

struct Confinement {
    ProgramUser user;         // not root
    std::string resolv_conf;  // the texts of these files, unless /etc/netns/warren-ID has one
    std::string hosts;
    std::string group;  // a control group's leaf that exists; "": none
};

// Runs `program` (found by PATH) in the stack until it ends, with our standard streams and our terminal, and returns
// its exit status, 128 and the signal's number when a signal ended it. Signals to us go on to it.
//
// The program has the network of the stack and its own view of the rest: no process but its own (a PID namespace), no
// /run (where the names of all stacks and the sockets of daemons are; nothing but our resolver files is there), none of
// /etc/netns, /sys with the stack's devices, its own System V IPC. It has no capability, cannot get one, and of groups
// only the user's own. Needs root and a process of one thread. The calling process stays outside, but what it starts
// afterwards would be in a PID namespace that has ended.
[[nodiscard]] Result<int> run_confined(const std::string& customer, const std::vector<std::string>& program,
                                       const Confinement& confinement);

}  // namespace warren::ctl
