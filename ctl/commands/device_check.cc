#include "ctl/commands/device_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "stacks/plan/desired.h"

namespace warren::ctl {

namespace {

constexpr std::array<std::string_view, 3> kPairs{"veth", "netkit", "vxcan"};  // their link is the other end

bool is_link_local(const Prefix& prefix) {
    const auto& bytes = prefix.address.bytes();
    return !prefix.address.is_v4() && bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80;  // fe80::/10, RFC 4291 §2.5.6
}

std::string name_of(std::uint32_t index, const std::vector<StackDevice>& devices) {
    const auto found =
        std::find_if(devices.begin(), devices.end(), [index](const auto& each) { return each.index == index; });
    return found == devices.end() ? fmt::format("device {}", index) : found->name;
}

}  // namespace

std::string why_kept(const StackDevice& device, const UplinkUse& uplink) {
    if (stacks::run_dir_of(device.alias))
        return fmt::format("{} is the outer end of a customer's handoff, which Warren made", device.name);
    for (const HandoffParent& each : uplink.parents) {
        if (each.device == device.name)
            return fmt::format("{} is handoff.parent of the customer {}; remove that from its file first", device.name,
                               each.customer);
    }
    return "";
}

std::string what_is_lost(const StackDevice& device, const UplinkUse& uplink) {
    for (const Prefix& each : device.addresses) {
        if (!is_link_local(each))
            return fmt::format("has the address {}", to_string(each));  // those come by themselves
    }
    if (device.master != 0) return fmt::format("is a port of {}", name_of(device.master, uplink.devices));
    for (const StackDevice& each : uplink.devices) {
        const bool is_pair = std::find(kPairs.begin(), kPairs.end(), each.kind) != kPairs.end();
        if (each.master == device.index) return fmt::format("has the port {}", each.name);
        if (each.link == device.index && each.index != device.index && !is_pair)
            return fmt::format("carries {}", each.name);
    }
    for (const StackRoute& each : uplink.routes) {
        const bool leaves_here = each.interface_index == device.index ||
                                 std::find(each.hops.begin(), each.hops.end(), device.index) != each.hops.end();
        if (leaves_here && each.protocol != "kernel") return fmt::format("has the route to {}", to_string(each.to));
    }
    return "";
}

}  // namespace warren::ctl
