#include "ctl/ask/twin.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <ifaddrs.h>
#include <libmnl/libmnl.h>
#include <linux/if_tun.h>
#include <linux/netfilter/nfnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <map>
#include <set>
#include <thread>
#include <utility>

#include "base/bytes.h"
#include "base/fd.h"
#include "base/socket_address.h"
#include "ctl/ask/netns.h"
#include "ctl/ask/program.h"

namespace warren::ctl {

namespace {

constexpr std::size_t kMostRoutes = 5'000;
constexpr std::size_t kSpace = 65'536;
// Milliseconds. The kernel is done before write() returns, nearly always; until it has begun, more may go by.
constexpr int kPatience = 100;
constexpr int kPatienceToBegin = 1'000;
constexpr int kTurn = 5;
constexpr std::uint8_t kIcmp = 1;
constexpr std::uint8_t kTcp = 6;
constexpr std::uint8_t kIcmpv6 = 58;
constexpr std::uint8_t kTcpReset = 4;

// What decides how packets go, below /proc/sys/net.
constexpr std::array kSwitches{"ipv4/ip_forward",         "ipv6/conf/all/forwarding",   "ipv6/conf/default/forwarding",
                               "ipv4/conf/all/rp_filter", "ipv4/conf/all/accept_local", "ipv4/conf/all/route_localnet"};
constexpr std::array kDeviceSwitches{"ipv4/conf/{}/rp_filter", "ipv4/conf/{}/forwarding", "ipv4/conf/{}/accept_local",
                                     "ipv6/conf/{}/forwarding", "ipv6/conf/{}/disable_ipv6"};

struct Device {
    std::string name;
    int mtu = 0;
    std::vector<std::pair<IpAddress, unsigned>> addresses;  // with the lengths of their prefixes
};

// What is copied of the stack.
struct Original {
    std::vector<Device> devices;
    std::map<std::string, std::string> switches;  // by path
    Ruleset rules;
};

unsigned length_of(const sockaddr* mask) {
    if (mask == nullptr) return 0;
    unsigned out = 0;
    if (mask->sa_family == AF_INET) {
        sockaddr_in in{};
        std::memcpy(&in, mask, sizeof in);
        return static_cast<unsigned>(std::popcount(in.sin_addr.s_addr));
    }
    sockaddr_in6 in6{};
    std::memcpy(&in6, mask, sizeof in6);
    for (const std::uint8_t byte : in6.sin6_addr.s6_addr) out += static_cast<unsigned>(std::popcount(byte));
    return out;
}

int mtu_of(const std::string& device) {
    const UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ifreq request{};
    std::copy_n(device.begin(), std::min<std::size_t>(device.size(), IFNAMSIZ - 1), request.ifr_name);
    return ::ioctl(socket.get(), SIOCGIFMTU, &request) == 0 ? request.ifr_mtu : 1500;
}

// In the stack.
Result<std::vector<Device>> read_devices() {
    ifaddrs* first = nullptr;
    if (::getifaddrs(&first) != 0) return fail_errno("list addresses", errno);
    const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> all(first, &::freeifaddrs);
    std::vector<Device> out;
    for (const ifaddrs* one = first; one != nullptr; one = one->ifa_next) {
        std::string name = one->ifa_name;
        name.resize(std::min(name.size(), name.find(':')));  // an address may have a label of its own: "eth0:1"
        if (name == "lo" || (one->ifa_flags & IFF_UP) == 0) continue;
        auto found = std::find_if(out.begin(), out.end(), [&](const Device& device) { return device.name == name; });
        if (found == out.end()) found = out.insert(out.end(), Device{name, mtu_of(name), {}});
        if (one->ifa_addr == nullptr) continue;
        const int family = one->ifa_addr->sa_family;
        if (family != AF_INET && family != AF_INET6) continue;
        sockaddr_storage address{};
        std::memcpy(&address, one->ifa_addr, family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6));
        const IpAddress ip = endpoint_of(address).address;
        if (!ip.is_link_local()) found->addresses.emplace_back(ip, length_of(one->ifa_netmask));
    }
    return out;
}

std::map<std::string, std::string> read_switches(const std::vector<Device>& devices) {
    std::vector<std::string> names(kSwitches.begin(), kSwitches.end());
    for (const Device& device : devices) {
        for (const char* pattern : kDeviceSwitches) names.push_back(fmt::format(fmt::runtime(pattern), device.name));
    }
    std::map<std::string, std::string> out;
    for (const std::string& name : names) {
        std::ifstream file("/proc/sys/net/" + name);
        std::string value;
        if (file >> value) out[name] = value;
    }
    return out;
}

Result<Original> read_original() {
    Original out;
    auto devices = read_devices();
    if (!devices) return tl::unexpected<Error>(devices.error());
    out.devices = std::move(*devices);
    out.switches = read_switches(out.devices);
    auto rules = read_ruleset();
    if (!rules) return tl::unexpected<Error>(rules.error());
    out.rules = std::move(*rules);
    return out;
}

Result<UniqueFd> make_device(const std::string& name) {
    UniqueFd device(::open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK));
    if (!device.valid()) return fail_errno("/dev/net/tun", errno);
    ifreq request{};
    std::copy_n(name.begin(), std::min<std::size_t>(name.size(), IFNAMSIZ - 1), request.ifr_name);
    request.ifr_flags = IFF_TUN | IFF_NO_PI;
    if (::ioctl(device.get(), TUNSETIFF, &request) != 0) return fail_errno("make device " + name, errno);
    return device;
}

// For `ip -batch`. Routes that the kernel makes by itself are there already, and replaced by the same.
std::string commands_for(const Original& original, const std::vector<Twin::Route>& routes) {
    std::string out = "link set lo up\n";
    for (const Device& device : original.devices) {
        out += fmt::format("link set dev {} mtu {} up\n", device.name, device.mtu);
        for (const auto& [address, length] : device.addresses)
            out += fmt::format("addr add {}/{} dev {}{}\n", to_string(address), length, device.name,
                               address.is_v4() ? "" : " nodad");
    }
    // Those without a gateway first: the others need them.
    for (const bool has_gateway : {false, true}) {
        for (const Twin::Route& route : routes) {
            if (route.via.empty() == has_gateway || route.to.address.is_multicast() || route.to.address.is_link_local())
                continue;
            out +=
                fmt::format("route replace {} {}{}{}{}\n", route.type, to_string(route.to),
                            has_gateway ? " via " + route.via : "", route.device.empty() ? "" : " dev " + route.device,
                            route.metric == 0 ? "" : fmt::format(" metric {}", route.metric));
        }
    }
    return out;
}

}  // namespace

struct Twin::State {
    UniqueFd space;                           // the namespace
    std::map<std::string, UniqueFd> devices;  // by name
    UniqueFd raw4;                            // what the stack itself sends
    UniqueFd raw6;
    std::unique_ptr<mnl_socket, int (*)(mnl_socket*)> trace{nullptr, &mnl_socket_close};
    std::map<std::uint64_t, std::string> texts;

    // In a thread of its own, whose namespace the twin becomes.
    Status build(const Original& original, const std::vector<Route>& routes) {
        if (::unshare(CLONE_NEWNET) != 0) return fail_errno("make a network namespace", errno);
        space = UniqueFd(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
        if (!space.valid()) return fail_errno("/proc/thread-self/ns/net", errno);
        for (const Device& device : original.devices) {
            auto made = make_device(device.name);
            if (!made) return tl::unexpected<Error>(made.error());
            devices[device.name] = std::move(*made);
        }
        const auto ran = run_program({"ip", "-force", "-batch", "-"}, commands_for(original, routes));
        if (!ran) return with_context("ip", ran.error());
        for (const auto& [name, value] : original.switches) {
            std::ofstream file("/proc/sys/net/" + name);
            file << value;
        }
        WARREN_TRY(load_ruleset(original.rules));
        auto found = rule_texts();
        if (!found) return tl::unexpected<Error>(found.error());
        texts = std::move(*found);
        raw4 = UniqueFd(::socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW));
        raw6 = UniqueFd(::socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW));
        trace.reset(mnl_socket_open(NETLINK_NETFILTER));
        if (trace == nullptr || mnl_socket_bind(trace.get(), 0, MNL_SOCKET_AUTOPID) < 0)
            return fail_errno("netlink", errno);
        int group = NFNLGRP_NFTRACE;
        if (mnl_socket_setsockopt(trace.get(), NETLINK_ADD_MEMBERSHIP, &group, sizeof group) < 0)
            return fail_errno("listen to the trace", errno);
        return {};
    }

    // Everything that was traced since.
    std::vector<TraceStep> take_trace() const {
        std::vector<TraceStep> out;
        std::vector<char> bytes(kSpace);
        while (true) {
            const ssize_t got = ::recv(mnl_socket_get_fd(trace.get()), bytes.data(), bytes.size(), MSG_DONTWAIT);
            if (got <= 0) return out;
            int left = static_cast<int>(got);
            const auto* message = reinterpret_cast<const nlmsghdr*>(bytes.data());
            for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) {
                if (auto step = parse_trace(*message)) out.push_back(std::move(*step));
            }
        }
    }

    [[nodiscard]] std::string text_of(const TraceStep& step) const {
        const auto text = texts.find(step.handle);
        return text == texts.end() || step.handle == 0 ? "" : text->second;
    }

    // False: the stack did not even begin to send it.
    Result<bool> inject(const std::string& device, const std::vector<std::uint8_t>& packet) const {
        ssize_t sent = -1;
        if (device.empty()) {
            const bool is_v4 = packet[0] >> 4 == 4;
            const IpAddress to = IpAddress::from_bytes(Bytes(packet).subspan(is_v4 ? 16 : 24, is_v4 ? 4 : 16));
            sockaddr_storage address{};
            const socklen_t size = fill_address(Endpoint{to, 0, 0}, address);
            sent = ::sendto((is_v4 ? raw4 : raw6).get(), packet.data(), packet.size(), 0,
                            reinterpret_cast<const sockaddr*>(&address), size);
            // Its rules dropped it, or there is no route: that is an answer.
            if (sent < 0 && (errno == EPERM || errno == ENETUNREACH || errno == EHOSTUNREACH || errno == EACCES ||
                             errno == EINVAL || errno == ENETDOWN))
                return false;
        } else {
            const auto found = devices.find(device);
            if (found == devices.end()) return fail(ErrorCode::kNotFound, "the stack has no device " + device);
            sent = ::write(found->second.get(), packet.data(), packet.size());
        }
        if (sent < 0) return fail_errno("send a packet into the copy of the stack", errno);
        return true;
    }
};

namespace {

std::uint8_t protocol_of(const std::vector<std::uint8_t>& packet) {
    return packet[0] >> 4 == 4 ? packet[9] : packet[6];
}

std::size_t header_of(const std::vector<std::uint8_t>& packet) {
    return packet[0] >> 4 == 4 ? (packet[0] & 0x0fU) * 4U : 40U;
}

// The stack's own talk, such as router solicitations, is none of it.
bool is_same(const std::vector<std::uint8_t>& packet, const std::vector<std::uint8_t>& sent) {
    if (packet.size() != sent.size() || packet.size() < header_of(packet) + 8 ||
        protocol_of(packet) != protocol_of(sent) || packet[0] >> 4 != sent[0] >> 4)
        return false;
    // By its last bytes, which no translation touches.
    return std::equal(packet.end() - 4, packet.end(), sent.end() - 4);
}

// From a packet's IP header on, as it was sent: the kernel talks in the copy too.
bool is_header_of(const std::vector<std::uint8_t>& network, const std::vector<std::uint8_t>& sent) {
    const bool is_v4 = sent[0] >> 4 == 4;
    const std::size_t at = is_v4 ? 12 : 8;  // of the addresses
    const std::size_t size = is_v4 ? 8 : 32;
    return network.size() >= at + size && network[0] >> 4 == sent[0] >> 4 &&
           protocol_of(network) == protocol_of(sent) &&
           std::equal(network.begin() + static_cast<std::ptrdiff_t>(at),
                      network.begin() + static_cast<std::ptrdiff_t>(at + size),
                      sent.begin() + static_cast<std::ptrdiff_t>(at));
}

bool is_refusal(const std::vector<std::uint8_t>& packet, const std::vector<std::uint8_t>& sent) {
    const std::size_t at = header_of(packet);
    if (packet.size() < at + 8) return false;
    const std::uint8_t protocol = protocol_of(packet);
    if (protocol == kIcmp) return packet[at] == 3 || packet[at] == 11;
    if (protocol == kIcmpv6) return packet[at] >= 1 && packet[at] <= 4;
    return protocol == kTcp && protocol_of(sent) == kTcp && packet.size() >= at + 14 &&
           (packet[at + 13] & kTcpReset) != 0;
}

}  // namespace

Twin::Twin(std::unique_ptr<State> state) : state_(std::move(state)) {}
Twin::~Twin() = default;
Twin::Twin(Twin&&) noexcept = default;

Result<Twin> Twin::make(const std::string& customer, std::vector<Route> routes, const std::vector<IpAddress>& about) {
    const auto stack = open_stack(customer);
    if (!stack) return tl::unexpected<Error>(stack.error());
    if (routes.size() > kMostRoutes) {
        std::erase_if(routes, [&about](const Route& route) {
            return std::none_of(about.begin(), about.end(),
                                [&route](const IpAddress& address) { return route.to.contains(address); });
        });
    }
    auto state = std::make_unique<State>();
    Status done;
    // Threads of their own enter the stack, and a namespace that nobody else is in; the caller stays where it is.
    Result<Original> original;
    std::thread([&] {
        done = enter(*stack, customer);
        if (done) original = read_original();
    }).join();
    if (!done) return tl::unexpected<Error>(done.error());
    if (!original) return tl::unexpected<Error>(original.error());
    std::thread([&] { done = state->build(*original, routes); }).join();
    if (!done) return with_context("a copy of the stack", done.error());
    return Twin(std::move(state));
}

Result<Twin::Seen> Twin::send(const std::string& device, const std::vector<std::uint8_t>& packet) {
    Seen out;
    (void)state_->take_trace();
    std::vector<std::uint8_t> space(kSpace);
    for (const auto& [name, fd] : state_->devices)
        while (::read(fd.get(), space.data(), space.size()) > 0) continue;
    const auto was_sent = state_->inject(device, packet);
    if (!was_sent) return tl::unexpected<Error>(was_sent.error());
    std::vector<pollfd> ready;
    for (const auto& [name, fd] : state_->devices) ready.push_back({fd.get(), POLLIN, 0});
    std::set<std::uint32_t> ids;  // by which the kernel traces it
    // What stays here shows nowhere, so the wait is short where nothing comes.
    const auto patience = [&] { return out.steps.empty() && *was_sent ? kPatienceToBegin : kPatience; };
    for (int waited = 0; waited < patience() && out.out_device.empty() && out.refusal.empty(); waited += kTurn) {
        for (const auto& [name, fd] : state_->devices) {
            ssize_t got = 0;
            while ((got = ::read(fd.get(), space.data(), space.size())) > 0) {
                const std::vector<std::uint8_t> seen(space.begin(), space.begin() + got);
                if (is_same(seen, packet)) {
                    out.out_device = name;
                    out.packet = seen;
                } else if (name == device && is_refusal(seen, packet)) {
                    out.refusal = seen;
                }
            }
        }
        for (TraceStep& step : state_->take_trace()) {
            if (is_header_of(step.network, packet)) ids.insert(step.id);
            if (!ids.contains(step.id)) continue;
            std::string text = state_->text_of(step);
            out.steps.push_back({std::move(step), std::move(text)});
        }
        const bool is_over = std::any_of(out.steps.begin(), out.steps.end(), [](const Step& one) {
            return one.step.verdict == 0 || (one.step.table == kTraceTable && one.step.chain == "input");
        });
        if (!out.out_device.empty() || !out.refusal.empty() || is_over) break;
        (void)::poll(ready.data(), ready.size(), kTurn);
    }
    if (*was_sent && out.steps.empty() && out.out_device.empty() && out.refusal.empty())
        return fail(ErrorCode::kUnavailable, "the kernel does not say what it did with the packet; try again");
    return out;
}

}  // namespace warren::ctl
