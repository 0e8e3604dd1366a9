// Notices what somebody else changes in the stacks: the kernel's notifications from all their namespaces, on two
// sockets. Source: netlink(7), NETLINK_LISTEN_ALL_NSID.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "stacks/kernel/netlink.h"

namespace warren::stacks {

struct StackChanges {
    std::set<std::string> names;    // namespaces in which something changed
    std::set<std::string> learned;  // namespaces in which BIRD changed a route
    bool lost = false;              // notifications were lost: anything may have changed
};

// One thread, in the namespace of the uplink.
class StackEvents {
  public:
    // Needs CAP_NET_BROADCAST, once: call it before privileges are dropped.
    [[nodiscard]] static Result<StackEvents> open();

    // Watches the namespace of this name, also if an earlier one had it.
    [[nodiscard]] Status watch(const std::string& name);
    void forget(const std::string& name);

    // Readable when take() has something.
    [[nodiscard]] int fd() const { return either_.get(); }
    [[nodiscard]] StackChanges take();

  private:
    StackEvents(NetlinkSocket requests, UniqueFd route, UniqueFd firewall, UniqueFd either);
    void read(int socket, StackChanges& changes);

    NetlinkSocket requests_;
    UniqueFd route_;
    UniqueFd firewall_;
    UniqueFd either_;                              // epoll
    std::map<std::int32_t, std::string> names_;    // by the kernel's number of a namespace
    std::map<std::string, std::int32_t> numbers_;  // the reverse
    std::vector<std::uint8_t> buffer_;
};

// Whether a notification says that something of ours may have changed: a device, an address, a route of ours, the
// firewall. PURE.
[[nodiscard]] bool is_change(Bytes messages);
// That a route of BIRD may have changed. PURE.
[[nodiscard]] bool is_learned_change(Bytes messages);

}  // namespace warren::stacks
