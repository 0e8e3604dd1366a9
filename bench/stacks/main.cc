// The cost of a stack: makes N stacks and removes them, in its own network namespace, and prints one JSON document.
// With
// --cycles it makes and removes the same few stacks again and again, and shows that memory, descriptors and mounts
// return to their first values.
#include <dirent.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <boost/program_options.hpp>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <map>
#include <sstream>
#include <string>
#include <thread>

#include "stacks/kernel/linux_kernel.h"
#include "stacks/plan/plan.h"

namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using warren::stacks::LinuxKernel;

constexpr const char* kRunDir = "/run/warren-bench";

double milliseconds_since(Clock::time_point start) {
    return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

struct Size {
    unsigned peers = 10;
    unsigned rules = 0;
};

// `first`: what the first rule does.
warren::stacks::DesiredStack stack_number(
    unsigned number, const Size& size, warren::config::FirewallAction first = warren::config::FirewallAction::kDrop) {
    warren::config::Customer customer;
    customer.id = "wst-bench-" + std::to_string(number);
    customer.stack.addresses = {*warren::parse_prefix("10.0.0.1/24"), *warren::parse_prefix("fd00:42::1/64")};
    for (unsigned i = 0; i < size.peers; ++i) {
        warren::config::Peer peer;
        peer.name = "peer-" + std::to_string(i);
        peer.allowed_ips = {
            *warren::parse_prefix("10." + std::to_string(1 + i / 256) + "." + std::to_string(i % 256) + ".0/24")};
        customer.peers.push_back(std::move(peer));
    }
    for (unsigned i = 0; i < size.rules; ++i) {
        warren::config::FirewallRule rule;
        rule.name = "rule " + std::to_string(i);
        rule.from = {"peer:peer-" + std::to_string(i % size.peers)};
        rule.to = {"192.168." + std::to_string(i % 256) + ".0/24"};
        rule.protocol = warren::config::FirewallProtocol::kTcp;
        rule.ports = {{443, 443}, {8000, 8010}};
        rule.action = i == 0 ? first : warren::config::FirewallAction::kAccept;
        customer.firewall.rules.push_back(std::move(rule));
    }
    return warren::stacks::desired_stack(customer, kRunDir);
}

std::vector<warren::stacks::Sysctl> watched(const warren::stacks::DesiredStack& stack) {
    std::vector<warren::stacks::Sysctl> all = stack.sysctls;
    const auto device = warren::stacks::device_sysctls(warren::stacks::kTunnelDevice, true);
    all.insert(all.end(), device.begin(), device.end());
    return all;
}

// Ends the program, because a failed benchmark has no figures.
void must(const warren::Status& status) {
    if (status) return;
    std::cerr << "bench-stacks: " << status.error().what << "\n";
    std::exit(4);
}
template <typename T>
T must(warren::Result<T> result) {
    if (result) return std::move(*result);
    std::cerr << "bench-stacks: " << result.error().what << "\n";
    std::exit(4);
}

std::size_t descriptors() {
    std::size_t count = 0;
    DIR* directory = ::opendir("/proc/self/fd");
    while (::readdir(directory) != nullptr) ++count;
    ::closedir(directory);
    return count - 3;  // ".", ".." and the directory itself
}

// A line "NAME:  N kB" of a file below /proc.
long kilobytes(const std::string& file, const std::string& name) {
    std::ifstream in(file);
    std::string word;
    long value = 0;
    while (in >> word) {
        if (word == name && in >> value) return value;
    }
    return 0;
}

std::size_t mounts() {
    std::ifstream in("/proc/self/mountinfo");
    std::string line;
    std::size_t count = 0;
    while (std::getline(in, line)) ++count;
    return count;
}

// The kernel frees a namespace's memory some time after its last descriptor is gone.
void settle() {
    long before = kilobytes("/proc/meminfo", "MemAvailable:");
    for (int i = 0; i < 40; ++i) {
        std::this_thread::sleep_for(500ms);
        const long now = kilobytes("/proc/meminfo", "MemAvailable:");
        if (std::abs(now - before) < 512) return;
        before = now;
    }
}

// What the objects in use of each slab cache take, in bytes (slabinfo(5)). Empty: not root, or a kernel without it.
std::map<std::string, double> slab_caches() {
    std::map<std::string, double> out;
    std::ifstream in("/proc/slabinfo");
    std::string line;
    while (std::getline(in, line)) {
        std::istringstream words(line);
        std::string name;
        double active = 0, all = 0, size = 0;
        if (words >> name >> active >> all >> size) out[name] += active * size;
    }
    return out;
}

void print_caches(const std::map<std::string, double>& before, const std::map<std::string, double>& with,
                  unsigned stacks) {
    constexpr double kLeast = 0.05;  // KB; below it is the noise of others
    std::printf("  \"caches_kb_per_stack\": {");
    const char* separator = "";
    for (const auto& [name, bytes] : with) {
        const auto old = before.find(name);
        const double each = (bytes - (old == before.end() ? 0 : old->second)) / 1024 / stacks;
        if (each < kLeast) continue;
        std::printf("%s\"%s\": %.2f", separator, name.c_str(), each);
        separator = ", ";
    }
    std::printf("},\n");
}

struct Memory {
    long resident = kilobytes("/proc/self/status", "VmRSS:");
    long slab_unreclaimable = kilobytes("/proc/meminfo", "SUnreclaim:");
    long percpu = kilobytes("/proc/meminfo", "Percpu:");
    long available = kilobytes("/proc/meminfo", "MemAvailable:");
    std::size_t fds = descriptors();
    std::size_t mount_points = mounts();
};

void print(const char* name, const Memory& memory) {
    std::printf(
        "  \"%s\": {\"rss_kb\": %ld, \"slab_unreclaimable_kb\": %ld, \"percpu_kb\": %ld, \"available_kb\": %ld, "
        "\"fds\": %zu, \"mounts\": "
        "%zu}",
        name, memory.resident, memory.slab_unreclaimable, memory.percpu, memory.available, memory.fds,
        memory.mount_points);
}

warren::UniqueFd create(LinuxKernel& kernel, const warren::stacks::DesiredStack& desired,
                        const warren::stacks::ObservedUplink& uplink) {
    const auto plan = must(warren::stacks::plan(desired, {}, uplink));
    must(kernel.carry_out(desired.name, plan.steps));
    return std::move(must(kernel.release_tunnel(desired.name, 1)).front());
}

void remove(LinuxKernel& kernel, const warren::stacks::DesiredStack& desired) {
    const auto observed = must(kernel.observe(desired.name, {}));
    const auto plan = must(warren::stacks::plan_removal(desired.owner, observed));
    must(kernel.carry_out(desired.name, plan.steps));
}

void measure_once(LinuxKernel& kernel, unsigned stacks, const Size& size) {
    const auto uplink = must(kernel.observe_uplink());
    const Memory before;
    const auto caches_before = slab_caches();
    std::vector<warren::UniqueFd> tunnels;
    const auto create_start = Clock::now();
    // What a stack costs beside many others shows in the difference of the two.
    const unsigned few = std::max(1U, std::min(100U, stacks / 2));
    double first_ms = 0, until_last_ms = 0;
    for (unsigned i = 0; i < stacks; ++i) {
        if (i == few) first_ms = milliseconds_since(create_start);
        if (i == stacks - few) until_last_ms = milliseconds_since(create_start);
        tunnels.push_back(create(kernel, stack_number(i, size), uplink));
    }
    const double create_ms = milliseconds_since(create_start);
    const Memory with;
    const auto caches_with = slab_caches();

    const auto observe_start = Clock::now();
    std::size_t leftover_steps = 0;
    for (unsigned i = 0; i < stacks; ++i) {
        const auto desired = stack_number(i, size);
        leftover_steps +=
            must(warren::stacks::plan(desired, must(kernel.observe(desired.name, watched(desired))), uplink))
                .steps.size();
    }
    const double observe_ms = milliseconds_since(observe_start);

    const auto change_start = Clock::now();
    for (unsigned i = 0; size.rules > 0 && i < stacks; ++i) {
        const auto desired = stack_number(i, size, warren::config::FirewallAction::kReject);
        const auto observed = must(kernel.observe(desired.name, watched(desired)));
        must(kernel.carry_out(desired.name, must(warren::stacks::plan(desired, observed, uplink)).steps));
    }
    const double change_ms = milliseconds_since(change_start);

    const auto remove_start = Clock::now();
    tunnels.clear();
    for (unsigned i = 0; i < stacks; ++i) remove(kernel, stack_number(i, size));
    const double remove_ms = milliseconds_since(remove_start);
    settle();
    const double gone_ms = milliseconds_since(remove_start);
    const Memory after;
    std::printf(
        "  \"create_ms_per_stack\": %.3f,\n  \"observe_and_plan_ms_per_stack\": %.3f,\n  \"remove_ms_per_stack\": "
        "%.3f,\n",
        create_ms / stacks, observe_ms / stacks, remove_ms / stacks);
    std::printf("  \"create_ms_first\": %.3f,\n  \"create_ms_last\": %.3f,\n", first_ms / few,
                (create_ms - until_last_ms) / few);
    print_caches(caches_before, caches_with, stacks);
    if (size.rules > 0) std::printf("  \"change_a_rule_ms_per_stack\": %.3f,\n", change_ms / stacks);
    std::printf("  \"all_memory_back_ms\": %.0f,\n  \"steps_planned_after_applying\": %zu,\n", gone_ms, leftover_steps);
    std::printf("  \"kernel_kb_per_stack\": %.1f,\n", static_cast<double>(before.available - with.available) / stacks);
    print("before", before);
    std::printf(",\n");
    print("with_stacks", with);
    std::printf(",\n");
    print("after", after);
    std::printf("\n");
}

// Keeps the stacks until a line, or the end, comes on standard input.
void hold(LinuxKernel& kernel, unsigned stacks, const Size& size) {
    const auto uplink = must(kernel.observe_uplink());
    std::vector<warren::UniqueFd> tunnels;
    for (unsigned i = 0; i < stacks; ++i) tunnels.push_back(create(kernel, stack_number(i, size), uplink));
    std::cout << "made" << std::endl;
    std::string line;
    std::getline(std::cin, line);
    tunnels.clear();
    for (unsigned i = 0; i < stacks; ++i) remove(kernel, stack_number(i, size));
}

void measure_cycles(LinuxKernel& kernel, unsigned cycles, const Size& size) {
    const auto uplink = must(kernel.observe_uplink());
    const auto cycle = [&](unsigned count) {
        for (unsigned i = 0; i < count; ++i) {
            const auto desired = stack_number(i % 8, size);
            create(kernel, desired, uplink).reset();
            remove(kernel, desired);
        }
    };
    cycle(std::min(cycles, 500U));  // fills the kernel's caches
    settle();
    const Memory before;
    const auto start = Clock::now();
    cycle(cycles);
    const double total_ms = milliseconds_since(start);
    settle();
    const Memory after;
    std::printf("  \"create_and_remove_ms\": %.3f,\n", total_ms / cycles);
    print("before", before);
    std::printf(",\n");
    print("after", after);
    std::printf("\n");
}

}  // namespace

int main(int argc, char** argv) {
    namespace options = boost::program_options;
    unsigned stacks = 1000, cycles = 0;
    Size size;
    options::options_description description("Measures the cost of a stack. Options");
    description.add_options()("stacks", options::value(&stacks), "number of stacks at a time (default 1000)")(
        "cycles", options::value(&cycles), "instead, make and remove this many stacks, one after the other")(
        "peers", options::value(&size.peers), "AllowedIPs per stack (default 10)")(
        "rules", options::value(&size.rules), "rules of the firewall per stack (default 0)")(
        "hold", "instead, keep the stacks until a line comes on standard input")("help", "show this help");
    options::variables_map chosen;
    try {
        options::store(options::parse_command_line(argc, argv, description), chosen);
        options::notify(chosen);
    } catch (const options::error& error) {
        std::cerr << "bench-stacks: " << error.what() << "\n";
        return 2;
    }
    if (chosen.count("help") != 0) {
        std::cout << description;
        return 0;
    }
    if (::unshare(CLONE_NEWNET) != 0) {
        std::cerr << "bench-stacks: run this as root, because it makes network namespaces\n";
        return 4;
    }
    rlimit files{};
    ::getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &files);
    const auto kernel = must(LinuxKernel::open());
    if (chosen.count("hold") != 0) {
        hold(*kernel, stacks, size);
        return 0;
    }
    utsname machine{};
    ::uname(&machine);
    std::printf(
        "{\n  \"kernel\": \"%s\", \"cpus\": %u, \"stacks\": %u, \"cycles\": %u, \"peers_per_stack\": %u, "
        "\"rules_per_stack\": %u,\n",
        machine.release, std::thread::hardware_concurrency(), stacks, cycles, size.peers, size.rules);
    if (cycles > 0) {
        measure_cycles(*kernel, cycles, size);
    } else {
        measure_once(*kernel, stacks, size);
    }
    std::printf("}\n");
    return 0;
}
