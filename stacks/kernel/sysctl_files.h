// Reads and writes kernel parameters of network namespaces.
#pragma once

#include <string>

#include "base/fd.h"
#include "base/result.h"
#include "stacks/plan/sysctls.h"

namespace warren::stacks {

// The parameters of one namespace. Valid for the thread that made it while it is in that namespace.
class SysctlFiles {
  public:
    [[nodiscard]] Status write(const Sysctl& sysctl) const;
    // Without its newline; kNotFound when this kernel, or this namespace, has no such parameter.
    [[nodiscard]] Result<std::string> read(const std::string& path) const;

  private:
    friend class SysctlTree;
    [[nodiscard]] UniqueFd open(const std::string& path, int flags) const;

    UniqueFd ipv4_;  // the directories /proc/sys/net/ipv4 and ipv6, as this namespace has them
    UniqueFd ipv6_;
};

// Where the files are. In one instance of procfs the directories of all namespaces share a name, and thus a chain of
// the kernel's name cache, which every lookup walks: with a thousand stacks each lookup costs more than all else. So
// this is an instance of our own, replaced now and then.
class SysctlTree {
  public:
    // Those of the namespace that the calling thread is in. What cannot be opened shows when it is used.
    [[nodiscard]] SysctlFiles here();

  private:
    UniqueFd root_;
    unsigned visits_ = 0;
};

}  // namespace warren::stacks
