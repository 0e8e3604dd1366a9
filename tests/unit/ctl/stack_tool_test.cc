#include <doctest/doctest.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/file.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "ctl/ask/confined.h"
#include "ctl/ask/control_client.h"
#include "ctl/ask/held_stack.h"
#include "ctl/ask/resolver.h"
#include "ctl/ask/stack_devices.h"
#include "ctl/ask/stack_processes.h"
#include "ctl/ask/stack_sockets.h"
#include "ctl/show/json.h"
#include "ctl/show/stack_views.h"

namespace warren::ctl {

TEST_CASE("the times of a process are found behind a name with any characters") {
    const std::string behind = " S 1 2 3 4 5 6 7 8 9 10 120 30 0 0 20 0 1 0 9900 0 0";
    CHECK(parse_times("12 (sh) " + behind.substr(1)) == ProcessTimes{120, 30, 9900});
    CHECK(parse_times("12 (a) b (c) 9 9 9)" + behind) == ProcessTimes{120, 30, 9900});
    CHECK_FALSE(parse_times(""));
    CHECK_FALSE(parse_times("12 (sh) S 1 2"));
}

TEST_CASE("a stack that another program has for itself is not held, and the lock is not promised") {
    std::string path = std::filesystem::temp_directory_path() / "warren-held-XXXXXX";
    const UniqueFd other(::mkstemp(path.data()));
    const UniqueFd stack(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    std::filesystem::remove(path);
    REQUIRE(::flock(other.get(), LOCK_EX | LOCK_NB) == 0);
    const Status refused = share_stack(stack, "acme");
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().code == ErrorCode::kUnavailable);
    CHECK(refused.error().what.starts_with("another program has the stack of customer acme for itself"));
    REQUIRE(::flock(other.get(), LOCK_SH | LOCK_NB) == 0);
    CHECK(share_stack(stack, "acme").has_value());
    CHECK(::flock(other.get(), LOCK_EX | LOCK_NB) != 0);
}

TEST_CASE("what stackd says of a stack is of that customer's, and of stacks alone") {
    using Kind = ipc::ControlText::Kind;
    StackdStatus stackd;
    stackd.problems = {{Kind::kNote, "acme", "refused: no"},
                       {Kind::kIncomplete, "globex", "no room; Warren retries\nmore"}};
    CHECK(stack_problem_of(stackd, "acme").empty());
    CHECK(stack_problem_of(stackd, "globex") == "no room; Warren retries");
}

TEST_CASE("the leaf of a customer's control group") {
    CHECK(leaf_in("0::/warren.slice/customer-acme/unbound\n") == "unbound");
    CHECK(leaf_in("4:memory:/x\n0::/../warren.slice/customer-acme/exec\n") == "exec");
    CHECK(leaf_in("0::/warren.slice/customer-acme\n").empty());
    CHECK(leaf_in("0::/\n").empty());
    CHECK(leaf_in("1:cpu:/warren.slice/customer-acme/exec\n").empty());  // of another version
}

TEST_CASE("sockets are read from the kernel's tables, and other lines are left out") {
    const std::string_view v4 =
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
        "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0 100 0\n"
        "   1: 0100000A:01BB 0200000A:C001 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0 20 4 30\n"
        "   2: 0100000:01BB 0200000A:C001 01 x\nnonsense\n";
    const auto sockets = parse_sockets(v4, "tcp", true);
    REQUIRE(sockets.size() == 2);
    CHECK(to_string(sockets[0].local) == "127.0.0.1:8080");
    CHECK(sockets[0].state == "listen");
    CHECK(sockets[0].inode == 4711);
    CHECK(to_string(sockets[1].remote) == "10.0.0.2:49153");
    CHECK(sockets[1].state == "established");
    const std::string_view v6 =
        "titles\n"
        "   0: 000042FD000000000000000001000000:0035 00000000000000000000000000000000:0000 07 0:0 0:0 0 0 0 9 1\n";
    const auto six = parse_sockets(v6, "udp", false);
    REQUIRE(six.size() == 1);
    CHECK(to_string(six[0].local) == "[fd42::1]:53");
    CHECK(six[0].state.empty());
}

TEST_CASE("counters of both families have one form") {
    const auto counters =
        parse_snmp("Ip: Forwarding InReceives\nIp: 1 42\nUdp: InDatagrams\nUdp: 7\nIp6InReceives  \t9\n");
    CHECK(counters.at("IpInReceives") == 42);
    CHECK(counters.at("UdpInDatagrams") == 7);
    CHECK(counters.at("Ip6InReceives") == 9);
    CHECK(parse_snmp("Ip: A B\n").empty());
}

TEST_CASE("a device is read from the kernel's message") {
    std::vector<char> space(4096);
    nlmsghdr* message = mnl_nlmsg_put_header(space.data());
    message->nlmsg_type = RTM_NEWLINK;
    auto* link = static_cast<ifinfomsg*>(mnl_nlmsg_put_extra_header(message, sizeof(ifinfomsg)));
    link->ifi_index = 7;
    link->ifi_flags = IFF_UP;
    mnl_attr_put_strz(message, IFLA_IFNAME, "eth5");
    mnl_attr_put_strz(message, IFLA_IFALIAS, "a name");
    mnl_attr_put_u32(message, IFLA_MTU, 1400);
    mnl_attr_put_u32(message, IFLA_MASTER, 3);
    mnl_attr_put_u32(message, IFLA_LINK, 4);
    nlattr* info = mnl_attr_nest_start(message, IFLA_LINKINFO);
    mnl_attr_put_strz(message, IFLA_INFO_KIND, "veth");
    mnl_attr_nest_end(message, info);
    rtnl_link_stats64 counted{};
    counted.rx_packets = 1;
    counted.tx_packets = 2;
    counted.rx_bytes = 3;
    counted.tx_bytes = 4;
    counted.rx_dropped = 5;
    counted.tx_dropped = 6;
    mnl_attr_put(message, IFLA_STATS64, sizeof counted, &counted);
    const StackDevice device = parse_device(*message);
    CHECK(device == StackDevice{7, "eth5", "veth", "a name", true, 1400, 3, 4, {}, 3, 4, 1, 2, 5, 6});
    mnl_attr_put_u32(message, IFLA_LINK_NETNSID, 0);
    CHECK(parse_device(*message).link == 0);  // an index of another namespace
    message->nlmsg_type = RTM_NEWADDR;
    CHECK(parse_device(*message).index == 0);
}

TEST_CASE("a stack asks the customer's own resolver, never the host's") {
    config::Customer customer;
    customer.id = "acme";
    customer.stack.addresses = {*parse_prefix("10.0.0.1/24")};
    CHECK(resolv_conf_of(customer).find("nameserver") == std::string::npos);
    customer.clients.emplace();
    customer.clients->dns = {*parse_ip("10.0.0.53")};
    customer.clients->search = {"acme.example"};
    CHECK(resolv_conf_of(customer).find("nameserver 10.0.0.53\nsearch acme.example\n") != std::string::npos);
    customer.dns.emplace();
    customer.dns->listen = {*parse_ip("10.0.0.1")};
    customer.dns->domain = "acme.internal";
    CHECK(resolv_conf_of(customer).find("nameserver 10.0.0.1\nsearch acme.internal\n") != std::string::npos);
    CHECK(resolv_conf_of(customer).find("10.0.0.53") == std::string::npos);
}

TEST_CASE("hosts have the peers that are one address, if their names can be names of hosts") {
    config::Customer customer;
    customer.id = "acme";
    customer.stack.addresses = {*parse_prefix("10.0.0.1/24")};
    customer.dns.emplace();
    customer.dns->domain = "acme.internal";
    customer.dns->hosts = {{"printer", {*parse_ip("10.0.1.9")}}};
    config::Peer laptop;
    laptop.name = "laptop";
    laptop.allowed_ips = {*parse_prefix("10.0.0.2/32"), *parse_prefix("10.7.0.0/16")};
    config::Peer strange = laptop;
    strange.name = "not a host\n1.2.3.4 bank.example";
    customer.peers = {laptop, strange};
    const std::string hosts = hosts_of(customer);
    CHECK(hosts.find("10.0.0.1 acme\n") != std::string::npos);
    CHECK(hosts.find("10.0.0.2 laptop laptop.acme.internal\n") != std::string::npos);
    CHECK(hosts.find("10.0.1.9 printer printer.acme.internal\n") != std::string::npos);
    CHECK(hosts.find("bank.example") == std::string::npos);
    CHECK(hosts.find("10.7.0.0") == std::string::npos);
}

TEST_CASE("Warren's own services are told from programs, with control groups and without") {
    std::string pattern = "/tmp/warren-noted-XXXXXX";
    const std::filesystem::path run_dir = ::mkdtemp(pattern.data());
    for (const char* name : {"acme.dns", "acme.bgp", "acme2.dns", "acme.empty", ".root"})
        std::filesystem::create_directories(run_dir / "services" / name);
    const pid_t pid = ::getpid();
    std::ifstream stat_file("/proc/self/stat");
    const std::string stat{std::istreambuf_iterator<char>(stat_file), std::istreambuf_iterator<char>()};
    const std::uint64_t began = parse_times(stat)->began;
    std::ofstream(run_dir / "services" / "acme.dns" / "pid") << pid << " " << began << "\n";
    std::ofstream(run_dir / "services" / "acme.bgp" / "pid") << "nonsense\n";
    std::ofstream(run_dir / "services" / "acme2.dns" / "pid") << "18 9900\n";
    const auto noted = noted_services(run_dir, "acme");
    CHECK(noted == std::vector<pid_t>{pid});
    // A process that has the number since.
    std::ofstream(run_dir / "services" / "acme.dns" / "pid") << pid << " " << began + 1 << "\n";
    CHECK(noted_services(run_dir, "acme").empty());
    std::filesystem::remove_all(run_dir);
    CHECK(noted_services(run_dir, "acme").empty());
    StackProcess process;
    process.pid = 40;
    CHECK_FALSE(is_service(process, noted));
    process.parent = pid;  // its keeper
    CHECK(is_service(process, noted));
    process.parent = 1;
    process.leaf = "exec";
    CHECK_FALSE(is_service(process, noted));
    process.leaf = "dns";
    CHECK(is_service(process, noted));
    process.leaf.clear();
    process.pid = pid;
    CHECK(is_service(process, noted));
}

TEST_CASE("stackd is nobody's program, and no program of a customer's is stackd") {
    CHECK(is_own_daemon(0, "/usr/sbin/stackd"));
    CHECK(is_own_daemon(0, "/usr/sbin/stackd (deleted)"));
    CHECK_FALSE(is_own_daemon(65534, "/tmp/stackd"));
    CHECK_FALSE(is_own_daemon(0, "/usr/bin/sleep"));
    CHECK_FALSE(is_own_daemon(0, "/tmp/stackd/sleep"));
}

TEST_CASE("links are followed to their end, also where nothing is there") {
    std::string pattern = "/tmp/warren-links-XXXXXX";
    const std::filesystem::path root = ::mkdtemp(pattern.data());
    std::filesystem::create_directories(root / "etc");
    std::filesystem::create_directories(root / "run");
    std::filesystem::create_symlink("run", root / "old");
    std::filesystem::create_symlink("../old/resolve/stub.conf", root / "etc" / "resolv.conf");
    std::filesystem::create_symlink("resolv.conf", root / "etc" / "second");
    std::filesystem::create_symlink("loop", root / "etc" / "loop");
    CHECK(end_of_links(root / "etc" / "second") == root / "run" / "resolve" / "stub.conf");
    CHECK(end_of_links(root / "etc" / "hosts") == root / "etc" / "hosts");
    CHECK(end_of_links(root / "etc" / "loop") == root / "etc" / "loop");
    std::filesystem::remove_all(root);
}

TEST_CASE("programs run as an ordinary user unless one is named") {
    CHECK(find_user("root").value().user == 0);
    CHECK(find_user("65534").value().user == 65534);
    CHECK_FALSE(find_user("no-such-user-here"));
    CHECK_FALSE(find_user("4294967295"));  // (uid_t)-1, with which setresuid() changes nothing
    CHECK(find_user("4294967294").value().group == 65534);
    ::setenv("SUDO_UID", "4294967295", 1);
    CHECK(usual_user() == "nobody");
    ::setenv("SUDO_UID", "0", 1);
    CHECK(usual_user() == "nobody");
    ::setenv("SUDO_UID", "65534", 1);
    CHECK(usual_user() == "65534");
    ::unsetenv("SUDO_UID");
    CHECK(usual_user() == "nobody");
}

TEST_CASE("what cannot be counted is said") {
    ShownStack stack;
    stack.summary.customer = "acme";
    stack.summary.state = "up";
    stack.summary.processes = {{4711, "nobody", "sleep 9\x1b", 2'000'000'000, 4096, 61, "exec"}};
    stack.processor.packets_in = 1'000'000'000;
    stack.processor.packets_out = 500'000'000;
    stack.processor.no_programs = "no control groups of version 2 are mounted at /sys/fs/cgroup";
    CHECK(stack_text(stack).find("programs  not counted: no control groups") != std::string::npos);
    CHECK(stack_text(stack).find("soft interrupts") != std::string::npos);
    CHECK(stack_text(stack).find('\x1b') == std::string::npos);
    stack.processor.no_programs.clear();
    stack.processor.programs = CustomerGroups::Usage{250'000'000, std::nullopt, std::nullopt};
    const std::string text = stack_text(stack);
    CHECK(text.find("processor   1.750 s\n") != std::string::npos);
    CHECK(text.find("programs  0.250 s, without a weight") != std::string::npos);
    const Json document = Json::parse(stack_json(stack));
    CHECK(document["processor"]["programs_ns"] == 250'000'000);
    CHECK(document["processor"]["weight"].is_null());
    CHECK(document["processes"][0]["group"] == "exec");
}

TEST_CASE("the list has a line for each stack, and with --recursive what is in it") {
    StackSummary stack;
    stack.customer = "acme";
    stack.state = "up";
    stack.devices = {{1, "lo", "", "", true, 65536, 0, 0, {}, 0, 0, 0, 0, 0, 0}};
    stack.processes = {{4711, "nobody", "unbound", 0, 1 << 20, 61, "unbound"}};
    stack.seconds = 7200;
    const std::string list = stacks_text({stack, {"lost", "missing", {}, {}, 0}}, false);
    CHECK(list.find("acme      up             1          1  1.00 MiB  120 min\n") != std::string::npos);
    CHECK(list.find("lost      missing        0") != std::string::npos);
    CHECK(list.find("4711") == std::string::npos);
    CHECK(stacks_text({stack}, true).find("4711") != std::string::npos);
    CHECK(Json::parse(stacks_json({stack}))["stacks"][0]["processes"][0]["pid"] == 4711);
}

}  // namespace warren::ctl
