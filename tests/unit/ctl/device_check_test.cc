#include "ctl/commands/device_check.h"

#include <doctest/doctest.h>

#include "stacks/plan/desired.h"

namespace warren::ctl {
namespace {

StackDevice device(std::uint32_t index, const std::string& name, const std::string& kind = "") {
    StackDevice out;
    out.index = index;
    out.name = name;
    out.kind = kind;
    return out;
}

TEST_CASE("a device of Warren's, or one that a handoff names, does not move") {
    UplinkUse uplink;
    uplink.parents = {{"globex", "eth3"}};
    StackDevice outer = device(5, "wr-globex", "veth");
    outer.alias = stacks::owner_mark("/run/warren", "globex");
    CHECK(why_kept(outer, uplink).find("customer's handoff") != std::string::npos);
    CHECK(why_kept(device(6, "eth3"), uplink).find("globex") != std::string::npos);
    CHECK(why_kept(device(7, "eth4"), uplink).empty());
}

TEST_CASE("a device that the machine may be reached by moves only with force") {
    const StackDevice eth0 = device(2, "eth0");
    UplinkUse uplink;
    uplink.devices = {eth0, device(9, "other")};
    CHECK(what_is_lost(eth0, uplink).empty());

    StackDevice own = eth0;
    own.addresses = {*parse_prefix("fe80::1/64")};
    CHECK(what_is_lost(own, uplink).empty());
    own.addresses.push_back(*parse_prefix("fec0::1/64"));
    CHECK(what_is_lost(own, uplink) == "has the address fec0::1/64");

    StackDevice port = eth0;
    port.master = 9;
    CHECK(what_is_lost(port, uplink) == "is a port of other");
    uplink.devices[1].master = 2;
    CHECK(what_is_lost(eth0, uplink) == "has the port other");
    uplink.devices[1].master = 0;
    uplink.devices[1].link = 2;
    CHECK(what_is_lost(eth0, uplink) == "carries other");
    uplink.devices[1].kind = "veth";  // the other end
    CHECK(what_is_lost(eth0, uplink).empty());

    StackRoute route;
    route.to = *parse_prefix("0.0.0.0/0");
    route.interface_index = 2;
    route.protocol = "static";
    uplink.routes = {route};
    CHECK(what_is_lost(eth0, uplink) == "has the route to 0.0.0.0/0");
    uplink.routes[0].interface_index = 9;
    CHECK(what_is_lost(eth0, uplink).empty());
    uplink.routes[0].hops = {9, 2};
    CHECK(what_is_lost(eth0, uplink) == "has the route to 0.0.0.0/0");
    uplink.routes[0].protocol = "kernel";
    CHECK(what_is_lost(eth0, uplink).empty());
}

}  // namespace
}  // namespace warren::ctl
