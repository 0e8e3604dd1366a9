#include "stacks/plan/plan.h"

#include <algorithm>
#include <set>

#include "fake_kernel.h"
#include "random_scenery.h"
#include "scenery.h"

namespace warren::stacks {
namespace {

using config::HandoffType;

std::vector<Sysctl> watched(const DesiredStack& desired) {
    std::vector<Sysctl> all = desired.sysctls;
    for (const char* device : {kTunnelDevice, kHandoffDevice}) {
        const auto own = device_sysctls(device, true);
        all.insert(all.end(), own.begin(), own.end());
    }
    return all;
}

Result<Plan> plan_in(FakeKernel& kernel, const DesiredStack& desired) {
    return plan(desired, *kernel.observe(desired.name, watched(desired)), kernel.uplink);
}

std::string printed(const std::vector<Step>& steps) {
    std::string text;
    for (const Step& step : steps) text += describe(step) + "\n";
    return text;
}

void apply(FakeKernel& kernel, const DesiredStack& desired) {
    const auto planned = plan_in(kernel, desired);
    REQUIRE_MESSAGE(planned.has_value(), planned.error().what);
    const Status done = kernel.carry_out(desired.name, planned->steps);
    REQUIRE_MESSAGE(done.has_value(), done.error().what << "\n" << printed(planned->steps));
}

// The stack is as desired, whatever the planner thinks.
void check_is_as_desired(FakeKernel& kernel, const DesiredStack& desired, bool with_handoff) {
    FakeStack& stack = kernel.stacks.at(desired.name);
    for (const char* name : {kLoopback, kTunnelDevice}) {
        REQUIRE(stack.link(name) != nullptr);
        CHECK(stack.link(name)->up);
    }
    const Link& tunnel = *stack.link(kTunnelDevice);
    CHECK(tunnel.mtu == desired.mtu);
    CHECK(tunnel.qdisc == "noqueue");
    CHECK(tunnel.queue_length == kTunnelQueueLength);
    CHECK(stack.link(kLoopback)->alias == desired.owner);
    CHECK(stack.firewall == observed_of(desired.firewall));

    std::set<DeviceAddress> addresses;
    for (const Prefix& address : desired.addresses) addresses.insert({kTunnelDevice, address});
    if (with_handoff) {
        REQUIRE(stack.link(kHandoffDevice) != nullptr);
        CHECK(stack.link(kHandoffDevice)->up);
        CHECK(stack.link(kHandoffDevice)->alias == desired.handoff->mark);
        for (const Prefix& address : desired.handoff->addresses) addresses.insert({kHandoffDevice, address});
        CHECK(std::set<DeviceAddress>(stack.addresses.begin(), stack.addresses.end()) == addresses);
        CHECK(std::set<Route>(stack.routes.begin(), stack.routes.end()) ==
              std::set<Route>(desired.routes.begin(), desired.routes.end()));
    }
    for (const Sysctl& sysctl : desired.sysctls) CHECK(stack.sysctls.at(sysctl.path) == sysctl.value);
    for (const Sysctl& sysctl : device_sysctls(kTunnelDevice, desired.mtu >= 1280))
        CHECK(stack.sysctls.at(sysctl.path) == sysctl.value);
    CHECK(kernel.broken_rules == std::vector<std::string>{});
}

TEST_CASE("a parameter that an older kernel lacks is not missed in a stack that exists") {
    FakeKernel kernel;
    const DesiredStack desired = desired_stack(acme(), kTestRunDir);
    apply(kernel, desired);
    auto& sysctls = kernel.stacks.at(desired.name).sysctls;
    std::erase_if(sysctls, [](const auto& each) { return each.first.ends_with("/accept_untracked_na"); });
    CHECK(plan_in(kernel, desired)->steps.empty());
    sysctls.erase("ipv4/conf/all/arp_accept");
    CHECK(plan_in(kernel, desired)->steps.size() == 1);
}

TEST_CASE("a new stack: the firewall is in place before the first device is up, nothing is left to plan afterwards") {
    FakeKernel kernel;
    kernel.add_uplink("br0", "bridge");
    config::Customer customer = acme();
    customer.handoff = handoff(HandoffType::kVeth, "br0", {"10.42.0.1/24"});
    const DesiredStack desired = desired_stack(customer, kTestRunDir);
    apply(kernel, desired);
    check_is_as_desired(kernel, desired, true);
    const auto again = plan_in(kernel, desired);
    CHECK_MESSAGE(again->steps.empty(), printed(again->steps));
    CHECK(again->problems.empty());
    CHECK(kernel.uplink.link("wr-acme")->master == kernel.uplink.link("br0")->index);
    CHECK(kernel.uplink.link("wr-acme")->up);
}

TEST_CASE("another firewall keeps the chain of the customer's that is there, and makes one that is not") {
    FakeKernel kernel;
    const DesiredStack desired = desired_stack(acme(), kTestRunDir);
    apply(kernel, desired);
    auto& firewall = kernel.stacks.at(desired.name).firewall;
    const auto planned = [&] {
        const auto plan = plan_in(kernel, desired);
        REQUIRE(plan.has_value());
        REQUIRE(plan->steps.size() == 1);
        return std::get<SetFirewall>(plan->steps.front());
    };
    firewall->rules -= 1;
    CHECK(planned() == SetFirewall{desired.firewall, true, true, {}});
    firewall = observed_of(desired.firewall);
    firewall->has_customer_chain = false;
    CHECK(planned() == SetFirewall{desired.firewall, true, false, {}});
    firewall.reset();
    CHECK(planned() == SetFirewall{desired.firewall, false, false, {}});
}

TEST_CASE("from any start, planning after applying gives no steps") {
    for (std::uint32_t seed = 0; seed < 3000; ++seed) {
        CAPTURE(seed);
        RandomScenery random(seed);
        FakeKernel kernel;
        random.furnish(kernel);
        const DesiredStack desired = desired_stack(random.customer(), kTestRunDir, 4);
        random.disturb(kernel, desired);
        const auto planned = plan_in(kernel, desired);
        REQUIRE_MESSAGE(planned.has_value(), planned.error().what);
        CAPTURE(printed(planned->steps));
        const Status done = kernel.carry_out(desired.name, planned->steps);
        REQUIRE_MESSAGE(done.has_value(), done.error().what);
        const auto again = plan_in(kernel, desired);
        REQUIRE(again.has_value());
        REQUIRE_MESSAGE(again->steps.empty(), printed(again->steps));
        check_is_as_desired(kernel, desired, desired.handoff.has_value() && planned->problems.empty());
    }
}

TEST_CASE("from a crash after any step, the next plan goes on to the end") {
    for (std::uint32_t seed = 0; seed < 150; ++seed) {
        CAPTURE(seed);
        RandomScenery random(seed);
        FakeKernel start;
        random.furnish(start);
        const DesiredStack desired = desired_stack(random.customer(), kTestRunDir, 4);
        random.disturb(start, desired);
        const auto planned = plan_in(start, desired);
        REQUIRE(planned.has_value());
        for (std::size_t steps = 0; steps <= planned->steps.size(); ++steps) {
            CAPTURE(steps);
            FakeKernel kernel;
            kernel.stacks = start.stacks;
            kernel.uplink = start.uplink;
            kernel.steps_until_crash = steps;
            (void)kernel.carry_out(desired.name, planned->steps);
            kernel.steps_until_crash = SIZE_MAX;
            apply(kernel, desired);
            const auto again = plan_in(kernel, desired);
            REQUIRE_MESSAGE(again->steps.empty(), printed(again->steps));
            CHECK(kernel.broken_rules == std::vector<std::string>{});
        }
    }
}

TEST_CASE("a removal interrupted after any step is finished by the next one, and a physical device is home") {
    config::Customer customer = acme();
    customer.handoff = handoff(HandoffType::kPhysical, "eth7", {"10.42.0.1/24"});
    const DesiredStack desired = desired_stack(customer, kTestRunDir);
    for (std::size_t steps = 0; steps < 5; ++steps) {
        CAPTURE(steps);
        FakeKernel kernel;
        kernel.add_uplink("eth7", "");
        apply(kernel, desired);
        REQUIRE(kernel.uplink.link("eth7") == nullptr);
        kernel.steps_until_crash = steps;
        (void)kernel.carry_out(desired.name, plan_removal(desired.owner, *kernel.observe(desired.name, {}))->steps);
        kernel.steps_until_crash = SIZE_MAX;
        const auto rest = plan_removal(desired.owner, *kernel.observe(desired.name, {}));
        REQUIRE(rest.has_value());
        REQUIRE(kernel.carry_out(desired.name, rest->steps).has_value());
        CHECK(kernel.stacks.empty());
        CHECK(kernel.uplink.link("eth7") != nullptr);
        CHECK(kernel.broken_rules == std::vector<std::string>{});
    }
}

TEST_CASE("a device that an operator moved in goes home with the stack's removal, under its own name") {
    FakeKernel kernel;
    const DesiredStack desired = desired_stack(acme(), kTestRunDir);
    apply(kernel, desired);
    Link moved;
    moved.name = "renamed5";
    moved.index = 99;
    moved.alias = moved_mark("eth5");
    kernel.stacks[desired.name].links.push_back(moved);
    Link made = moved;  // in the stack: it ends with it
    made.name = "vx0";
    made.index = 100;
    made.alias.clear();
    kernel.stacks[desired.name].links.push_back(made);
    CHECK(plan_in(kernel, desired)->steps.empty());  // it is nothing that a patrol mends
    const auto removal = plan_removal(desired.owner, *kernel.observe(desired.name, {}));
    REQUIRE(removal.has_value());
    const auto steps = describe(removal->steps);
    CHECK(std::count(steps.begin(), steps.end(), "return renamed5 to the uplink as eth5") == 1);
    REQUIRE(kernel.carry_out(desired.name, removal->steps).has_value());
    CHECK(kernel.uplink.link("eth5") != nullptr);
    CHECK(kernel.uplink.link("vx0") == nullptr);
}

TEST_CASE("a stack goes although the name of a device that it returns is taken at home") {
    FakeKernel kernel;
    const DesiredStack desired = desired_stack(acme(), kTestRunDir);
    apply(kernel, desired);
    Link moved;
    moved.name = "eth5";
    moved.index = 99;
    moved.alias = moved_mark("eth5");
    kernel.stacks[desired.name].links.push_back(moved);
    kernel.add_uplink("eth5", "");
    REQUIRE(kernel.carry_out(desired.name, plan_removal(desired.owner, *kernel.observe(desired.name, {}))->steps));
    CHECK_FALSE(kernel.stacks.contains(desired.name));
    CHECK(plan_device_returns(kernel.uplink).empty());
    kernel.uplink.links.erase("eth5");
    CHECK(printed(plan_device_returns(kernel.uplink)) == "rename dev99 to eth5 (uplink)\n");
}

TEST_CASE("a namespace of another instance is an error, and one without an owner too") {
    FakeKernel kernel;
    const DesiredStack desired = desired_stack(acme(), kTestRunDir);
    kernel.stacks[desired.name] = FakeKernel::fresh_stack(owner_mark("/run/other", "acme"));
    auto refused = plan_in(kernel, desired);
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().code == ErrorCode::kConflict);
    CHECK(refused.error().what.find("/run/other") != std::string::npos);
    kernel.stacks[desired.name] = FakeKernel::fresh_stack("");
    refused = plan_in(kernel, desired);
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().what.find("not ours") != std::string::npos);
    CHECK_FALSE(plan_removal(desired.owner, *kernel.observe(desired.name, {})).has_value());
}

TEST_CASE("what cannot be handed off now is a problem, and the rest of the stack is made") {
    FakeKernel kernel;
    kernel.add_uplink("eth0", "");
    config::Customer customer = acme();
    const auto problem_of = [&](const config::Handoff& wanted) {
        customer.handoff = wanted;
        const DesiredStack desired = desired_stack(customer, kTestRunDir);
        const auto planned = plan_in(kernel, desired);
        REQUIRE(planned.has_value());
        CHECK(kernel.carry_out(desired.name, planned->steps).has_value());
        CHECK(kernel.stacks.at(desired.name).link(kTunnelDevice)->up);
        return planned->problems.empty() ? std::string() : planned->problems.front();
    };
    CHECK(problem_of(handoff(HandoffType::kVeth, "br9", {})) == "handoff: no bridge br9 in the uplink");
    CHECK(problem_of(handoff(HandoffType::kVeth, "eth0", {})).find("must be a bridge") != std::string::npos);
    CHECK(problem_of(handoff(HandoffType::kMacvlan, "eth9", {})) == "handoff: no device eth9 in the uplink");
    CHECK(problem_of(handoff(HandoffType::kPhysical, "eth9", {})) == "handoff: no device eth9 in the uplink");
    kernel.add_uplink("wr-acme", "dummy", "somebody's");
    CHECK(problem_of(handoff(HandoffType::kVeth, "", {})).find("not ours") != std::string::npos);
    CHECK(kernel.uplink.link("wr-acme")->alias == "somebody's");
}

TEST_CASE("an mtu that does not pass through the parent is a problem, and lan0 is as wide as the parent") {
    FakeKernel kernel;
    kernel.add_uplink("eth0", "");
    config::Customer customer = acme();
    for (const HandoffType type : {HandoffType::kVlan, HandoffType::kMacvlan}) {
        customer.handoff = handoff(type, "eth0", {"10.42.0.1/24", "fd00:42::1/64"});
        customer.handoff->mtu = 9000;
        if (type == HandoffType::kVlan) customer.handoff->vlan_id = 42;
        const DesiredStack desired = desired_stack(customer, kTestRunDir);
        const auto planned = plan_in(kernel, desired);
        REQUIRE(planned.has_value());
        CHECK(planned->problems ==
              std::vector<std::string>{
                  "handoff: the mtu 9000 is larger than that of its parent eth0 has; that of lan0 is 1500"});
        REQUIRE(kernel.carry_out(desired.name, planned->steps).has_value());
        CHECK(kernel.stacks.at(desired.name).link(kHandoffDevice)->mtu == 1500);
        CHECK(plan_in(kernel, desired)->steps.empty());
    }
    kernel.uplink.links["eth0"].mtu = 9216;
    const DesiredStack desired = desired_stack(customer, kTestRunDir);
    CHECK(printed(plan_in(kernel, desired)->steps) == "set lan0 mtu 9000\n");
    CHECK(plan_in(kernel, desired)->problems.empty());
}

TEST_CASE("a handoff that cannot be changed now stays as it was") {
    FakeKernel kernel;
    kernel.add_uplink("eth0", "");
    config::Customer customer = acme();
    customer.handoff = handoff(HandoffType::kMacvlan, "eth0", {"10.42.0.1/24"});
    apply(kernel, desired_stack(customer, kTestRunDir));
    customer.handoff->parent = "eth9";
    const auto planned = plan_in(kernel, desired_stack(customer, kTestRunDir));
    CHECK(planned->problems.size() == 1);
    CHECK_MESSAGE(planned->steps.empty(), printed(planned->steps));
}

TEST_CASE("what a stackd that was killed left of a handoff goes, and the one that is there stays") {
    for (const bool wanted : {true, false}) {
        CAPTURE(wanted);
        FakeKernel kernel;
        kernel.add_uplink("eth0", "");
        config::Customer customer = acme();
        if (wanted) customer.handoff = handoff(HandoffType::kMacvlan, "eth0", {"10.42.0.1/24"});
        const DesiredStack desired = desired_stack(customer, kTestRunDir);
        apply(kernel, desired);
        kernel.add_link(kernel.stacks.at("warren-acme"),
                        {kUnfinishedHandoff, 0, "macvlan", "", "noqueue", 1500, 1000, 0, false});
        CHECK(printed(plan_in(kernel, desired)->steps) == "remove lan0.new\n");
        apply(kernel, desired);
        check_is_as_desired(kernel, desired, wanted);
    }
}

TEST_CASE("a customer whose configuration did not change is not touched; one address more is one step") {
    FakeKernel kernel;
    config::Customer customer = acme();
    apply(kernel, desired_stack(customer, kTestRunDir));
    std::get<config::WireguardTunnel>(customer.peers.front().tunnel).preshared_key =
        config::SecretRef{"acme/graz.psk"};  // nothing of the kernel's business
    CHECK(plan_in(kernel, desired_stack(customer, kTestRunDir))->steps.empty());
    customer.stack.addresses.push_back(prefix("10.0.0.2/24"));
    CHECK(printed(plan_in(kernel, desired_stack(customer, kTestRunDir))->steps) == "add address 10.0.0.2/24 to vpn0\n");
}

TEST_CASE("of thousands of routes the first are described, and how many more there are") {
    std::vector<Step> steps{CreateTunnel{1}};
    for (std::size_t i = 0; i < kShownRoutes; ++i) steps.emplace_back(PutRoute{});
    CHECK(describe(steps).size() == 1 + kShownRoutes);
    for (std::size_t i = 0; i < 1'000; ++i) steps.emplace_back(PutRoute{});
    for (std::size_t i = 0; i < kShownRoutes + 1; ++i) steps.emplace_back(RemoveRoute{});
    steps.emplace_back(SetUp{"vpn0", true});
    const auto lines = describe(steps);
    REQUIRE(lines.size() == 1 + kShownRoutes + kShownRoutes + 1 + 2);
    CHECK(lines.front() == "create vpn0");
    CHECK(lines[lines.size() - 3] == "set vpn0 up");
    CHECK(lines[lines.size() - 2] == "put 1000 more routes");
    CHECK(lines.back() == "remove 1 more routes");
}

TEST_CASE("another number of queues is another vpn0, and never more than there are data workers") {
    FakeKernel kernel;
    config::Customer customer = acme();
    apply(kernel, desired_stack(customer, kTestRunDir, 4));
    FakeStack& stack = kernel.stacks.at("warren-acme");
    CHECK_FALSE(stack.link(kTunnelDevice)->is_multi_queue);

    customer.stack.queues = 3;
    const DesiredStack three = desired_stack(customer, kTestRunDir, 4);
    const std::string steps = printed(plan_in(kernel, three)->steps);
    CHECK(steps.find("remove vpn0\ncreate vpn0 with 3 queues\nset vpn0 qdisc noqueue\n") != std::string::npos);
    apply(kernel, three);
    check_is_as_desired(kernel, three, false);
    CHECK(plan_in(kernel, three)->steps.empty());
    stack.link(kTunnelDevice)->queues = 0;  // no process has it open
    CHECK(plan_in(kernel, three)->steps.empty());
    stack.link(kTunnelDevice)->queues = 4;
    CHECK_FALSE(plan_in(kernel, three)->steps.empty());

    CHECK(desired_stack(customer, kTestRunDir, 2).queues == 2);
    CHECK(desired_stack(customer, kTestRunDir, 1).queues == 1);
    CHECK(desired_stack(customer, kTestRunDir, 1).steering.empty());
    for (const SteeringEntry& entry : three.steering) CHECK(entry.queue < 3);
    CHECK_FALSE(three.steering.empty());
}

TEST_CASE("a physical device that came home under a wrong name gets its own back, unless that is taken") {
    FakeKernel kernel;
    kernel.add_uplink("dev42", "", "warren handoff=physical parent=eth7");
    CHECK(printed(plan_device_returns(kernel.uplink)) == "rename dev42 to eth7 (uplink)\n");
    kernel.add_uplink("eth7", "");
    CHECK(plan_device_returns(kernel.uplink).empty());
}

TEST_CASE("the firewall is loaded again when a rule of it is missing") {
    FakeKernel kernel;
    const DesiredStack desired = desired_stack(acme(), kTestRunDir);
    apply(kernel, desired);
    --kernel.stacks.at(desired.name).firewall->rules;
    CHECK(printed(plan_in(kernel, desired)->steps) == "replace the firewall: 11 rules\n");
}

TEST_CASE("the firewall is loaded again when a chain has another policy, or is gone") {
    FakeKernel kernel;
    const DesiredStack desired = desired_stack(acme(), kTestRunDir);
    apply(kernel, desired);
    std::string& chains = kernel.stacks.at(desired.name).firewall->chains;
    CHECK(chains == "forward drop, input drop, output accept");
    for (const char* wrong : {"forward accept, input drop, output accept", "forward, input drop, output accept", ""}) {
        chains = wrong;
        CHECK(printed(plan_in(kernel, desired)->steps) == "replace the firewall: 11 rules\n");
    }
}

}  // namespace
}  // namespace warren::stacks
