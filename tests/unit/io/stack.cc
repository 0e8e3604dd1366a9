#include "stack.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <linux/ipv6.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <thread>

#include "base/check.h"
#include "base/socket_address.h"

namespace warren::io::test {

namespace {

constexpr const char* kDevice = "vpn0";

ifreq request() {
    ifreq out{};
    std::strncpy(out.ifr_name, kDevice, IFNAMSIZ - 1);
    return out;
}

UniqueFd open_tun(int more_flags = 0) {
    UniqueFd fd(::open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC));
    ifreq what = request();
    what.ifr_flags = static_cast<short>(IFF_TUN | IFF_NO_PI | IFF_VNET_HDR | more_flags);
    if (!fd.valid() || ::ioctl(fd.get(), TUNSETIFF, &what) != 0) return {};
    return fd;
}

void set_v4(int control, const char* address, unsigned length) {
    sockaddr_in value{};
    value.sin_family = AF_INET;
    WARREN_CHECK(inet_pton(AF_INET, address, &value.sin_addr) == 1);
    ifreq what = request();
    std::memcpy(&what.ifr_addr, &value, sizeof value);
    WARREN_CHECK(::ioctl(control, SIOCSIFADDR, &what) == 0);
    value.sin_addr.s_addr = htonl(length == 0 ? 0 : 0xffffffffU << (32 - length));
    std::memcpy(&what.ifr_netmask, &value, sizeof value);
    WARREN_CHECK(::ioctl(control, SIOCSIFNETMASK, &what) == 0);
}

int interface_index(int control) {
    ifreq what = request();
    WARREN_CHECK(::ioctl(control, SIOCGIFINDEX, &what) == 0);
    return what.ifr_ifindex;
}

void set_v6(int control, const char* address, unsigned length) {
    std::ofstream("/proc/sys/net/ipv6/conf/vpn0/accept_dad") << 0;
    const UniqueFd v6(::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    in6_ifreq what{};
    WARREN_CHECK(inet_pton(AF_INET6, address, &what.ifr6_addr) == 1);
    what.ifr6_prefixlen = length;
    what.ifr6_ifindex = interface_index(control);
    WARREN_CHECK(::ioctl(v6.get(), SIOCSIFADDR, &what) == 0);
}

}  // namespace

bool Stack::is_possible(std::string& reason) {
    bool possible = false;
    std::thread([&] {
        possible = ::unshare(CLONE_NEWNET) == 0 && open_tun().valid();
        if (!possible) reason = std::strerror(errno);
    }).join();
    return possible;
}

Stack::Stack(const char* v4, unsigned length_v4, const char* v6, unsigned length_v6, int mtu, bool has_two_queues) {
    std::thread([&] {
        WARREN_CHECK(::unshare(CLONE_NEWNET) == 0);
        namespace_ = UniqueFd(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
        tun_ = open_tun(has_two_queues ? IFF_MULTI_QUEUE : 0);
        WARREN_CHECK(tun_.valid());
        if (has_two_queues) second_queue_ = open_tun(IFF_MULTI_QUEUE);
        const UniqueFd control(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
        set_v4(control.get(), v4, length_v4);
        ifreq what = request();
        what.ifr_mtu = mtu;
        WARREN_CHECK(::ioctl(control.get(), SIOCSIFMTU, &what) == 0);
        what = request();
        what.ifr_flags = IFF_UP | IFF_RUNNING;
        WARREN_CHECK(::ioctl(control.get(), SIOCSIFFLAGS, &what) == 0);
        set_v6(control.get(), v6, length_v6);
    }).join();
}

bool Stack::use_second_queue() const {
    std::array<bpf_insn, 2> program{};
    program[0].code = BPF_ALU64 | BPF_MOV | BPF_K;  // r0 = 1
    program[0].imm = 1;
    program[1].code = BPF_JMP | BPF_EXIT;
    bpf_attr load{};
    load.prog_type = BPF_PROG_TYPE_SOCKET_FILTER;
    load.insns = reinterpret_cast<std::uint64_t>(program.data());
    load.insn_cnt = static_cast<std::uint32_t>(program.size());
    load.license = reinterpret_cast<std::uint64_t>("");
    const UniqueFd loaded(static_cast<int>(::syscall(SYS_bpf, BPF_PROG_LOAD, &load, sizeof load)));
    const int fd = loaded.get();
    return loaded.valid() && ::ioctl(second_queue_.get(), TUNSETSTEERINGEBPF, &fd) == 0;
}

void Stack::run(const std::function<void()>& inside) const {
    std::thread([&] {
        WARREN_CHECK(::setns(namespace_.get(), CLONE_NEWNET) == 0);
        inside();
    }).join();
}

std::uint64_t Stack::packets_received() const {
    std::uint64_t packets = 0;
    run([&] {
        std::ifstream table("/proc/thread-self/net/dev");
        std::string line;
        while (std::getline(table, line)) {
            const auto at = line.find("vpn0:");
            if (at == std::string::npos) continue;
            std::istringstream numbers(line.substr(at + 5));
            std::uint64_t bytes = 0;
            numbers >> bytes >> packets;
        }
    });
    return packets;
}

void loopback_up(int mtu) {
    const UniqueFd control(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ifreq what{};
    std::strncpy(what.ifr_name, "lo", IFNAMSIZ - 1);
    what.ifr_mtu = mtu;
    WARREN_CHECK(::ioctl(control.get(), SIOCSIFMTU, &what) == 0);
    what.ifr_flags = IFF_UP | IFF_RUNNING | IFF_LOOPBACK;
    WARREN_CHECK(::ioctl(control.get(), SIOCSIFFLAGS, &what) == 0);
}

bool slow_loopback(const char* rate, const char* latency) {
    const pid_t child = ::fork();
    if (child == 0) {
        ::execlp("tc", "tc", "qdisc", "add", "dev", "lo", "root", "tbf", "rate", rate, "burst", "128kb", "latency",
                 latency, nullptr);
        ::_exit(127);
    }
    int status = -1;
    return ::waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

UniqueFd bound_socket(int type, const Endpoint& endpoint, bool reuse_port) {
    if (reuse_port && endpoint.port == 0) {  // the kernel may give the port of another program's sockets that share it
        Endpoint free = endpoint;
        free.port = bound_to(bound_socket(type, endpoint, false).get()).port;
        return bound_socket(type, free, true);
    }
    UniqueFd fd(::socket(endpoint.address.is_v4() ? AF_INET : AF_INET6, type | SOCK_CLOEXEC, 0));
    WARREN_CHECK(fd.valid());
    const timeval patience{60, 0};
    ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    const int on = reuse_port ? 1 : 0;
    ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    sockaddr_storage address{};
    const socklen_t size = fill_address(endpoint, address);
    WARREN_CHECK(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), size) == 0);
    return fd;
}

Endpoint bound_to(int fd) {
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    WARREN_CHECK(::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    return endpoint_of(address);
}

}  // namespace warren::io::test
