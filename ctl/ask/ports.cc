#include "ctl/ask/ports.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <fstream>
#include <sstream>
#include <string>

#include "base/fd.h"

namespace warren::ctl {

namespace {

// The hexadecimal port of "0100007F:CA6C" (proc_pid_net(5)).
bool has_port(const std::string& local, std::uint16_t port) {
    const std::size_t colon = local.rfind(':');
    if (colon == std::string::npos) return false;
    std::istringstream number(local.substr(colon + 1));
    unsigned found = 0;
    return (number >> std::hex >> found) && found == port;
}

}  // namespace

bool is_udp_port_bound(std::uint16_t port) {
    for (const char* path : {"/proc/net/udp", "/proc/net/udp6"}) {
        std::ifstream file(path);
        std::string line;
        std::getline(file, line);  // the heading
        while (std::getline(file, line)) {
            std::istringstream words(line);
            std::string number;
            std::string local;
            if (words >> number >> local && has_port(local, port)) return true;
        }
    }
    return false;
}

bool poke_udp_port(std::uint16_t port) {
    const UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!socket.valid()) return false;
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    // Neither WireGuard nor IKE has a message like this; its receiver counts it as malformed.
    const std::array<std::uint8_t, 5> nothing{};
    return ::sendto(socket.get(), nothing.data(), nothing.size(), 0, reinterpret_cast<const sockaddr*>(&to),
                    sizeof to) == static_cast<ssize_t>(nothing.size());
}

}  // namespace warren::ctl
