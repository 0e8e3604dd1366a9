// The sockets of a listener, in the real kernel.
#include <doctest/doctest.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>

#include "stacks/listeners/udp_group.h"
#include "tests/stacks/room.h"

namespace warren::stacks {
namespace {

// The place, among the group's IPv4 sockets, of the one that gets a datagram when the steering program names `place`.
std::size_t place_reached(const SocketGroup& group, std::size_t place) {
    std::array program{sock_filter{BPF_RET | BPF_K, 0, 0, static_cast<std::uint32_t>(place)}};
    const sock_fprog described{static_cast<unsigned short>(program.size()), program.data()};
    REQUIRE(::setsockopt(group.sockets.front().get(), SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &described,
                         sizeof described) == 0);
    const UniqueFd sender(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(51820);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::sendto(sender.get(), "x", 1, 0, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 1);
    std::size_t at = 0;
    for (std::size_t i = 0; i < group.sockets.size(); ++i) {
        if (group.roles[i].family != Family::kV4) continue;
        char byte = 0;
        if (::recv(group.sockets[i].get(), &byte, 1, MSG_DONTWAIT) == 1) return at;
        ++at;
    }
    return SIZE_MAX;
}

TEST_CASE("a group of sockets that grows and shrinks has each socket in the place that the steering program names") {
    if (!enter_room()) return;
    auto group = bind_listener(51820, 2);
    REQUIRE_MESSAGE(group.has_value(), group.error().what);
    const auto check = [&group](std::uint32_t workers) {
        CAPTURE(workers);
        CHECK(ipc::check_roles(group->roles, workers).has_value());
        for (std::size_t place = 0; place < workers + 2; ++place) CHECK(place_reached(*group, place) == place);
    };
    check(2);
    const int first = group->sockets[1].get();
    for (const std::uint32_t workers : {4U, 1U, 3U, 2U}) {
        REQUIRE(resize_group(*group, 51820, workers).has_value());
        check(workers);
        group->surplus.clear();
        check(workers);
        CHECK(group->sockets[1].get() == first);
    }
    REQUIRE(resize_group(*group, 51820, 1).has_value());
    REQUIRE(group->surplus.size() == (group->roles.back().family == Family::kV6 ? 2 : 1));
    REQUIRE(resize_group(*group, 51820, 2).has_value());
    CHECK(group->surplus.empty());
    check(2);
}

}  // namespace
}  // namespace warren::stacks
