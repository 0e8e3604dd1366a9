// The data worker on real sockets and devices: loopback outside, throw-away namespaces inside.
#include "vpnd/io/data_worker.h"

#include <doctest/doctest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <future>
#include <numeric>
#include <thread>

#include "tunnel.h"
#include "vpnd/dataplane/drop_reason.h"
#include "vpnd/io/socket_address.h"

namespace warren::io::test {
namespace {

bool can_run() {
    std::string reason;
    if (Stack::is_possible(reason)) return true;
    MESSAGE("skipped: needs root for namespaces and TUN devices: " << reason);
    return false;
}

void connect_to(int fd, const Endpoint& endpoint) {
    sockaddr_storage address{};
    const socklen_t size = fill_address(endpoint, address);
    REQUIRE(::connect(fd, reinterpret_cast<const sockaddr*>(&address), size) == 0);
}

Endpoint inside(int side, bool is_v4, std::uint16_t port) {
    const char* const v4 = side == 0 ? "10.0.0.1" : "10.0.0.2";
    const char* const v6 = side == 0 ? "fd00::1" : "fd00::2";
    return {*parse_ip(is_v4 ? v4 : v6), port, 0};
}

// A datagram of `size` bytes from one side's stack to the other's, and back.
void echo(const Tunnel& tunnel, bool is_v4, std::size_t size) {
    UniqueFd near;
    UniqueFd far;
    tunnel.stack(0).run([&] { near = bound_socket(SOCK_DGRAM, inside(0, is_v4, 7)); });
    tunnel.stack(1).run([&] { far = bound_socket(SOCK_DGRAM, inside(1, is_v4, 7)); });
    connect_to(near.get(), inside(1, is_v4, 7));
    connect_to(far.get(), inside(0, is_v4, 7));
    std::vector<std::uint8_t> sent(size);
    std::iota(sent.begin(), sent.end(), std::uint8_t{1});
    std::vector<std::uint8_t> got(size + 1);
    REQUIRE(::send(near.get(), sent.data(), size, 0) == static_cast<ssize_t>(size));
    REQUIRE(::recv(far.get(), got.data(), got.size(), 0) == static_cast<ssize_t>(size));
    REQUIRE(::send(far.get(), got.data(), size, 0) == static_cast<ssize_t>(size));
    REQUIRE(::recv(near.get(), got.data(), got.size(), 0) == static_cast<ssize_t>(size));
    got.resize(size);
    CHECK(got == sent);
}

// Megabytes of TCP from side 0 to side 1, compared byte by byte.
void stream(const Tunnel& tunnel, bool is_v4, std::size_t size) {
    UniqueFd server;
    UniqueFd client;
    tunnel.stack(1).run([&] {
        server = bound_socket(SOCK_STREAM, inside(1, is_v4, 8));
        REQUIRE(::listen(server.get(), 1) == 0);
    });
    tunnel.stack(0).run([&] { client = UniqueFd(::socket(is_v4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0)); });
    const auto byte_at = [](std::size_t i) { return static_cast<std::uint8_t>(i * 2654435761U >> 13); };
    std::thread sender([&] {
        connect_to(client.get(), inside(1, is_v4, 8));
        std::vector<std::uint8_t> chunk(256 << 10);
        for (std::size_t at = 0; at < size;) {
            const std::size_t wanted = std::min(chunk.size(), size - at);
            for (std::size_t i = 0; i < wanted; ++i) chunk[i] = byte_at(at + i);
            for (std::size_t done = 0; done < wanted;) {
                const ssize_t sent = ::send(client.get(), chunk.data() + done, wanted - done, MSG_NOSIGNAL);
                if (sent <= 0) return;
                done += static_cast<std::size_t>(sent);
            }
            at += wanted;
        }
        ::shutdown(client.get(), SHUT_WR);
    });
    const UniqueFd accepted(::accept4(server.get(), nullptr, nullptr, SOCK_CLOEXEC));
    std::size_t received = 0;
    bool equal = true;
    if (accepted.valid()) {
        const timeval patience{10, 0};
        ::setsockopt(accepted.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        std::vector<std::uint8_t> chunk(256 << 10);
        for (;;) {
            const ssize_t got = ::recv(accepted.get(), chunk.data(), chunk.size(), 0);
            if (got <= 0) break;
            for (std::size_t i = 0; i < static_cast<std::size_t>(got); ++i) equal = equal && chunk[i] == byte_at(received + i);
            received += static_cast<std::size_t>(got);
        }
    }
    ::shutdown(client.get(), SHUT_RDWR);
    sender.join();
    CHECK(accepted.valid());
    CHECK(received == size);
    CHECK(equal);
}

TEST_CASE("datagrams go through both ways, inner and outer IPv4 and IPv6, single and fragmented") {
    if (!can_run()) return;
    for (const Family outer : {Family::kV4, Family::kV6}) {
        Tunnel tunnel({outer, 1420});
        tunnel.install(0, 1);
        for (const bool is_v4 : {true, false}) {
            for (const std::size_t size : {1U, 1000U, 1372U, 8000U, 60'000U}) echo(tunnel, is_v4, size);
        }
    }
}

TEST_CASE("a TCP stream arrives whole, in super-packets") {
    if (!can_run()) return;
    for (const Family outer : {Family::kV4, Family::kV6}) {
        Tunnel tunnel({outer, 1420});
        tunnel.install(0, 1);
        stream(tunnel, true, 8 << 20);
        stream(tunnel, false, 8 << 20);
        const auto report = tunnel.report(1);
        CHECK(report->peers[0].rx_bytes > (16U << 20));
        // Nothing was refused but the router solicitations of the stack, which no peer is there for.
        const auto all = std::accumulate(report->drops.begin(), report->drops.end(), std::uint64_t{0});
        CHECK(all == report->drops[static_cast<std::size_t>(dataplane::DropReason::kNoPeerForDestination)]);
        // The stack was given far fewer packets than came through the tunnel.
        const std::uint64_t writes = tunnel.stack(1).packets_received();
        CHECK(writes * 4 < report->peers[0].rx_packets);
    }
}

TEST_CASE("D12: packets as large as a datagram holds") {
    if (!can_run()) return;
    Tunnel tunnel({Family::kV4, 65'400});
    tunnel.install(0, 1);
    echo(tunnel, true, 60'000);
    echo(tunnel, true, 65'372);
    stream(tunnel, true, 4 << 20);
}

}  // namespace
}  // namespace warren::io::test
