// The calling thread inside one stack, with what it needs there. Between sessions it is in the uplink.
#pragma once

#include <linux/netlink.h>

#include <optional>
#include <span>
#include <string>
#include <unordered_map>

#include "base/fd.h"
#include "base/result.h"
#include "stacks/netlink.h"
#include "stacks/netns.h"
#include "stacks/observed.h"
#include "stacks/step.h"

namespace warren::stacks {

// Carries out steps in one namespace. At most one exists at a time; it leaves the namespace at its end.
class StackSession {
  public:
    // `uplink` and `uplink_socket` must outlive it.
    StackSession(std::string name, int uplink, NetlinkSocket& uplink_socket)
        : name_(std::move(name)), uplink_(uplink), uplink_socket_(uplink_socket) {}

    // Enters the namespace of the name; kNotFound when there is none. Every step but CreateNamespace and RemoveNamespace needs it.
    [[nodiscard]] Status enter();
    [[nodiscard]] Status carry_out(const Step& step);

    [[nodiscard]] Result<ObservedStack> observe(std::span<const Sysctl> sysctls);
    [[nodiscard]] Result<std::string> owner();

    // What CreateTunnel made, once.
    [[nodiscard]] UniqueFd take_tunnel() { return std::move(tunnel_); }

  private:
    friend struct StepRunner;

    [[nodiscard]] Status open_socket();
    // The index of a device inside the stack.
    [[nodiscard]] Result<std::uint32_t> index_of(const std::string& device);
    void leave();

    std::string name_;
    int uplink_;
    NetlinkSocket& uplink_socket_;
    UniqueFd namespace_;
    std::optional<InNamespace> inside_;
    std::optional<NetlinkSocket> socket_;  // rtnetlink inside
    std::unordered_map<std::string, std::uint32_t> indexes_;
    UniqueFd tunnel_;
};

// The index of a device in the namespace of the socket; kNotFound when there is none.
[[nodiscard]] Result<std::uint32_t> find_index(NetlinkSocket& socket, const std::string& device);

}  // namespace warren::stacks
