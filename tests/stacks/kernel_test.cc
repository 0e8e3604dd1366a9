// The plans of tests/unit/stacks, applied by the real kernel.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/if_tun.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <set>
#include <span>

#include "stacks/children/inspection.h"
#include "stacks/kernel/linux_kernel.h"
#include "stacks/kernel/netns.h"
#include "stacks/listeners/listener_table.h"
#include "stacks/listeners/uapi_socket.h"
#include "stacks/listeners/udp_group.h"
#include "stacks/stack_keeper.h"
#include "tests/stacks/room.h"
#include "tests/unit/stacks/random_scenery.h"
#include "tests/unit/stacks/scenery.h"

namespace warren::stacks {
namespace {

void run(const std::string& command) {
    CAPTURE(command);
    REQUIRE(std::system((command + " >/dev/null").c_str()) == 0);
}

void try_to_run(const std::string& command) {
    (void)!std::system((command + " >/dev/null 2>&1").c_str());
}

std::string output_of(const std::string& command) {
    const std::unique_ptr<FILE, int (*)(FILE*)> pipe(::popen(command.c_str(), "r"), ::pclose);
    std::string text;
    for (int c = std::fgetc(pipe.get()); c != EOF; c = std::fgetc(pipe.get())) text += static_cast<char>(c);
    return text;
}

// Two bridges, and two devices whose other ends are also in the uplink.
class Uplink {
  public:
    Uplink() {
        run("ip link add br0 type bridge");
        run("ip link add br1 type bridge");
        run("ip link add eth0 type veth peer name far0");
        run("ip link add eth1 type veth peer name far1");
    }
    ~Uplink() {
        for (const char* device : {"br0", "br1", "far0", "far1"}) try_to_run(std::string("ip link del ") + device);
    }
    Uplink(const Uplink&) = delete;
    Uplink& operator=(const Uplink&) = delete;
};

std::vector<Sysctl> watched(const DesiredStack& desired) {
    std::vector<Sysctl> all = desired.sysctls;
    for (const char* device : {kTunnelDevice, kHandoffDevice}) {
        const auto own = device_sysctls(device, true);
        all.insert(all.end(), own.begin(), own.end());
    }
    return all;
}

Plan plan_now(LinuxKernel& kernel, const DesiredStack& desired) {
    const auto observed = kernel.observe(desired.name, watched(desired));
    REQUIRE_MESSAGE(observed.has_value(), observed.error().what);
    const auto uplink = kernel.observe_uplink();
    REQUIRE_MESSAGE(uplink.has_value(), uplink.error().what);
    auto planned = plan(desired, *observed, *uplink);
    REQUIRE_MESSAGE(planned.has_value(), planned.error().what);
    return std::move(*planned);
}

std::string printed(const std::vector<Step>& steps) {
    std::string text;
    for (const Step& step : steps) text += describe(step) + "\n";
    return text;
}

void carry_out(LinuxKernel& kernel, const DesiredStack& desired, const Plan& planned) {
    const Status done = kernel.carry_out(desired.name, planned.steps);
    REQUIRE_MESSAGE(done.has_value(), done.error().what << "\n" << printed(planned.steps));
}

void remove(LinuxKernel& kernel, const DesiredStack& desired) {
    const auto observed = kernel.observe(desired.name, {});
    REQUIRE(observed.has_value());
    const auto planned = plan_removal(desired.owner, *observed);
    REQUIRE_MESSAGE(planned.has_value(), planned.error().what);
    const Status done = kernel.carry_out(desired.name, planned->steps);
    REQUIRE_MESSAGE(done.has_value(), done.error().what);
}

std::unique_ptr<LinuxKernel> open_kernel() {
    auto kernel = LinuxKernel::open();
    REQUIRE_MESSAGE(kernel.has_value(), kernel.error().what);
    return std::move(*kernel);
}

bool has_vlans() {
    const bool has = std::system("ip link add link lo name vlantest type vlan id 5 2>/dev/null") == 0;
    try_to_run("ip link del vlantest");
    return has;
}

// Damage that an operator's mistake, a crash or a bug elsewhere may cause.
const std::vector<std::string> kAccidents{
    "ip -n NS addr flush dev vpn0",
    "ip -n NS link set vpn0 down",
    "ip -n NS link set lo down",
    "ip -n NS route flush proto 87",
    "ip -n NS -6 route flush proto 87",
    "ip -n NS link set vpn0 mtu 1300",
    "ip -n NS link set vpn0 txqueuelen 10",
    "ip -n NS link del vpn0",
    "ip -n NS link set lan0 down",
    "ip -n NS addr flush dev lan0",
    "ip link add link eth0 name lan0.new netns NS type macvlan",
    "ip -n NS addr add 10.0.0.77/24 dev vpn0",
    "ip -n NS route add 10.99.0.0/16 dev vpn0 proto 87 metric 512",
    "ip netns exec NS nft flush ruleset",
    "ip netns exec NS nft flush chain inet warren forward",
    "ip netns exec NS nft add rule inet warren customer iifname vx0 accept",
    "ip netns exec NS nft delete table inet warren",
    "ip netns exec NS sysctl -q net.ipv4.ip_forward=0",
    "ip netns exec NS sysctl -q net.ipv6.conf.vpn0.accept_ra=2",
    "ip netns exec NS sysctl -q net.ipv4.conf.all.send_redirects=1",
    "ip link set wr-acme nomaster",
    "ip link set wr-acme down",
};

TEST_CASE(
    "from one random configuration to the next, despite damage and crashes, the kernel ends in the planned state") {
    if (!enter_room()) return;
    const Uplink uplink;
    const auto kernel = open_kernel();
    const bool with_vlans = has_vlans();
    std::size_t changes = 0;
    for (std::uint32_t seed = 0; seed < 120; ++seed) {
        CAPTURE(seed);
        RandomScenery random(seed);
        config::Customer customer = random.customer();
        customer.id = "acme";
        if (customer.handoff && customer.handoff->type == config::HandoffType::kVlan && !with_vlans)
            customer.handoff.reset();
        // A gateway must be on a network of the stack, otherwise the kernel rightly refuses it.
        customer.stack.routes.clear();
        const DesiredStack desired = desired_stack(customer, kTestRunDir);
        std::mt19937 dice(seed);
        for (int accidents = static_cast<int>(dice() % 4); accidents > 0; --accidents) {
            std::string accident = kAccidents[dice() % kAccidents.size()];
            for (auto at = accident.find("NS"); at != std::string::npos; at = accident.find("NS"))
                accident.replace(at, 2, desired.name);
            CAPTURE(accident);
            try_to_run(accident);
        }
        Plan planned = plan_now(*kernel, desired);
        if (dice() % 3 == 0 && !planned.steps.empty()) {
            Plan interrupted = planned;
            interrupted.steps.resize(dice() % planned.steps.size());
            carry_out(*kernel, desired, interrupted);
            planned = plan_now(*kernel, desired);
        }
        carry_out(*kernel, desired, planned);
        changes += planned.steps.size();
        const Plan again = plan_now(*kernel, desired);
        REQUIRE_MESSAGE(again.steps.empty(), printed(again.steps) << "--- was planned:\n" << printed(planned.steps));
    }
    CHECK(changes > 500);
    remove(*kernel, desired_stack(acme(), kTestRunDir));
    CHECK(kernel->stack_names()->empty());
    const auto after = kernel->observe_uplink();
    for (const char* device : {"br0", "br1", "eth0", "eth1"}) CHECK(after->link(device) != nullptr);
    CHECK(after->link("wr-acme") == nullptr);
}

TEST_CASE("the firewall that is loaded is the one that is rendered, also after it was replaced") {
    if (!enter_room()) return;
    const auto kernel = open_kernel();
    for (const bool has_handoff : {false, true}) {
        config::Customer customer = acme();
        customer.handoff.reset();
        if (has_handoff) customer.handoff = handoff(config::HandoffType::kVeth, "", {"10.42.0.1/24"});
        const DesiredStack desired = desired_stack(customer, kTestRunDir);
        const std::string list = "ip netns exec " + desired.name + " nft -t list ruleset";
        carry_out(*kernel, desired, plan_now(*kernel, desired));
        CHECK(output_of(list) == render(desired.firewall));
        for (const char* chain : {"inet warren input", "inet warren output", "arp warren input"}) {
            if (!has_handoff && chain[0] == 'a') continue;
            run("ip netns exec " + desired.name + " nft flush chain " + chain);
            carry_out(*kernel, desired, plan_now(*kernel, desired));
            CHECK(output_of(list) == render(desired.firewall));
        }
        CHECK(plan_now(*kernel, desired).steps.empty());
        remove(*kernel, desired);
    }
}

TEST_CASE(
    "the customer's chain outlives every other ruleset, unless a rule in it uses a set of ours, or another has its "
    "name") {
    if (!enter_room()) return;
    const auto kernel = open_kernel();
    config::Customer customer = acme();
    const std::string nft = "ip netns exec " + desired_stack(customer, kTestRunDir).name + " nft ";
    const auto apply = [&] {
        const DesiredStack desired = desired_stack(customer, kTestRunDir);
        carry_out(*kernel, desired, plan_now(*kernel, desired));
        CHECK(plan_now(*kernel, desired).steps.empty());
        return desired;
    };
    const auto chain = [&] { return output_of(nft + "list chain inet warren customer"); };
    apply();
    run(nft + "'add set inet warren friends { type ipv4_addr; elements = { 192.0.2.7 }; }'");
    run(nft + "'add rule inet warren customer ip saddr @friends tcp dport { 22, 443 } accept'");
    const std::string before = chain();
    CHECK(before.find("ip saddr @friends tcp dport { 22, 443 } accept") != std::string::npos);
    customer.stack.devices = {"vx0"};
    apply();
    CHECK(chain() == before);
    customer.stack.clamp_mss = false;
    apply();
    CHECK(chain() == before);
    run(nft + "flush chain inet warren forward");
    CHECK_FALSE(plan_now(*kernel, desired_stack(customer, kTestRunDir)).steps.empty());
    apply();
    CHECK(chain() == before);

    run(nft + "'add rule inet warren customer update @neighbours4 { oif . rt ip nexthop } accept'");
    customer.stack.devices = {"vx0", "vx1"};
    DesiredStack desired = apply();
    CHECK(output_of(nft + "list ruleset") == render(desired.firewall));

    customer.stack.devices.clear();
    apply();
    run(nft + "'add set inet warren neighbours4 { type ipv4_addr; }'");
    customer.stack.devices = {"vx0"};
    desired = apply();
    CHECK(output_of(nft + "list ruleset") == render(desired.firewall));
    remove(*kernel, desired);
}

TEST_CASE("every sysctl of the table exists in this kernel and has its value, on vpn0 too") {
    if (!enter_room()) return;
    const auto kernel = open_kernel();
    const DesiredStack desired = desired_stack(acme(), kTestRunDir);
    carry_out(*kernel, desired, plan_now(*kernel, desired));
    for (const Sysctl& sysctl : watched(desired)) {
        if (sysctl.path.find("/lan0/") != std::string::npos) continue;
        CAPTURE(sysctl.path);
        CHECK(output_of("ip netns exec " + desired.name + " cat /proc/sys/net/" + sysctl.path) == sysctl.value + "\n");
    }
    remove(*kernel, desired);
}

TEST_CASE("without VLANs in the kernel a stack fails with a clear error and stays as it was") {
    if (!enter_room()) return;
    if (has_vlans()) {
        MESSAGE("skipped: this kernel has 802.1Q");
        return;
    }
    const Uplink uplink;
    const auto kernel = open_kernel();
    config::Customer customer = acme();
    customer.handoff = handoff(config::HandoffType::kVlan, "eth0", {"10.42.0.1/24"});
    customer.handoff->vlan_id = 7;
    const DesiredStack desired = desired_stack(customer, kTestRunDir);
    const Status done = kernel->carry_out(desired.name, plan_now(*kernel, desired).steps);
    REQUIRE_FALSE(done.has_value());
    CHECK(done.error().code == ErrorCode::kUnsupported);
    CHECK(done.error().what.find("8021q") != std::string::npos);
    remove(*kernel, desired);
}

TEST_CASE("an error of the kernel contains the kernel's message and the step") {
    if (!enter_room()) return;
    const auto kernel = open_kernel();
    const DesiredStack desired = desired_stack(acme(), kTestRunDir);
    carry_out(*kernel, desired, plan_now(*kernel, desired));
    const std::vector<Step> steps{
        PutRoute{{prefix("10.9.0.0/16"), RouteType::kUnicast, kTunnelDevice, ip("172.16.0.1"), kRouteMetric}}};
    const Status done = kernel->carry_out(desired.name, steps);
    REQUIRE_FALSE(done.has_value());
    CHECK(done.error().what ==
          "put route 10.9.0.0/16 via 172.16.0.1 dev vpn0: Nexthop has invalid gateway: Network is unreachable");
    remove(*kernel, desired);
}

TEST_CASE("a namespace that is not ours is not touched") {
    if (!enter_room()) return;
    const auto kernel = open_kernel();
    run("ip netns add warren-acme");
    StackKeeper keeper(*kernel, kTestRunDir);
    const auto refused = keeper.bring_up(acme());
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().what.find("not ours") != std::string::npos);
    CHECK_FALSE(keeper.take_down("acme").has_value());
    CHECK(output_of("ip -n warren-acme -o link").find("vpn0") == std::string::npos);
    CHECK(keeper.orphans({})->empty());
    run("ip netns del warren-acme");
}

TEST_CASE("a stack that cannot be completed is removed") {
    if (!enter_room()) return;
    const auto kernel = open_kernel();
    StackKeeper keeper(*kernel, kTestRunDir);
    config::Customer customer = acme();
    customer.stack.routes = {{prefix("10.9.0.0/16"), ip("172.16.0.1")}};
    CHECK_FALSE(keeper.bring_up(customer).has_value());
    CHECK(kernel->stack_names()->empty());
}

TEST_CASE("an empty file of the name, left by a crash, is no obstacle") {
    if (!enter_room()) return;
    const auto kernel = open_kernel();
    std::ofstream("/run/netns/warren-acme").close();
    StackKeeper keeper(*kernel, kTestRunDir);
    const auto made = keeper.bring_up(acme());
    REQUIRE_MESSAGE(made.has_value(), made.error().what);
    CHECK(made->is_new);
    CHECK(keeper.take_down("acme").has_value());
}

// The packets in each queue of the tunnel, by the last byte of the destination.
std::vector<std::set<int>> queued(const std::vector<int>& tunnel) {
    std::vector<std::set<int>> out;
    for (const int queue : tunnel) {
        std::array<std::uint8_t, 2048> space{};
        std::set<int>& found = out.emplace_back();
        constexpr std::size_t kHeader = 10;  // virtio_net_hdr
        for (ssize_t size = 0; (size = ::read(queue, space.data(), space.size())) > 0;) {
            const bool is_v4 = space[kHeader] >> 4 == 4;
            const int last = space[kHeader + (is_v4 ? 19 : 39)];
            if (last >= 100) found.insert(last);  // others are the kernel's own packets
        }
    }
    return out;
}

TEST_CASE("a tunnel with several queues has no queueing discipline, and each packet is in its peer's queue") {
    if (!enter_room()) return;
    const auto kernel = open_kernel();
    StackKeeper keeper(*kernel, kTestRunDir);
    keeper.set_workers(4);
    config::Customer customer = acme();
    customer.stack.queues = 3;
    customer.peers.clear();
    std::vector<std::set<int>> expected(3);
    for (std::uint8_t i = 100; i < 112; ++i) {
        config::Peer peer;
        peer.name = "p" + std::to_string(i);
        std::get<config::WireguardTunnel>(peer.tunnel).public_key.bytes[0] = i;
        peer.allowed_ips = {prefix("10.77.0." + std::to_string(i) + "/32"),
                            prefix(fmt::format("fd00:77::{:x}/128", i))};
        expected[queue_of(config::identity_of(peer.tunnel), 3)].insert(i);
        customer.peers.push_back(peer);
    }
    const auto made = keeper.bring_up(customer);
    REQUIRE_MESSAGE(made.has_value(), made.error().what);
    REQUIRE(keeper.tunnel("acme").size() == 3);
    CHECK(output_of("ip -n warren-acme -d link show vpn0").find("qdisc noqueue") != std::string::npos);
    CHECK(plan_now(*kernel, desired_stack(customer, kTestRunDir, 4)).steps.empty());

    for (const char* address : {"10.77.0.", "fd00:77::"}) {
        CAPTURE(address);
        (void)queued(keeper.tunnel("acme"));
        for (int i = 100; i < 112; ++i)
            run(fmt::format("ip netns exec warren-acme bash -c 'echo > /dev/udp/{}{}/9'", address,
                            *address == 'f' ? fmt::format("{:x}", i) : std::to_string(i)));
        CHECK(queued(keeper.tunnel("acme")) == expected);
    }

    // One queue less makes another device, and one queue makes an ordinary device.
    customer.stack.queues = 2;
    CHECK(keeper.bring_up(customer)->has_new_tunnel);
    CHECK(keeper.tunnel("acme").size() == 2);
    customer.stack.queues = 1;
    CHECK(keeper.bring_up(customer)->has_new_tunnel);
    CHECK(keeper.tunnel("acme").size() == 1);
    CHECK(keeper.take_down("acme").has_value());
}

std::size_t descriptors() {
    const auto all = std::filesystem::directory_iterator("/proc/self/fd");
    return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

TEST_CASE("making and removing a stack two hundred times leaves no descriptor, no mount and no device") {
    if (!enter_room()) return;
    const Uplink uplink;
    const auto kernel = open_kernel();
    StackKeeper keeper(*kernel, kTestRunDir);
    const auto mounts = [] { return output_of("cat /proc/self/mountinfo"); };
    const auto links = [] { return output_of("ip -o link | cut -d: -f2 | sort"); };
    config::Customer customer = acme();
    const auto cycle = [&] {
        const auto made = keeper.bring_up(customer);
        REQUIRE_MESSAGE(made.has_value(), made.error().what);
        REQUIRE(keeper.tunnel("acme").size() == 1);
        REQUIRE(keeper.take_down("acme").has_value());
    };
    cycle();
    const std::size_t before = descriptors();
    const std::string mounts_before = mounts();
    const std::string links_before = links();
    for (int i = 0; i < 200; ++i) {
        customer.handoff.reset();
        if (i % 4 == 1) customer.handoff = handoff(config::HandoffType::kVeth, "br0", {"10.42.0.1/24"});
        if (i % 4 == 2) customer.handoff = handoff(config::HandoffType::kMacvlan, "eth0", {"10.42.0.1/24"});
        if (i % 4 == 3) customer.handoff = handoff(config::HandoffType::kPhysical, "eth1", {"10.42.0.1/24"});
        cycle();
    }
    CHECK(descriptors() == before);
    CHECK(mounts() == mounts_before);
    CHECK(links() == links_before);
}

TEST_CASE("many stacks made and removed in parallel equal those made one by one, and leave nothing") {
    if (!enter_room()) return;
    const Uplink uplink;
    const auto kernel = open_kernel();
    StackKeeper keeper(*kernel, kTestRunDir);
    const auto mounts = [] { return output_of("cat /proc/self/mountinfo"); };
    const auto links = [] { return output_of("ip -o link | cut -d: -f2 | sort"); };
    std::vector<config::Customer> customers;
    std::vector<const config::Customer*> all;
    std::vector<std::string> ids;
    for (int i = 0; i < 90; ++i) {
        customers.push_back(acme());
        customers.back().id = "many-" + std::to_string(i);
        customers.back().handoff.reset();
        if (i % 30 == 7) customers.back().handoff = handoff(config::HandoffType::kVeth, "br0", {"10.42.0.1/24"});
        if (i == 50) customers.back().handoff = handoff(config::HandoffType::kPhysical, "eth1", {"10.42.0.1/24"});
        ids.push_back(customers.back().id);
    }
    for (const config::Customer& customer : customers) all.push_back(&customer);
    std::size_t descriptors_before = 0;
    std::string mounts_before;
    std::string links_before;
    const struct stat home = [] {
        struct stat about {};
        REQUIRE(::stat("/proc/thread-self/ns/net", &about) == 0);
        return about;
    }();
    for (int cycle = 0; cycle < 3; ++cycle) {
        const auto made = keeper.bring_up(std::span<const config::Customer* const>(all));
        REQUIRE(made.size() == all.size());
        REQUIRE(keeper.observe_uplink().has_value());
        for (std::size_t i = 0; i < made.size(); ++i) {
            REQUIRE_MESSAGE(made[i].has_value(), ids[i] << ": " << made[i].error().what);
            CHECK(made[i]->is_new);
            CHECK(made[i]->has_new_tunnel);
            CHECK(made[i]->problems.empty());
            // Its own tunnel and no other.
            const UniqueFd space(::ioctl(keeper.tunnel(ids[i]).front(), TUNGETDEVNETNS));
            const auto named = open_namespace("warren-" + ids[i]);
            struct stat a {};
            struct stat b {};
            REQUIRE(named.has_value());
            REQUIRE((::fstat(space.get(), &a) == 0 && ::fstat(named->get(), &b) == 0));
            CHECK(a.st_ino == b.st_ino);
            const auto again = keeper.preview(customers[i]);
            REQUIRE(again.has_value());
            CHECK_MESSAGE(again->steps.empty(), ids[i] << ": " << again->steps.front());
        }
        struct stat here {};
        REQUIRE(::stat("/proc/thread-self/ns/net", &here) == 0);
        CHECK(here.st_ino == home.st_ino);
        REQUIRE(keeper.take_down(std::span<const std::string>(ids)).has_value());
        if (cycle == 0) {
            descriptors_before = descriptors();
            mounts_before = mounts();
            links_before = links();
        }
    }
    CHECK(descriptors() == descriptors_before);
    CHECK(mounts() == mounts_before);
    CHECK(links() == links_before);
    CHECK(keeper.orphans({})->empty());
}

UniqueFd copy_of(int descriptor) {
    return UniqueFd(::fcntl(descriptor, F_DUPFD_CLOEXEC, 0));
}

// The descriptors of a vpnd that serves one listener and these customers.
Holdings holdings_of(const StackKeeper& keeper, const SocketGroup& group, const UapiSocket& uapi,
                     const std::vector<std::string>& customers) {
    Holdings holdings;
    ReturnedListener& listener = holdings.listeners[{}];
    listener.port = 51820;
    listener.roles = group.roles;
    listener.roles.push_back({ipc::SocketRole::kControl});
    for (const UniqueFd& socket : group.sockets) listener.descriptors.push_back(socket.duplicate());
    listener.descriptors.push_back(uapi.listener.duplicate());
    for (const std::string& id : customers) holdings.tunnels[id].push_back(copy_of(keeper.tunnel(id).front()));
    return holdings;
}

TEST_CASE("a descriptor that vpnd returns is accepted only if it is what vpnd claims") {
    if (!enter_room()) return;
    ::mkdir("/run/wireguard", 0700);
    REQUIRE(::mount("tmpfs", "/run/wireguard", "tmpfs", 0, "mode=0755") == 0);
    const auto kernel = open_kernel();
    StackKeeper keeper(*kernel, kTestRunDir);
    for (const char* id : {"acme", "globex"}) {
        config::Customer customer = acme();
        customer.id = id;
        REQUIRE(keeper.bring_up(customer).has_value());
    }
    const auto group = bind_listener(51820, 1);
    const auto other_group = bind_listener(51821, 1);
    const auto uapi = listen_uapi("", kTestRunDir);
    const auto other_uapi = listen_uapi("acme", kTestRunDir);
    ::mkdir("/run/wireguard/other", 0700);
    const auto elsewhere = listen_uapi("", "/run/wireguard/other");  // the name is taken where it would be otherwise
    REQUIRE((group && other_group && uapi && other_uapi && elsewhere));
    REQUIRE(elsewhere->path.starts_with("/run/wireguard/other/"));
    const auto sound = [&] { return holdings_of(keeper, *group, *uapi, {"acme", "globex"}); };
    const auto refused = [&](const std::function<void(Holdings&)>& change) {
        Holdings holdings = sound();
        change(holdings);
        return !inspect(holdings, kTestRunDir).has_value();
    };
    const Status taken = inspect(sound(), kTestRunDir);
    REQUIRE_MESSAGE(taken.has_value(), taken.error().what);
    CHECK(refused([](Holdings& all) { std::swap(all.tunnels["acme"], all.tunnels["globex"]); }));
    CHECK(refused(
        [](Holdings& all) { all.tunnels["acme"].front() = UniqueFd(::open("/dev/null", O_RDWR | O_CLOEXEC)); }));
    CHECK(refused([](Holdings& all) { all.tunnels["../acme"] = std::move(all.tunnels["acme"]); }));
    CHECK(refused([](Holdings& all) { all.tunnels["nobody"] = std::move(all.tunnels["acme"]); }));
    CHECK(refused([](Holdings& all) { all.listeners[{"/etc"}] = std::move(all.listeners[{}]); }));
    CHECK(refused([](Holdings& all) { all.listeners[{}].port = 51821; }));
    CHECK(refused([](Holdings& all) { all.listeners[{}].descriptors.pop_back(); }));
    CHECK(refused([](Holdings& all) {
        all.listeners[{}].descriptors.pop_back();
        all.listeners[{}].roles.pop_back();
    }));
    CHECK(refused([](Holdings& all) { all.listeners[{}].roles[1] = all.listeners[{}].roles[0]; }));
    CHECK(refused([](Holdings& all) {
        all.listeners[{}].roles.push_back({ipc::SocketRole::kSurplus});
        all.listeners[{}].descriptors.push_back(all.listeners[{}].descriptors.front().duplicate());
    }));
    CHECK(refused([](Holdings& all) { all.listeners[{}].protocol = ipc::Protocol::kTcp; }));
    CHECK(refused(
        [](Holdings& all) { std::swap(all.listeners[{}].descriptors.front(), all.listeners[{}].descriptors.back()); }));
    CHECK(refused(
        [&](Holdings& all) { all.listeners[{}].descriptors.front() = other_group->sockets.front().duplicate(); }));
    CHECK(refused([&](Holdings& all) { all.listeners[{}].descriptors.back() = elsewhere->listener.duplicate(); }));
    CHECK(refused([](Holdings& all) {
        const auto stack = open_namespace("warren-acme");
        const auto home = current_namespace();
        const auto inside = InNamespace::enter(stack->get(), home->get());
        all.listeners[{}].descriptors.front() = std::move(bind_listener(51820, 1)->sockets.front());
    }));
    CHECK(refused([](Holdings& all) { all.workers = 2; }));
    // Another listener's control socket costs only itself.
    Holdings renamed = sound();
    ReturnedListener& held = renamed.listeners[{}];
    held.descriptors.back() = other_uapi->listener.duplicate();
    CHECK(inspect(renamed, kTestRunDir).has_value());
    ListenerTable table(kTestRunDir, 1);
    CHECK_FALSE(table.adopt({}, {held.protocol, held.port}, held.roles, std::move(held.descriptors)));
    CHECK(table.size() == group->sockets.size());
    run("ip -n warren-acme link del vpn0");  // by hand: harmless, and repaired by the next plan
    CHECK(inspect(sound(), kTestRunDir).has_value());
    for (const char* id : {"acme", "globex"}) REQUIRE(keeper.take_down(id).has_value());
    run("umount -l /run/wireguard");
}

}  // namespace
}  // namespace warren::stacks
