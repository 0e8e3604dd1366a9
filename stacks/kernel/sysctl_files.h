// Reads and writes kernel parameters of network namespaces.
#pragma once

#include <set>
#include <string>

#include "base/fd.h"
#include "base/result.h"
#include "stacks/plan/sysctls.h"

namespace warren::stacks {

// The parameters of one namespace. Valid for the thread that made it while it is in that namespace.
class SysctlFiles {
  public:
    // An optional one that this kernel does not have, or whose value it refuses, is no failure.
    [[nodiscard]] Status write(const Sysctl& sysctl) const;
    // The value without its newline; kNotFound when this kernel or namespace has no such parameter. One whose value was
    // refused is as one that it does not have: there is nothing to mend.
    [[nodiscard]] Result<std::string> read(const std::string& path) const;

  private:
    friend class SysctlTree;
    [[nodiscard]] UniqueFd open(const std::string& path, int flags) const;

    UniqueFd ipv4_;  // the directories /proc/sys/net/ipv4 and ipv6, as this namespace has them
    UniqueFd ipv6_;
    std::set<std::string>* refused_ = nullptr;  // the tree's
};

// Where the files are. In one procfs instance the directories of all namespaces share a name, and so one chain of the
// kernel's dentry cache, which every lookup walks: with a thousand stacks, lookups dominate the cost. So this is a
// procfs instance of our own, replaced from time to time.
class SysctlTree {
  public:
    // Those of the namespace that the calling thread is in. A failed open is reported on use. Must not outlive this.
    [[nodiscard]] SysctlFiles here();

  private:
    UniqueFd root_;
    unsigned visits_ = 0;
    std::set<std::string> refused_;  // paths of optional ones, in all namespaces alike
};

}  // namespace warren::stacks
