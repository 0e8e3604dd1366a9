// The steps of a plan: each is one change of the kernel's state, can be printed, and can be repeated after a crash.
// PURE.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "stacks/plan/desired.h"
#include "stacks/plan/observed.h"

namespace warren::stacks {

// Makes the namespace, marks it as ours and then names it, so that a crash never leaves a stack without an owner.
struct CreateNamespace {
    std::string owner;
    bool operator==(const CreateNamespace&) const = default;
};
// Removes the name; the namespace itself is destroyed with its last descriptor.
struct RemoveNamespace {
    bool operator==(const RemoveNamespace&) const = default;
};
// One more name of the namespace, which no other has.
struct GiveName {
    std::string name;
    bool operator==(const GiveName&) const = default;
};
// Removes the name; the namespace has another one.
struct DropName {
    bool operator==(const DropName&) const = default;
};
// Marks the namespace as another customer's.
struct SetOwner {
    std::string owner;
    bool operator==(const SetOwner&) const = default;
};
struct SetSysctls {
    std::vector<Sysctl> sysctls;
    bool operator==(const SetSysctls&) const = default;
};
// Replaces our tables, in one transaction.
struct SetFirewall {
    Firewall firewall;
    bool replaces = false;              // a table exists
    bool keeps_customer_chain = false;  // it has the customer's chain, which stays as it is
    ObservedPolicy present;             // what it has of a policy: counters go on
    bool operator==(const SetFirewall&) const = default;
};
// Lists of the policy get other members, in one transaction; no rule is touched.
struct SetMembers {
    std::vector<KeyList> lists;
    bool operator==(const SetMembers&) const = default;
};
// A persistent TUN device with this many queues.
struct CreateTunnel {
    std::uint16_t queues = 1;
    bool operator==(const CreateTunnel&) const = default;
};
// For a device with another number of queues, which cannot be changed.
struct RemoveTunnel {
    bool operator==(const RemoveTunnel&) const = default;
};
// The root queueing discipline `noqueue`: it must be there before the device comes up, or the default one allocates its
// rings.
struct SetNoQueue {
    std::string device;
    bool operator==(const SetNoQueue&) const = default;
};
struct SetQueueLength {
    std::string device;
    std::uint32_t packets;
    bool operator==(const SetQueueLength&) const = default;
};
struct SetMtu {
    std::string device;
    std::uint32_t mtu;
    bool operator==(const SetMtu&) const = default;
};
struct SetUp {
    std::string device;
    bool up;
    bool operator==(const SetUp&) const = default;
};
struct AddAddress {
    std::string device;
    Prefix prefix;
    bool operator==(const AddAddress&) const = default;
};
// Already removed counts as success, as with RemoveRoute: an earlier step may have removed it too.
struct RemoveAddress {
    std::string device;
    Prefix prefix;
    bool operator==(const RemoveAddress&) const = default;
};
// Adds the route or replaces the one of the same prefix and metric.
struct PutRoute {
    Route route;
    bool operator==(const PutRoute&) const = default;
};
struct RemoveRoute {
    Route route;
    bool operator==(const RemoveRoute&) const = default;
};
// Makes lan0, or moves it in from the uplink where it is called `source` (macvlan and vlan: the parent).
struct CreateHandoff {
    Handoff handoff;
    std::string source;
    std::string owner;  // the alias of a veth's far end
    bool operator==(const CreateHandoff&) const = default;
};
// lan0, or an unfinished one that a killed stackd left.
struct RemoveHandoff {
    std::string device = kHandoffDevice;
    bool operator==(const RemoveHandoff&) const = default;
};
// Returns lan0, or a device that an operator moved in, to the uplink under its own name.
struct ReturnHandoff {
    std::string home;
    std::string device = kHandoffDevice;
    bool operator==(const ReturnHandoff&) const = default;
};
// In the uplink: makes the far end of a veth a port of a bridge ("": of none).
struct SetBridge {
    std::string device;
    std::string bridge;
    bool operator==(const SetBridge&) const = default;
};
struct SetUplinkUp {
    std::string device;
    bool operator==(const SetUplinkUp&) const = default;
};
// In the uplink: the far end of a veth whose stack was removed by somebody else.
struct RemoveUplink {
    std::string device;
    bool operator==(const RemoveUplink&) const = default;
};
// In the uplink: restores the name of a device that returned under another one.
struct RenameUplink {
    std::string device;
    std::string name;
    bool operator==(const RenameUplink&) const = default;
};
// In the uplink: another name and owner for the far end of a veth. A port of a bridge stays one.
struct RenameOuter {
    std::string device;
    std::string name;
    std::string owner;
    bool operator==(const RenameOuter&) const = default;
};

using Step = std::variant<CreateNamespace, RemoveNamespace, GiveName, DropName, SetOwner, SetSysctls, SetFirewall,
                          SetMembers, CreateTunnel, RemoveTunnel, SetNoQueue, SetQueueLength, SetMtu, SetUp, AddAddress,
                          RemoveAddress, PutRoute, RemoveRoute, CreateHandoff, RemoveHandoff, ReturnHandoff, SetBridge,
                          SetUplinkUp, RemoveUplink, RenameUplink, RenameOuter>;

// One line for a person.
[[nodiscard]] std::string describe(const Step& step);
// The same of each, in their order; of routes that are put and of those that are removed the first kShownRoutes each,
// then how many more there are.
inline constexpr std::size_t kShownRoutes = 100;
[[nodiscard]] std::vector<std::string> describe(const std::vector<Step>& steps);

}  // namespace warren::stacks
