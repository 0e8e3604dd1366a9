// The sockets of a listener, in the real kernel.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "base/ipsec.h"
#include "stacks/listeners/listener_table.h"
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
        CHECK(ipc::check_roles(ipc::ListenerKind::kWireguard, group->roles, workers).has_value());
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

constexpr Port kIke{ipc::Protocol::kUdp, kNatTraversalPort};
const ipc::ListenerId kIkeId{"", ipc::ListenerKind::kIke};

std::uint16_t port_of(int socket) {
    sockaddr_in6 address{};  // an IPv4 one has its port in the same place
    socklen_t size = sizeof address;
    REQUIRE(::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    return ntohs(address.sin6_port);
}

TEST_CASE("the listener of IKE has both its ports, packets of one alone, and comes back from vpnd as it was") {
    if (!enter_room()) return;
    ListenerTable table("/run/test", 3);
    const Status bound = table.bind(kIkeId, kIke);
    REQUIRE_MESSAGE(bound.has_value(), bound.error().what);
    const ListenerDescriptors descriptors = table.descriptors(kIkeId, kIke);
    CHECK(ipc::check_roles(kIkeId.kind, descriptors.roles, 3).has_value());
    for (std::size_t i = 0; i < descriptors.roles.size(); ++i) {
        const ipc::DescriptorRole& role = descriptors.roles[i];
        CHECK(port_of(descriptors.numbers[i]) == (role.port == 0 ? kNatTraversalPort : kIkePort));
        if (role.role == ipc::SocketRole::kData) CHECK(role.port == 0);
    }

    ListenerTable next("/run/test", 3);
    std::vector<UniqueFd> held;
    for (const int number : descriptors.numbers) held.emplace_back(::fcntl(number, F_DUPFD_CLOEXEC, 0));
    CHECK(next.adopt(kIkeId, kIke, descriptors.roles, std::move(held)));
    CHECK(next.descriptors(kIkeId, kIke).roles == descriptors.roles);
    CHECK(next.bind(kIkeId, kIke).has_value());  // nothing is lacking
    CHECK(next.size() == table.size());

    REQUIRE(table.resize(4).has_value());
    CHECK(ipc::check_roles(kIkeId.kind, table.descriptors(kIkeId, kIke).roles, 4).has_value());
    table.keep_only({});
    CHECK(table.size() == 0);
}

TEST_CASE("a port of IKE passes from another listener and to one, with the sockets that each needs") {
    if (!enter_room()) return;
    std::string directory = "/tmp/warren-sockets-XXXXXX";
    REQUIRE(::mkdtemp(directory.data()) != nullptr);
    ListenerTable table(directory, 2, directory);
    const ipc::ListenerId wireguard{"acme"};
    const Port five_hundred{ipc::Protocol::kUdp, kIkePort};
    SUBCASE("from WireGuard") {
        REQUIRE(table.bind(wireguard, five_hundred).has_value());
        REQUIRE(table.bind(kIkeId, kIke).has_value());
        CHECK(ipc::check_roles(kIkeId.kind, table.descriptors(kIkeId, kIke).roles, 2).has_value());
        table.keep_only({{kIkeId, kIke}});
        // The next stackd takes it back from vpnd, with no data socket on port 500.
        const ListenerDescriptors held = table.descriptors(kIkeId, kIke);
        for (const ipc::DescriptorRole& role : held.roles) {
            if (role.role == ipc::SocketRole::kData) CHECK(role.port == 0);
        }
        CHECK(std::any_of(held.roles.begin(), held.roles.end(), [](const ipc::DescriptorRole& role) {
            return role.role == ipc::SocketRole::kSurplus && role.port == 1;
        }));
        table.close_surplus();
        CHECK(table.descriptors(kIkeId, kIke).roles.size() < held.roles.size());
        CHECK(ipc::check_roles(kIkeId.kind, table.descriptors(kIkeId, kIke).roles, 2).has_value());
    }
    SUBCASE("to WireGuard") {
        REQUIRE(table.bind(kIkeId, kIke).has_value());
        REQUIRE(table.bind(wireguard, five_hundred).has_value());
        table.keep_only({{wireguard, five_hundred}});
        CHECK(ipc::check_roles(wireguard.kind, table.descriptors(wireguard, five_hundred).roles, 2).has_value());
    }
    table.keep_only({});
    std::filesystem::remove_all(directory);
}

TEST_CASE("a port of IKE that another program has is said, and nothing is half-bound") {
    if (!enter_room()) return;
    const auto other = bind_listener(kIkePort, 0);
    REQUIRE(other.has_value());
    ListenerTable table("/run/test", 2);
    const Status refused = table.bind(kIkeId, kIke);
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().what.find("UDP port 500 (IPv4): in use by another program, perhaps an IKE daemon") !=
          std::string::npos);
    CHECK(table.size() == 0);
}

}  // namespace
}  // namespace warren::stacks
