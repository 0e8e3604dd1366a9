// Two vpnds find each other over loopback; each does what its stackd tells it.
#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <functional>
#include <thread>

#include "crypto/aead.h"
#include "ipc/channel.h"
#include "ipc/snapshot.h"
#include "tests/unit/vpnd/fixtures.h"
#include "tests/unit/vpnd/hub.h"
#include "vpnd/daemon.h"

using namespace warren;
using test::eventually;
using test::Hub;
using test::peer_at;
using test::port_of;
using test::stream_listener;
using test::TemporaryDirectory;
using test::udp_socket;
using namespace std::chrono_literals;

TEST_CASE("two hubs with a configuration each make a session, and both say so") {
    Hub responder(1);
    Hub initiator(2);
    responder.configure(1, peer_at(2, 0));
    CHECK(responder.first_peer().state == ipc::PeerState::kNever);
    ipc::PutPeer peer = peer_at(1, responder.port());
    test::wireguard(peer).persistent_keepalive_seconds = 1;
    initiator.configure(7, std::move(peer));

    CHECK(eventually([&] { return responder.first_peer().state == ipc::PeerState::kOnline; }));
    CHECK(eventually([&] { return initiator.first_peer().state == ipc::PeerState::kOnline; }));
    const ipc::PeerSnapshot seen = responder.first_peer();
    CHECK(std::get<ipc::ShownWireguardPeer>(seen.tunnel).has_preshared_key);
    CHECK(seen.activity.endpoint == Endpoint{IpAddress::v4(127, 0, 0, 1), initiator.port(), 0});
    CHECK(seen.latest_handshake_seconds.has_value());
    CHECK(eventually(
        [&] { return responder.first_peer().activity.rx_bytes >= 32; }));  // the keepalive that confirmed the session

    const auto all = responder.snapshot();
    REQUIRE(all.size() == 4);
    CHECK(std::get<ipc::SnapshotHeader>(all[0]).customer_count == 1);
    CHECK(std::get<ipc::SnapshotHeader>(all[0]).generation == 1);
    CHECK(std::get<ipc::SnapshotHeader>(all[0]).handshakes_completed == 1);
    CHECK(std::get<ipc::CustomerSnapshot>(all[1]).peers_online == 1);
    CHECK(std::get<ipc::CustomerSnapshot>(all[1]).listeners.at(0).port == responder.port());
    CHECK(std::holds_alternative<ipc::SnapshotError>(responder.snapshot("globex").back()));
}

TEST_CASE("the header tells the processor time of the process and of each worker, and memory") {
    Hub hub(1);
    hub.configure(1, peer_at(2, 0));
    const auto header = [&] { return std::get<ipc::SnapshotHeader>(hub.snapshot().front()); };
    const ipc::SnapshotHeader before = header();
    REQUIRE(before.workers.size() == 1);
    CHECK(before.workers[0].cpu_nanoseconds > 0);
    CHECK(before.workers[0].cpu_nanoseconds < before.cpu_nanoseconds);
    CHECK(before.resident_bytes > 1'000'000);
    CHECK(before.resident_bytes < 64'000'000'000);
    // Each question costs the worker a report.
    CHECK(eventually([&] { return header().workers[0].cpu_nanoseconds > before.workers[0].cpu_nanoseconds; }));
    CHECK(header().cpu_nanoseconds > before.cpu_nanoseconds);
}

TEST_CASE("wg show gets what it wants, set is refused, nonsense is answered and hung up on") {
    Hub hub(1);
    hub.configure(1, peer_at(2, 4242));
    const std::string answer = hub.ask_uapi(1, "get=1\n\n");
    CHECK(answer.find("listen_port=" + std::to_string(hub.port()) + "\n") != std::string::npos);
    CHECK(answer.find("\nprotocol_version=1\nendpoint=127.0.0.1:4242\nlast_handshake_time_sec=0\n") !=
          std::string::npos);
    CHECK(answer.find("allowed_ip=10.1.0.0/16\nallowed_ip=fd00::/8\n") != std::string::npos);
    CHECK(answer.ends_with("errno=0\n\n"));
    const bool is_root = ::geteuid() == 0;
    CHECK((answer.find("private_key=") != std::string::npos) == is_root);
    CHECK((answer.find("preshared_key=") != std::string::npos) == is_root);
    CHECK(hub.ask_uapi(1, "set=1\nlisten_port=1\nprivate_key=" + std::string(64, '0') + "\n\n") == "errno=-1\n\n");
    CHECK(hub.ask_uapi(1, "hello\n") == "errno=-22\n\n");
    CHECK(hub.ask_uapi(1, std::string(10000, 'x')) == "errno=-22\n\n");
}

TEST_CASE("a generation that is wrong is rejected and the one before stays") {
    Hub hub(1);
    hub.configure(1, peer_at(2, 0));
    hub.send(ipc::Begin{2, false});
    hub.send(ipc::RemoveListener{""});
    hub.send(ipc::Commit{2});
    const auto answer = hub.receive();
    REQUIRE(std::holds_alternative<ipc::Rejected>(answer));
    CHECK(std::get<ipc::Rejected>(answer).generation == 2);
    CHECK_FALSE(std::get<ipc::Rejected>(answer).reason.empty());
    CHECK(std::get<ipc::SnapshotHeader>(hub.snapshot().front()).generation == 1);
}

TEST_CASE("a new stackd is let in when the old one is gone, and gets back what is held") {
    Hub hub(1);
    hub.configure(5, peer_at(2, 0));
    hub.hang_up();
    hub.adopt();
    std::size_t listeners = 0;
    std::size_t customers = 0;
    auto message = hub.receive();
    for (; !std::holds_alternative<ipc::HoldingEnd>(message); message = hub.receive()) {
        const auto* const listener = std::get_if<ipc::HoldingListener>(&message);
        const bool is_listener = listener != nullptr;
        if (is_listener) CHECK(listener->roles == test::roles());
        if (!is_listener) CHECK(std::holds_alternative<ipc::HoldingCustomer>(message));
        (is_listener ? listeners : customers) += 1;
        CHECK(hub.descriptors().size() == (is_listener ? 4U : 1U));
        if (is_listener) CHECK(port_of(hub.descriptors()[0]) == hub.port());
    }
    CHECK(listeners == 1);
    CHECK(customers == 1);
    REQUIRE(std::holds_alternative<ipc::HoldingEnd>(message));
    CHECK(std::get<ipc::HoldingEnd>(message).generation == 5);

    // The same again without descriptors changes nothing.
    hub.send(ipc::Begin{6, true});
    auto listener = test::put_listener("", 1, hub.port());
    listener.roles.clear();
    hub.send(std::move(listener));
    auto customer = test::put_customer("acme", 1);
    customer.has_tun = false;
    hub.send(std::move(customer));
    hub.send(peer_at(2, 0));
    hub.send(ipc::Commit{6});
    CHECK(std::holds_alternative<ipc::Applied>(hub.receive()));
}

TEST_CASE("a second stackd beside a living one is refused") {
    Hub hub(1);
    hub.configure(1, peer_at(2, 0));
    auto second = ipc::Channel::connect(hub.directory() + "/adopt.sock");
    REQUIRE(second);
    const timeval patience{5, 0};
    REQUIRE(::setsockopt(second->fd(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == 0);
    std::array<std::uint8_t, 64> space{};
    const auto received = second->receive(space);
    REQUIRE(received);
    CHECK(received->closed);
    hub.configure(2, peer_at(2, 0));  // the first is still served
}

TEST_CASE("snapshot clients that ask and never read, or talk nonsense, harm nobody") {
    Hub hub(1);
    hub.configure(1, peer_at(2, 0));
    std::vector<ipc::Channel> clients;
    for (int i = 0; i < 20; ++i) {
        auto client = ipc::Channel::connect(hub.directory() + "/snapshot.sock");
        REQUIRE(client);
        std::vector<std::uint8_t> wire;
        REQUIRE(encode(ipc::SnapshotMessage(ipc::SnapshotRequest{"", true}), wire));
        if (i % 2 == 0) wire.assign(17, 0xff);
        REQUIRE(client->send(wire));
        clients.push_back(std::move(*client));
    }
    CHECK(hub.snapshot().size() == 4);
    clients.clear();
    CHECK(hub.snapshot().size() == 4);
}

namespace {

// Somebody on the network who sends anything to a hub's port.
class Stranger {
  public:
    explicit Stranger(std::uint16_t port) : socket_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
        address_.sin_family = AF_INET;
        address_.sin_port = htons(port);
        address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        REQUIRE(::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address_), sizeof address_) == 0);
    }
    void send(const std::vector<std::uint8_t>& datagram) const {
        (void)!::send(socket_.get(), datagram.data(), datagram.size(),
                      0);  // an ICMP error about an earlier one is no concern of ours
    }
    // What follows goes out as trains of datagrams of this size, 0: as single ones.
    void segment(int size) const {
        REQUIRE(::setsockopt(socket_.get(), IPPROTO_UDP, UDP_SEGMENT, &size, sizeof size) == 0);
    }
    [[nodiscard]] bool was_answered() const {
        std::uint8_t byte = 0;
        return ::recv(socket_.get(), &byte, 1, MSG_DONTWAIT) >= 0;
    }

  private:
    UniqueFd socket_;
    sockaddr_in address_{};
};

// Starts like a handshake initiation and is none.
std::vector<std::uint8_t> junk(std::size_t size) {
    std::vector<std::uint8_t> out(size, 0x5a);
    for (std::size_t i = 0; i < std::min<std::size_t>(4, size); ++i) out[i] = i == 0 ? 1 : 0;
    return out;
}

std::uint64_t drops_of(const ipc::SnapshotMessage& header, const std::string& reason) {
    for (const auto& [name, count] : std::get<ipc::SnapshotHeader>(header).drops) {
        if (name == reason) return count;
    }
    return 0;
}

// A child that is nobody and exits with what `work` returns.
int as_nobody(const std::function<int()>& work) {
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) ::_exit(::setresuid(65534, 65534, 65534) == 0 ? work() : 99);
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    REQUIRE(WIFEXITED(status));
    return WEXITSTATUS(status);
}

}  // namespace

TEST_CASE("junk of every size and in trains is counted, never answered, and keeps nobody waiting") {
    Hub hub(1);
    hub.configure(1, peer_at(2, 0));
    const Stranger stranger(hub.port());
    for (const std::size_t size : std::initializer_list<std::size_t>{0, 1, 4, 147, 149, 1000, 65507})
        stranger.send(junk(size));
    stranger.segment(148);
    std::atomic<bool> stop = false;
    std::thread flood([&] {
        while (!stop) stranger.send(junk(148 * 44));
    });
    for (int i = 0; i < 20; ++i) CHECK(hub.snapshot().size() == 4);
    CHECK(eventually([&] { return drops_of(hub.snapshot()[0], "bad_mac1") > 1000; }));
    stop = true;
    flood.join();
    CHECK(drops_of(hub.snapshot()[0], "bad_length") >=
          4);  // what is shorter than a type or too short for one may be counted otherwise
    CHECK_FALSE(stranger.was_answered());
}

TEST_CASE("a listener that is gone is not served, though stackd still holds its sockets") {
    Hub hub(1);
    hub.configure(1, peer_at(2, 0));
    hub.remove_all(2);
    const Stranger stranger(hub.port());
    for (int i = 0; i < 100; ++i) stranger.send(junk(148));
    CHECK(hub.snapshot().size() == 2);
    hub.configure(3, peer_at(2, 0));  // and opens again; what waited in the socket comes now
    CHECK(eventually([&] { return drops_of(hub.snapshot()[0], "bad_mac1") == 100; }));
}

TEST_CASE("only root may adopt") {
    if (::geteuid() != 0) return;
    Hub hub(1);
    hub.configure(1, peer_at(2, 0));
    hub.hang_up();
    REQUIRE(::chmod(hub.directory().c_str(), 0711) == 0);
    REQUIRE(::chmod((hub.directory() + "/adopt.sock").c_str(), 0666) == 0);
    const int refused = as_nobody([&] {
        auto channel = ipc::Channel::connect(hub.directory() + "/adopt.sock");
        if (!channel) return 1;
        const timeval patience{5, 0};
        if (::setsockopt(channel->fd(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) != 0) return 4;
        std::vector<std::uint8_t> wire;
        if (!encode(ipc::ConfigMessage(ipc::Hello{"evil", "1", 1}), wire)) return 2;
        (void)!channel->send(wire).has_value();
        std::array<std::uint8_t, 64> space{};
        const auto received = channel->receive(space);
        return received && received->closed ? 0 : 3;
    });
    CHECK(refused == 0);
    hub.adopt();
    CHECK(std::holds_alternative<ipc::HoldingListener>(hub.receive()));
}

TEST_CASE("who is not root sees no key") {
    if (::geteuid() != 0) return;
    Hub hub(1);
    hub.configure(1, peer_at(2, 0));
    REQUIRE(::chmod(hub.directory().c_str(), 0711) == 0);
    REQUIRE(::chmod((hub.directory() + "/uapi-1.sock").c_str(), 0666) == 0);
    const int hidden = as_nobody([&] {
        const std::string answer = hub.ask_uapi(1, "get=1\n\n");
        if (!answer.ends_with("errno=0\n\n") || answer.find("\npublic_key=") == std::string::npos) return 1;
        return answer.find("private_key=") == std::string::npos && answer.find("preshared_key=") == std::string::npos
                   ? 0
                   : 2;
    });
    CHECK(hidden == 0);
}
