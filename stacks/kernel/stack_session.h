// Puts the calling thread into one stack, with the sockets that it needs there. Between sessions the thread is in the
// uplink.
#pragma once

#include <linux/netlink.h>

#include <optional>
#include <span>
#include <string>
#include <unordered_map>

#include "base/fd.h"
#include "base/result.h"
#include "stacks/kernel/netlink.h"
#include "stacks/kernel/netns.h"
#include "stacks/kernel/sysctl_files.h"
#include "stacks/plan/learned.h"
#include "stacks/plan/observed.h"
#include "stacks/plan/step.h"

namespace warren::stacks {

// What sessions need outside their stack.
struct Uplink {
    UniqueFd home;         // the namespace
    NetlinkSocket socket;  // rtnetlink in it
    SysctlTree sysctls;
};

// Carries out steps in one namespace. At most one exists at a time; its destructor leaves the namespace.
class StackSession {
  public:
    // `uplink` must outlive it.
    StackSession(std::string name, Uplink& uplink) : name_(std::move(name)), uplink_(uplink) {}

    // Enters the namespace of the name; kNotFound when there is none. Every step but CreateNamespace and
    // RemoveNamespace needs it.
    [[nodiscard]] Status enter();
    [[nodiscard]] Status carry_out(const Step& step);

    [[nodiscard]] Result<ObservedStack> observe(std::span<const Sysctl> sysctls);
    [[nodiscard]] Result<std::string> owner();
    // Kernel::learned_routes().
    [[nodiscard]] Result<LearnedRoutes> learned_routes();

    // Returns what CreateTunnel made, once.
    [[nodiscard]] std::vector<UniqueFd> release_tunnel() { return std::move(tunnel_); }

  private:
    friend struct StepRunner;

    [[nodiscard]] Status open_socket();
    [[nodiscard]] const SysctlFiles& sysctls();
    // The index of a device inside the stack.
    [[nodiscard]] Result<std::uint32_t> index_of(const std::string& device);
    void leave();

    std::string name_;
    Uplink& uplink_;
    UniqueFd namespace_;
    std::optional<InNamespace> inside_;
    std::optional<NetlinkSocket> socket_;  // rtnetlink inside
    std::optional<SysctlFiles> sysctls_;   // inside
    std::unordered_map<std::string, std::uint32_t> indexes_;
    std::vector<UniqueFd> tunnel_;
};

// The index of a device in the namespace of the socket; kNotFound when there is none.
[[nodiscard]] Result<std::uint32_t> find_index(NetlinkSocket& socket, const std::string& device);

}  // namespace warren::stacks
