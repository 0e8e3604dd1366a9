// A room of its own for tests that need the kernel.
#pragma once

#include <doctest/doctest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <cstdlib>

namespace warren::stacks {

// Once per process: makes its own uplink namespace and its own /run/netns. False without root.
inline bool enter_room() {
    static const bool entered = [] {
        if (::unshare(CLONE_NEWNET | CLONE_NEWNS) != 0 ||
            ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
            return false;
        ::mkdir("/run/netns", 0755);
        if (::mount("tmpfs", "/run/netns", "tmpfs", 0, "mode=0755") != 0) return false;
        return std::system("ip link set lo up") == 0;
    }();
    if (!entered) MESSAGE("skipped: needs root, to make network namespaces");
    return entered;
}

}  // namespace warren::stacks
