// Control groups of customers (cgroup v2): the programs in a customer's stack run in one, so that what they spend is
// counted and a busy customer's programs leave the others theirs. One is made when the first program needs it, because
// a customer without programs shall cost nothing. Called by the rim only.
//
//   /sys/fs/cgroup/warren.slice/customer-ID     cpu.weight follows traffic.share
//                               customer-ID/exec        what vpnctl runs there
//                               customer-ID/NAME        a service
//
// Source: Linux Documentation/admin-guide/cgroup-v2.rst.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/renames.h"
#include "base/result.h"

namespace warren {

// The leaf of programs that an operator runs.
inline constexpr const char* kOperatorsGroup = "exec";

// cpu.weight for a traffic.share of 1..100.
[[nodiscard]] constexpr std::uint32_t weight_of(std::uint32_t share) {
    return share * 100;  // cpu.weight is 1..10000, 100 by default
}

// All customers' groups below one directory.
class CustomerGroups {
  public:
    explicit CustomerGroups(std::string root) : root_(std::move(root)) {}
    // Those of this machine, below /sys/fs/cgroup or /sys/fs/cgroup/unified. kUnsupported: no hierarchy of version 2 is
    // mounted there.
    [[nodiscard]] static Result<CustomerGroups> open();

    // The group's directory, whether it exists or not.
    [[nodiscard]] std::string path(const std::string& customer) const;

    // Makes the customer's group with the leaf that a program is to run in, if they are missing, and has the weight
    // follow `share`. Returns the leaf. A kernel whose version 2 has no processor controller counts and shares nothing:
    // that is no error here (Usage::weight says so). kPermission, kUnavailable: the hierarchy cannot be written.
    [[nodiscard]] Result<std::string> make(const std::string& customer, std::uint32_t share,
                                           const std::string& leaf) const;
    // Whether leaves can be limited. kUnsupported, saying why: memory and pids are not to be had below this hierarchy.
    [[nodiscard]] Status can_limit() const;
    struct Limits {
        std::uint64_t memory = 0;     // bytes, without any swap
        std::uint32_t processes = 0;  // threads count
    };
    // Of all processes of a leaf that make() returned.
    [[nodiscard]] static Status limit(const std::string& leaf, const Limits& limits);
    // Moves the calling process into a leaf that make() returned. What it starts from then on is there too.
    [[nodiscard]] static Status enter(const std::string& leaf);

    struct Usage {
        std::uint64_t cpu_nanoseconds = 0;    // of all programs that ever ran in it, ended ones too
        std::optional<std::uint64_t> memory;  // bytes, the kernel's for them included; nothing: not counted here
        std::optional<std::uint32_t> weight;  // nothing: this machine does not share processor time by groups
    };
    // Nothing: the customer has no group.
    [[nodiscard]] std::optional<Usage> usage(const std::string& customer) const;

    // Makes the weight of every group that there is follow `share_of`; a group of a customer without a share is removed
    // once it is empty and `is_gone` says so: it may be another instance's. Best effort: the next call tries again.
    void tend(const std::function<std::optional<std::uint32_t>(const std::string& customer)>& share_of,
              const std::function<bool(const std::string& customer)>& is_gone) const;
    // The programs of customers that get other ids move to their new groups. The weights follow with tend().
    void rename(const std::vector<Rename>& renames) const;
    // Removes the customer's group if it is empty.
    void remove(const std::string& customer) const;
    // Removes one leaf if it is empty. What was spent in it stays counted.
    void remove_leaf(const std::string& customer, const std::string& leaf) const;

    // The customers that have a group.
    [[nodiscard]] std::vector<std::string> customers() const;

  private:
    [[nodiscard]] std::vector<std::string> leaves(const std::string& customer) const;

    std::string root_;
};

}  // namespace warren
