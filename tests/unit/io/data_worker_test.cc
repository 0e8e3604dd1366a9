// The data worker on real sockets and devices: loopback outside, throw-away namespaces inside.
#include "vpnd/io/data_worker.h"

#include <doctest/doctest.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <ctime>
#include <numeric>
#include <thread>

#include "base/drop_reason.h"
#include "base/socket_address.h"
#include "tunnel.h"
#include "vpnd/io/tun_device.h"

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

// A datagram that nobody is expected to get.
void send_in_vain(const Tunnel& tunnel) {
    UniqueFd near;
    tunnel.stack(0).run([&] { near = bound_socket(SOCK_DGRAM, inside(0, true, 9)); });
    connect_to(near.get(), inside(1, true, 9));
    REQUIRE(::send(near.get(), "x", 1, 0) == 1);
}

// Megabytes of TCP from side 0 to side 1, compared byte by byte.
void stream(const Tunnel& tunnel, bool is_v4, std::size_t size) {
    UniqueFd server;
    UniqueFd client;
    tunnel.stack(1).run([&] {
        server = bound_socket(SOCK_STREAM, inside(1, is_v4, 8));
        REQUIRE(::listen(server.get(), 1) == 0);
    });
    tunnel.stack(0).run(
        [&] { client = UniqueFd(::socket(is_v4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0)); });
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
            for (std::size_t i = 0; i < static_cast<std::size_t>(got); ++i)
                equal = equal && chunk[i] == byte_at(received + i);
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
        CHECK(all == report->drops[static_cast<std::size_t>(DropReason::kNoPeerForDestination)]);
        // The stack was given far fewer packets than came through the tunnel. How many arrive at once depends on how
        // fast all this runs: 23 and more, under the thread sanitizer 3.
        const std::uint64_t writes = tunnel.stack(1).packets_received();
        CHECK(writes * 2 < report->peers[0].rx_packets);
    }
}

TEST_CASE("processor time is charged to the customer, each way") {
    if (!can_run()) return;
    Tunnel tunnel;
    tunnel.install(0, 1);
    stream(tunnel, true, 4 << 20);
    for (const int side : {0, 1}) {
        const dataplane::Meters meters = tunnel.report(side)->meters;
        CHECK(meters.inbound.packets > 0);
        CHECK(meters.outbound.packets > 0);
        CHECK(meters.inbound.processor > std::chrono::microseconds(100));
        CHECK(meters.inbound.processor < std::chrono::seconds(10));
        CHECK(meters.outbound.processor > std::chrono::microseconds(100));
        CHECK(meters.outbound.processor < std::chrono::seconds(10));
    }
}

TEST_CASE("E8: what arrives at another worker than the owner is transferred: whole, in order, both ways, and counted") {
    if (!can_run()) return;
    for (const Family outer : {Family::kV4, Family::kV6}) {
        TunnelOptions options{outer};
        options.has_detour = true;
        Tunnel tunnel(options);
        if (!tunnel.is_ready()) {
            MESSAGE("skipped: no bpf(2)");
            return;
        }
        tunnel.install(0, 1);
        for (const bool is_v4 : {true, false}) {
            for (const std::size_t size : {1U, 1000U, 1372U, 8000U, 60'000U}) echo(tunnel, is_v4, size);
            stream(tunnel, is_v4, 4 << 20);
        }
        const auto detour = tunnel.detour_report();
        auto owner = tunnel.own_report(1);
        for (int i = 0; i < 1'000 && owner->transfers.taken < detour->transfers.given; ++i) {
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
            owner = tunnel.own_report(1);
        }
        CHECK(detour->transfers.given >= tunnel.report(1)->peers[0].rx_packets);
        CHECK(detour->transfers.given <= owner->transfers.taken);
        CHECK(detour->transfers.taken == 0);
        CHECK(owner->transfers.given == 0);
        const auto full = static_cast<std::size_t>(DropReason::kHandoverFull);
        CHECK(detour->drops[full] + tunnel.detour_report({0})->drops[full] >= detour->transfers.refused);
        CHECK(owner->drops[static_cast<std::size_t>(DropReason::kHandoverRefused)] == 0);
        CHECK(detour->drops[static_cast<std::size_t>(DropReason::kReceiverIndexUnknown)] == 0);
    }
}

TEST_CASE("a packet transferred for a customer that is gone is a counted drop, and the owner lives") {
    if (!can_run()) return;
    TunnelOptions options;
    options.has_detour = true;
    Tunnel tunnel(options);
    if (!tunnel.is_ready()) return;
    tunnel.install(0, 1);
    echo(tunnel, true, 100);
    tunnel.worker(1).post(DropCustomer{{0}});
    UniqueFd socket;
    tunnel.stack(1).run([&] { socket = bound_socket(SOCK_DGRAM, inside(1, true, 9)); });
    connect_to(socket.get(), inside(0, true, 9));
    const auto refused = static_cast<std::size_t>(DropReason::kHandoverRefused);
    for (int i = 0; i < 1'000 && tunnel.own_report(1)->drops[refused] == 0; ++i) {
        REQUIRE(::send(socket.get(), "x", 1, 0) == 1);
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    CHECK(tunnel.own_report(1)->drops[refused] > 0);
}

TEST_CASE("what was transferred for a customer is not sent as another's that has its index now") {
    if (!can_run()) return;
    TunnelOptions options;
    options.has_detour = true;
    Tunnel tunnel(options);
    if (!tunnel.is_ready()) return;
    tunnel.install(0, 1);
    echo(tunnel, true, 100);
    const std::uint64_t before = tunnel.report(1)->peers[0].tx_packets;
    tunnel.begin_another_life();  // the worker that transfers still has the one before
    UniqueFd socket;
    tunnel.stack(1).run([&] { socket = bound_socket(SOCK_DGRAM, inside(1, true, 9)); });
    connect_to(socket.get(), inside(0, true, 9));
    const auto refused = static_cast<std::size_t>(DropReason::kHandoverRefused);
    for (int i = 0; i < 1'000 && tunnel.own_report(1)->drops[refused] == 0; ++i) {
        REQUIRE(::send(socket.get(), "x", 1, 0) == 1);
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    CHECK(tunnel.own_report(1)->drops[refused] > 0);
    CHECK(tunnel.report(1)->peers[0].tx_packets == before);
}

TEST_CASE("D12: packets as large as a datagram holds") {
    if (!can_run()) return;
    Tunnel tunnel({Family::kV4, 65'400});
    tunnel.install(0, 1);
    echo(tunnel, true, 60'000);
    echo(tunnel, true, 65'372);
    stream(tunnel, true, 4 << 20);
}

// A socket of a stranger on the uplink.
void send_to(const Endpoint& endpoint, Bytes datagram) {
    const UniqueFd fd(::socket(endpoint.address.is_v4() ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    connect_to(fd.get(), endpoint);
    REQUIRE(::send(fd.get(), datagram.data(), datagram.size(), 0) == static_cast<ssize_t>(datagram.size()));
}

template <typename T>
const T* find_event(const std::vector<WorkerEvent>& events) {
    for (const WorkerEvent& event : events) {
        if (const auto* const inner = std::get_if<dataplane::Event>(&event)) {
            if (const T* const found = std::get_if<T>(inner)) return found;
        }
    }
    return nullptr;
}

// Of this process, user and system.
Duration cpu_time() {
    timespec used{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return std::chrono::seconds(used.tv_sec) + Duration(used.tv_nsec);
}

TEST_CASE("D13: UDP super-packets go through both ways, and come out as the datagrams that were sent") {
    if (!can_run()) return;
    Tunnel tunnel;
    tunnel.install(0, 1);
    for (const bool is_v4 : {true, false}) {
        UniqueFd near;
        UniqueFd far;
        tunnel.stack(0).run([&] { near = bound_socket(SOCK_DGRAM, inside(0, is_v4, 7)); });
        tunnel.stack(1).run([&] { far = bound_socket(SOCK_DGRAM, inside(1, is_v4, 7)); });
        connect_to(near.get(), inside(1, is_v4, 7));
        const int segment = 1'000;
        if (::setsockopt(near.get(), IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof segment) != 0) continue;
        const std::uint64_t before = tunnel.stack(1).packets_received();
        std::vector<std::uint8_t> sent(30 * 1'000 + 77);
        for (std::size_t i = 0; i < sent.size(); ++i) sent[i] = static_cast<std::uint8_t>(i * 31 >> 3);
        REQUIRE(::send(near.get(), sent.data(), sent.size(), 0) == static_cast<ssize_t>(sent.size()));
        std::vector<std::uint8_t> got;
        for (int i = 0; i < 31; ++i) {
            std::array<std::uint8_t, 2'000> datagram;
            const ssize_t size = ::recv(far.get(), datagram.data(), datagram.size(), 0);
            REQUIRE(size == (i < 30 ? 1'000 : 77));
            got.insert(got.end(), datagram.begin(), datagram.begin() + size);
        }
        CHECK(got == sent);
        CHECK(tunnel.stack(1).packets_received() - before <= 3);
    }
    CHECK(tunnel.report(1)->drops[static_cast<std::size_t>(DropReason::kTunWriteFailed)] == 0);
}

TEST_CASE(
    "an uplink that is too slow: datagrams wait in bounds, the oldest are dropped and counted, then all is well "
    "again") {
    if (!can_run()) return;
    Tunnel tunnel({Family::kV4, 1420, "50mbit"});
    if (!tunnel.is_ready()) {
        MESSAGE("skipped: no tc, or no tbf in this kernel");
        return;
    }
    tunnel.install(0, 1);
    echo(tunnel, true, 100);
    UniqueFd socket;
    tunnel.stack(0).run([&] { socket = bound_socket(SOCK_DGRAM, inside(0, true, 9)); });
    connect_to(socket.get(), inside(1, true, 9));
    const std::vector<std::uint8_t> bytes(60'000);
    const auto full = static_cast<std::size_t>(DropReason::kUplinkFull);
    const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    do {
        for (int i = 0; i < 100; ++i) (void)::send(socket.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
    } while (tunnel.report(0)->drops[full] == 0 && std::chrono::steady_clock::now() < patience);
    const auto report = tunnel.report(0);
    CHECK(report->drops[full] > 0);
    CHECK(report->drops[static_cast<std::size_t>(DropReason::kBuffersExhausted)] == 0);
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
    echo(tunnel, true, 100);
}

TEST_CASE("events come back: confirmed, roamed, active; a session is asked for when there is none") {
    if (!can_run()) return;
    Tunnel tunnel;
    send_in_vain(tunnel);
    std::vector<WorkerEvent> events;
    while (find_event<dataplane::NeedSession>(events) == nullptr) tunnel.wait_for_events(0, events);
    tunnel.install(0, 1);
    events.clear();
    while (find_event<dataplane::PeerActivity>(events) == nullptr) tunnel.wait_for_events(1, events);
    CHECK(find_event<dataplane::SessionConfirmed>(events)->local_id == SessionId{3U << SessionId::kWorkerBits});
    CHECK(find_event<dataplane::PeerRoamed>(events)->remote == tunnel.endpoint(0));
    CHECK(find_event<dataplane::PeerActivity>(events)->last_received > kLongAgo);
}

TEST_CASE("a handshake message that came to a data socket is handed to the control worker; junk is counted") {
    if (!can_run()) return;
    Tunnel tunnel;
    std::array<std::uint8_t, 148> initiation{1};
    initiation[147] = 9;
    std::vector<WorkerEvent> events;
    tunnel.barrier(0, events);  // the socket tells where a datagram was sent to
    send_to(tunnel.endpoint(0), initiation);
    const StrayMessage* stray = nullptr;
    while (stray == nullptr) {
        tunnel.wait_for_events(0, events);
        for (const WorkerEvent& event : events) stray = std::get_if<StrayMessage>(&event);
    }
    CHECK(stray->bytes.size() == 148);
    CHECK(std::equal(initiation.begin(), initiation.end(), stray->bytes.begin()));
    CHECK(stray->to.address == IpAddress::v4(127, 0, 0, 1));

    initiation[0] = 77;
    send_to(tunnel.endpoint(0), initiation);
    const auto malformed = static_cast<std::size_t>(DropReason::kDatagramMalformed);
    for (int i = 0; i < 1'000 && tunnel.own_report(0)->drops[malformed] == 0; ++i)
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    CHECK(tunnel.own_report(0)->drops[malformed] == 1);
}

TEST_CASE("a customer suspended and resumed: nothing, then everything again with a new session") {
    if (!can_run()) return;
    Tunnel tunnel;
    tunnel.install(0, 1);
    echo(tunnel, true, 100);
    tunnel.put_customer(0, true);
    const auto suspended = static_cast<std::size_t>(DropReason::kCustomerSuspended);
    send_in_vain(tunnel);
    for (int i = 0; i < 1'000 && tunnel.report(0)->drops[suspended] == 0; ++i)
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    CHECK(tunnel.report(0)->drops[suspended] > 0);
    tunnel.put_customer(0, false);
    tunnel.install(0, 2);
    echo(tunnel, true, 100);
}

TEST_CASE("E6: new sockets for a listener keep its sessions") {
    if (!can_run()) return;
    Tunnel tunnel;
    tunnel.install(0, 1);
    echo(tunnel, true, 100);
    tunnel.move_listener(0);
    echo(tunnel, true, 100);  // side 0 speaks first, so that side 1 learns where it is
}

TEST_CASE("a customer's TUN is closed when it goes, and what a deleted device leaves behind costs no time") {
    if (!can_run()) return;
    auto tunnel = std::make_unique<Tunnel>();
    tunnel->install(0, 1);
    // Somebody else, as stackd, holds the device too: closing ours does not end it.
    const UniqueFd other = tunnel->other_tun(0);
    echo(*tunnel, true, 100);
    tunnel->worker(0).post(DropCustomer{{0}});
    std::vector<WorkerEvent> events;
    tunnel->barrier(0, events);
    for (int i = 0; i < 5; ++i) send_in_vain(*tunnel);  // packets wait in the device
    const Duration before = cpu_time();
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    CHECK(cpu_time() - before < std::chrono::milliseconds(150));
}

TEST_CASE("stopping in the middle of traffic ends at once") {
    if (!can_run()) return;
    for (int i = 0; i < 3; ++i) {
        auto tunnel = std::make_unique<Tunnel>();
        tunnel->install(0, 1);
        std::atomic<bool> done{false};
        const Stack& stack = tunnel->stack(0);
        UniqueFd socket;
        stack.run([&] { socket = bound_socket(SOCK_DGRAM, inside(0, true, 7)); });
        connect_to(socket.get(), inside(1, true, 7));
        std::thread load([&] {
            std::array<std::uint8_t, 1'000> bytes{};
            while (!done) (void)::send(socket.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
        });
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
        tunnel->stop();
        done = true;
        load.join();
    }
}

TEST_CASE("a device's offloads are set without privilege") {
    if (!can_run()) return;
    Stack stack("10.0.0.1", 24, "fd00::1", 64);
    const UniqueFd tun = stack.take_tun();
    const pid_t child = ::fork();
    if (child == 0) {
        if (::setresuid(65'534, 65'534, 65'534) != 0) ::_exit(2);
        TunDevice adopted(tun.duplicate());
        ::_exit(adopted.prepare() ? 0 : 1);
    }
    int status = -1;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 0);
}

TEST_CASE("what is no TUN device is refused") {
    TunDevice no_tun(UniqueFd(::eventfd(0, EFD_CLOEXEC)));
    CHECK_FALSE(no_tun.prepare().has_value());
    CHECK(no_tun.fd() >= 0);
}

}  // namespace
}  // namespace warren::io::test
