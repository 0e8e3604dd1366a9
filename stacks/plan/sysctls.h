// The one table of kernel parameters of a stack, each with its reason. PURE.
#pragma once

#include <compare>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace warren::stacks {

// `path` is below /proc/sys/net, as the namespace's own tasks see it.
struct Sysctl {
    std::string path;
    std::string value;
    bool is_optional = false;  // kernels without it need no value
    auto operator<=>(const Sysctl&) const = default;
};

// Which of the kernel's copies of a parameter a row of the table stands for.
enum class SysctlScope {
    kNamespace,       // the path as it is
    kEveryInterface,  // conf/all, conf/default (what is made later), conf/vpn0 and conf/lan0
    kTunnelOnly,      // conf/vpn0
};

struct SysctlRow {
    SysctlScope scope;
    const char* family;  // "ipv4" or "ipv6"
    const char* parameter;
    const char* value;
    const char* reason;
    bool is_optional = false;  // older kernels do not have it, nor what it switches
};

[[nodiscard]] std::span<const SysctlRow> sysctl_table();

// What is set before the first device is made.
[[nodiscard]] std::vector<Sysctl> stack_sysctls();
// What is set on a device before it comes up. Without `with_ipv6` (an MTU below 1280, RFC 8200 §5) the kernel has no
// IPv6 on it.
[[nodiscard]] std::vector<Sysctl> device_sysctls(const std::string& device, bool with_ipv6);
// Those of device_sysctls() that a new device does not inherit from conf/default.
[[nodiscard]] std::vector<Sysctl> new_device_sysctls(const std::string& device, bool with_ipv6);

}  // namespace warren::stacks
