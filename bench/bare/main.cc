// What one core can do at best: WireGuard for one peer, with nothing but what every hub has to do. In: receive, open,
// write. Out: read, seal, send. Used by `bench/run BARE` as the limit of both directions.
//
//   bench-bare PORT DEVICE KEYFILE     a private key in base64, as `wg genkey` prints it
//
// It makes the TUN in the namespace where it starts, answers the handshakes of any client, and runs until it is ended.
// Not for anything but measurements: there is no replay window, no check of addresses, no rate, no roaming.
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <iostream>
#include <string>

#include "base/fd.h"
#include "base/result.h"
#include "bench/bare/in.h"
#include "bench/bare/out.h"
#include "bench/wgblast/clock.h"

namespace {

using namespace warren;
using namespace warren::bench;

constexpr int kSocketBuffer = 8 << 20;  // bytes, as vpnd's

Result<UniqueFd> open_tun(const std::string& name) {
    UniqueFd fd(::open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK));
    ifreq request{};
    request.ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR;
    name.copy(request.ifr_name, sizeof request.ifr_name - 1);
    if (!fd.valid() || ::ioctl(fd.get(), TUNSETIFF, &request) != 0) return fail_errno("make the device", errno);
    if (::ioctl(fd.get(), TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4) != 0) return fail_errno("its offloads", errno);
    return fd;
}

Result<UniqueFd> open_udp(std::uint16_t port) {
    UniqueFd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    const int on = 1;
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = byte_swap(port);
    const bool works = fd.valid() && ::setsockopt(fd.get(), IPPROTO_UDP, UDP_GRO, &on, sizeof on) == 0 &&
                       ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUFFORCE, &kSocketBuffer, sizeof kSocketBuffer) == 0 &&
                       ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDBUFFORCE, &kSocketBuffer, sizeof kSocketBuffer) == 0 &&
                       ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    if (!works) return fail_errno("the socket", errno);
    return fd;
}

Result<crypto::KeyPair> read_key(const char* path) {
    std::ifstream file(path);
    std::string text;
    file >> text;
    auto secret = crypto::parse_secret_key(text);
    if (!secret) return fail(ErrorCode::kInvalid, std::string(path) + " has no key");
    return crypto::key_pair_of({std::move(*secret)});
}

Status serve(std::uint16_t port, const std::string& device, const char* key_file) {
    auto key = read_key(key_file);
    if (!key) return tl::unexpected(std::move(key.error()));
    const auto choice = crypto::choose_backend([] { return monotonic_now().nanoseconds; });
    if (!choice) return tl::unexpected(choice.error());
    const auto aead = crypto::make_packet_aead(choice->backends());
    if (!aead) return tl::unexpected(aead.error());
    const auto udp = open_udp(port);
    if (!udp) return tl::unexpected(udp.error());
    const auto tun = open_tun(device);
    if (!tun) return tl::unexpected(tun.error());

    Sessions sessions(std::move(*key));
    BareIn in(udp->get(), tun->get(), sessions, **aead);
    BareOut out(udp->get(), tun->get(), sessions, **aead);
    std::array<pollfd, 2> ready{{{udp->get(), POLLIN, 0}, {tun->get(), POLLIN, 0}}};
    while (::poll(ready.data(), ready.size(), -1) >= 0) {
        if (ready[0].revents != 0) in.run();
        if (ready[1].revents != 0) out.run();
    }
    return fail_errno("poll", errno);
}

}  // namespace

int main(int argc, char** argv) {
    std::uint16_t port = 0;
    if (argc == 4) std::from_chars(argv[1], argv[1] + std::strlen(argv[1]), port);
    if (port == 0) {
        std::cerr << "usage: bench-bare PORT DEVICE KEYFILE\n";
        return 2;
    }
    const auto served = serve(port, argv[2], argv[3]);
    std::cerr << "bench-bare: " << served.error().what << "\n";
    return 4;
}
