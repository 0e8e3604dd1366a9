#include "stacks/plan/sysctls.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <set>

namespace warren::stacks {
namespace {

std::map<std::string, std::string> by_path(const std::vector<Sysctl>& sysctls) {
    std::map<std::string, std::string> out;
    for (const Sysctl& sysctl : sysctls)
        CHECK_MESSAGE(out.emplace(sysctl.path, sysctl.value).second, sysctl.path << " is set twice");
    return out;
}

TEST_CASE("every row has a reason and no parameter is set twice") {
    for (const SysctlRow& row : sysctl_table()) CHECK(std::string(row.reason).size() > 5);
    by_path(stack_sysctls());
    by_path(device_sysctls("vpn0", true));
    by_path(device_sysctls("lan0", true));
}

TEST_CASE("what protects a stack is set for devices that are there and for those made later") {
    const auto stack = by_path(stack_sysctls());
    CHECK(stack.at("ipv4/ip_forward") == "1");
    for (const char* scope : {"all", "default"}) {
        const std::string v4 = std::string("ipv4/conf/") + scope + "/";
        const std::string v6 = std::string("ipv6/conf/") + scope + "/";
        CHECK(stack.at(v4 + "rp_filter") == "1");
        CHECK(stack.at(v4 + "send_redirects") == "0");
        CHECK(stack.at(v4 + "accept_redirects") == "0");
        CHECK(stack.at(v6 + "accept_redirects") == "0");
        CHECK(stack.at(v4 + "accept_source_route") == "0");
        CHECK(stack.at(v6 + "accept_source_route") == "-1");
        CHECK(stack.at(v6 + "accept_ra") == "0");
        CHECK(stack.at(v6 + "autoconf") == "0");
        CHECK(stack.at(v6 + "forwarding") == "1");
        CHECK(stack.at(v4 + "accept_local") == "0");
        CHECK(stack.at(v4 + "route_localnet") == "0");
        CHECK(stack.at(v4 + "arp_accept") == "0");
        CHECK(stack.at(v6 + "accept_untracked_na") == "0");
    }
}

TEST_CASE("vpn0 differs where it must, lan0 does not") {
    CHECK(by_path(device_sysctls("vpn0", true)).at("ipv4/conf/vpn0/accept_local") == "1");
    CHECK(by_path(device_sysctls("vpn0", true)).at("ipv6/conf/vpn0/addr_gen_mode") == "1");
    CHECK(by_path(device_sysctls("lan0", true)).at("ipv4/conf/lan0/accept_local") == "0");
    CHECK_FALSE(by_path(device_sysctls("lan0", true)).contains("ipv6/conf/lan0/addr_gen_mode"));
    CHECK(by_path(stack_sysctls()).at("ipv6/conf/default/ndisc_notify") == "1");
    CHECK(by_path(stack_sysctls()).at("ipv6/conf/all/ndisc_notify") == "0");
    CHECK(by_path(device_sysctls("vpn0", true)).at("ipv6/conf/vpn0/ndisc_notify") == "0");
}

TEST_CASE("only what a kernel lacks or refuses may be missing") {
    for (const auto& all : {stack_sysctls(), device_sysctls("lan0", true)}) {
        for (const Sysctl& sysctl : all)
            CHECK_MESSAGE(sysctl.is_optional == (sysctl.path.ends_with("/accept_untracked_na") ||
                                                 sysctl.path.ends_with("/ping_group_range")),
                          sysctl.path);
    }
}

TEST_CASE("a device too narrow for IPv6 has no IPv6 parameters to set") {
    for (const Sysctl& sysctl : device_sysctls("vpn0", false)) CHECK(sysctl.path.starts_with("ipv4/"));
}

}  // namespace
}  // namespace warren::stacks
