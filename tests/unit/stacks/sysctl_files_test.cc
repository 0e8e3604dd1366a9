#include "stacks/kernel/sysctl_files.h"

#include <doctest/doctest.h>
#include <unistd.h>

namespace warren::stacks {
namespace {

TEST_CASE("a value that the kernel refuses is a failure, unless no tunnel depends on it") {
    if (::access("/proc/sys/net/ipv4/ping_group_range", W_OK) != 0) return;  // not root, or a container
    SysctlTree tree;
    const SysctlFiles here = tree.here();
    const auto before = here.read("ipv4/ping_group_range");
    CHECK_FALSE(here.write({"ipv4/ping_group_range", "nonsense", false}));
    CHECK(here.read("ipv4/ping_group_range").value() == before.value());
    CHECK(here.write({"ipv4/ping_group_range", "nonsense", true}));
    SysctlTree other;
    CHECK(other.here().read("ipv4/ping_group_range").value() == before.value());
    // As one that the kernel does not have: no patrol finds it wrong.
    CHECK_FALSE(tree.here().read("ipv4/ping_group_range").has_value());
    CHECK(tree.here().read("ipv4/ip_forward").has_value());
}

TEST_CASE("a container's groups are enough to ping, and a stack needs no ping") {
    for (const Sysctl& each : stack_sysctls()) {
        if (each.path != "ipv4/ping_group_range") continue;
        CHECK(each.value == "0\t65534");
        CHECK(each.is_optional);
    }
}

}  // namespace
}  // namespace warren::stacks
