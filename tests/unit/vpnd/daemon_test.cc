// The whole of vpnd but its executable: two of them, each with a stackd played by the test, find each other over loopback.
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
#include "vpnd/daemon.h"

using namespace warren;
using namespace std::chrono_literals;

namespace {

struct TemporaryDirectory {
    std::string path = "/tmp/warren-vpnd-XXXXXX";
    TemporaryDirectory() { REQUIRE(::mkdtemp(path.data()) != nullptr); }
    ~TemporaryDirectory() { std::filesystem::remove_all(path); }
};

// One UDP socket of a reuseport group on loopback, as stackd opens it. Port 0: any.
UniqueFd udp_socket(std::uint16_t port) {
    UniqueFd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    const int on = 1;
    REQUIRE(::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) == 0);
    REQUIRE(::setsockopt(fd.get(), IPPROTO_IP, IP_PKTINFO, &on, sizeof on) == 0);
    REQUIRE(::setsockopt(fd.get(), IPPROTO_UDP, UDP_GRO, &on, sizeof on) == 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    return fd;
}

std::uint16_t port_of(const UniqueFd& fd) {
    sockaddr_in address{};
    socklen_t size = sizeof address;
    REQUIRE(::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
    return ntohs(address.sin_port);
}

UniqueFd stream_listener(const std::string& path) {
    UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    REQUIRE(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(::listen(fd.get(), 16) == 0);
    return fd;
}

// A vpnd in a thread of its own, and the stackd that feeds it.
class Hub {
  public:
    explicit Hub(std::uint8_t key) : key_(key), handshake_(udp_socket(0)), port_(port_of(handshake_)), data_(udp_socket(port_)) {
        auto ends = ipc::Channel::pair();
        REQUIRE(ends);
        channel_ = std::move(ends->first);
        const timeval patience{5, 0};
        REQUIRE(::setsockopt(channel_.fd(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == 0);
        vpnd::Daemon::Parts parts;
        parts.hello = ipc::Hello{"test", "0", 1};
        parts.channel = std::move(ends->second);
        parts.snapshot_listener = std::move(*ipc::listen_at(directory_.path + "/snapshot.sock", 0600));
        parts.adoption_listener = std::move(*ipc::listen_at(directory_.path + "/adopt.sock", 0600));
        parts.timestamps = UniqueFd(::open((directory_.path + "/timestamps").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
        stop_ = UniqueFd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
        parts.signals = stop_.duplicate();
        auto worker = io::DataWorker::start(0, crypto::AeadBackend::kSodium);
        REQUIRE(worker);
        parts.workers.push_back(std::move(*worker));
        parts.aead_backend = "libsodium";
        parts.usage = ProcessUsage::open();
        auto daemon = vpnd::Daemon::make(std::move(parts), random_);
        REQUIRE(daemon);
        daemon_ = std::move(*daemon);
        thread_ = std::thread([this] { daemon_->run(); });
        CHECK(std::holds_alternative<ipc::HoldingEnd>(receive()));
    }
    ~Hub() {
        const std::uint64_t one = 1;
        CHECK(::write(stop_.get(), &one, sizeof one) == sizeof one);
        thread_.join();
    }

    void send(const ipc::ConfigMessage& message, const std::vector<int>& descriptors = {}) {
        std::vector<std::uint8_t> wire;
        REQUIRE(encode(message, wire));
        REQUIRE(channel_.send(wire, descriptors));
    }
    ipc::ConfigMessage receive() {
        std::vector<std::uint8_t> space(ipc::kMaxMessageSize);
        auto received = channel_.receive(space);
        REQUIRE(received);
        REQUIRE_FALSE(received->closed);
        descriptors_ = std::move(received->descriptors);
        auto message = ipc::decode(Bytes(space).first(received->size));
        REQUIRE(message);
        return std::move(*message);
    }
    // One listener, one customer, one peer.
    void configure(std::uint64_t generation, ipc::PutPeer peer) {
        const UniqueFd uapi = stream_listener(directory_.path + "/uapi-" + std::to_string(generation) + ".sock");
        const UniqueFd tun = test::any_descriptor();
        send(ipc::Begin{generation, true});
        auto listener = test::put_listener("", key_, port_);
        listener.has_v6 = false;
        send(std::move(listener), {handshake_.get(), data_.get(), uapi.get()});
        send(test::put_customer("acme", 1), {tun.get()});
        send(std::move(peer));
        send(ipc::Commit{generation});
        const auto answer = receive();
        REQUIRE(std::holds_alternative<ipc::Applied>(answer));
        CHECK(std::get<ipc::Applied>(answer).generation == generation);
    }
    // Everything away; the sockets stay open here, as they do in stackd.
    void remove_all(std::uint64_t generation) {
        send(ipc::Begin{generation, true});
        send(ipc::Commit{generation});
        REQUIRE(std::holds_alternative<ipc::Applied>(receive()));
    }
    void hang_up() { channel_ = ipc::Channel(); }
    void adopt() {
        auto channel = ipc::Channel::connect(directory_.path + "/adopt.sock");
        REQUIRE(channel);
        channel_ = std::move(*channel);
        send(ipc::Hello{"test", "1", 1});
    }

    std::vector<ipc::SnapshotMessage> snapshot(const std::string& customer = "") { return answer_to(ipc::SnapshotRequest{customer, true}); }
    std::vector<ipc::SnapshotMessage> answer_to(const ipc::SnapshotRequest& request) {
        auto client = ipc::Channel::connect(directory_.path + "/snapshot.sock");
        REQUIRE(client);
        std::vector<std::uint8_t> wire;
        REQUIRE(encode(ipc::SnapshotMessage(request), wire));
        REQUIRE(client->send(wire));
        std::vector<ipc::SnapshotMessage> out;
        std::vector<std::uint8_t> space(ipc::kMaxMessageSize);
        while (out.empty() ||
               !(std::holds_alternative<ipc::SnapshotEnd>(out.back()) || std::holds_alternative<ipc::SnapshotError>(out.back()))) {
            auto received = client->receive(space);
            REQUIRE(received);
            REQUIRE_FALSE(received->closed);
            auto message = ipc::decode_snapshot(Bytes(space).first(received->size));
            REQUIRE(message);
            out.push_back(std::move(*message));
        }
        return out;
    }
    ipc::PeerSnapshot first_peer() {
        for (const auto& message : snapshot()) {
            if (const auto* peer = std::get_if<ipc::PeerSnapshot>(&message)) return *peer;
        }
        FAIL("no peer in the snapshot");
        return {};
    }
    // What a UAPI client gets for `request`, up to the end of the answer.
    std::string ask_uapi(std::uint64_t generation, const std::string& request) {
        const std::string path = directory_.path + "/uapi-" + std::to_string(generation) + ".sock";
        const UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::memcpy(address.sun_path, path.data(), path.size());
        REQUIRE(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
        REQUIRE(::write(fd.get(), request.data(), request.size()) == static_cast<ssize_t>(request.size()));
        const timeval patience{5, 0};
        REQUIRE(::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == 0);
        std::string out;
        std::array<char, 4096> space{};
        while (!out.ends_with("\n\n")) {
            const ssize_t size = ::read(fd.get(), space.data(), space.size());
            if (size <= 0) break;
            out.append(space.data(), static_cast<std::size_t>(size));
        }
        return out;
    }

    [[nodiscard]] std::uint16_t port() const { return port_; }
    [[nodiscard]] const std::vector<UniqueFd>& descriptors() const { return descriptors_; }
    [[nodiscard]] const std::string& directory() const { return directory_.path; }

  private:
    TemporaryDirectory directory_;
    std::uint8_t key_;
    UniqueFd handshake_;
    std::uint16_t port_;
    UniqueFd data_;
    ipc::Channel channel_;
    std::vector<UniqueFd> descriptors_;
    UniqueFd stop_;
    crypto::SystemRandom random_;
    std::unique_ptr<vpnd::Daemon> daemon_;
    std::thread thread_;
};

bool eventually(const std::function<bool()>& claim) {
    for (int i = 0; i < 100; ++i) {
        if (claim()) return true;
        std::this_thread::sleep_for(50ms);
    }
    return false;
}

ipc::PutPeer peer_at(std::uint8_t key, std::uint16_t port) {
    ipc::PutPeer peer = test::put_peer(key, {"10.1.0.0/16", "fd00::/8"});
    peer.preshared_key.secret = test::private_key(99).secret.clone();
    if (port != 0) peer.endpoint = Endpoint{IpAddress::v4(127, 0, 0, 1), port, 0};
    return peer;
}

}  // namespace

TEST_CASE("two hubs with a configuration each make a session, and both say so") {
    Hub responder(1);
    Hub initiator(2);
    responder.configure(1, peer_at(2, 0));
    CHECK(responder.first_peer().state == ipc::PeerState::kNever);
    ipc::PutPeer peer = peer_at(1, responder.port());
    peer.persistent_keepalive_seconds = 1;
    initiator.configure(7, std::move(peer));

    CHECK(eventually([&] { return responder.first_peer().state == ipc::PeerState::kOnline; }));
    CHECK(eventually([&] { return initiator.first_peer().state == ipc::PeerState::kOnline; }));
    const ipc::PeerSnapshot seen = responder.first_peer();
    CHECK(seen.has_preshared_key);
    CHECK(seen.endpoint == Endpoint{IpAddress::v4(127, 0, 0, 1), initiator.port(), 0});
    CHECK(seen.latest_handshake_seconds.has_value());
    CHECK(eventually([&] { return responder.first_peer().rx_bytes >= 32; }));  // the keepalive that confirmed the session

    const auto all = responder.snapshot();
    REQUIRE(all.size() == 4);
    CHECK(std::get<ipc::SnapshotHeader>(all[0]).customer_count == 1);
    CHECK(std::get<ipc::SnapshotHeader>(all[0]).generation == 1);
    CHECK(std::get<ipc::SnapshotHeader>(all[0]).handshakes_completed == 1);
    CHECK(std::get<ipc::CustomerSnapshot>(all[1]).peers_online == 1);
    CHECK(std::get<ipc::CustomerSnapshot>(all[1]).listen_port == responder.port());
    CHECK(std::holds_alternative<ipc::SnapshotError>(responder.snapshot("globex").back()));
}

namespace {

// Somebody who asks again and again for what is new.
struct Watcher {
    explicit Watcher(Hub& hub) : hub_(hub) {}
    // {customers, peers} that were told.
    std::pair<std::size_t, std::size_t> ask() {
        const auto answer = hub_.answer_to({"", true, header.epoch, header.revision});
        header = std::get<ipc::SnapshotHeader>(answer.front());
        std::pair<std::size_t, std::size_t> told;
        for (const auto& message : answer) {
            told.first += std::holds_alternative<ipc::CustomerSnapshot>(message) ? 1U : 0U;
            told.second += std::holds_alternative<ipc::PeerSnapshot>(message) ? 1U : 0U;
            if (const auto* customer = std::get_if<ipc::CustomerSnapshot>(&message)) all_peers = customer->all_peers;
        }
        return told;
    }
    ipc::SnapshotHeader header;
    bool all_peers = false;

  private:
    Hub& hub_;
};

constexpr std::pair<std::size_t, std::size_t> kNothing{0, 0};
constexpr std::pair<std::size_t, std::size_t> kTheOne{1, 1};

}  // namespace

TEST_CASE("who asks again is told what has changed, and everything when that does not tell it all") {
    Hub hub(1);
    Hub site(2);
    hub.configure(1, peer_at(2, 0));
    Watcher watcher(hub);
    CHECK(watcher.ask() == kTheOne);
    CHECK(watcher.header.full);
    CHECK(watcher.ask() == kNothing);
    CHECK_FALSE(watcher.header.full);
    CHECK(watcher.header.customer_count == 1);

    Watcher second(hub);  // who comes later is told everything, and takes nothing from the first
    CHECK(second.ask() == kTheOne);
    CHECK(watcher.ask() == kNothing);

    ipc::PutPeer peer = peer_at(1, hub.port());
    peer.persistent_keepalive_seconds = 1;
    site.configure(1, std::move(peer));
    CHECK(eventually([&] { return watcher.ask() == kTheOne; }));  // the handshake
    CHECK_FALSE(watcher.header.full);
    CHECK_FALSE(watcher.all_peers);
    CHECK(eventually([&] { return watcher.ask() == kNothing; }));
    CHECK(eventually([&] { return watcher.ask() == kTheOne; }));  // the next keepalive

    hub.configure(2, peer_at(3, 0));
    CHECK(watcher.ask() == kTheOne);
    CHECK(watcher.all_peers);  // whoever is not among them is gone

    Watcher stranger(hub);
    stranger.header = watcher.header;
    ++stranger.header.epoch;
    CHECK(stranger.ask() == kTheOne);  // of another vpnd's life
    CHECK(stranger.header.full);
    stranger.header = watcher.header;
    stranger.header.revision += 1'000;
    CHECK(stranger.ask() == kTheOne);  // of no time that was
    CHECK(stranger.header.full);

    CHECK(second.ask() == kTheOne);
    hub.remove_all(3);
    CHECK(second.ask() == kNothing);
    CHECK(second.header.full);  // so that he notices
}

TEST_CASE("another key of the listener is told to who watches its customers") {
    Hub hub(1);
    hub.configure(1, peer_at(2, 0));
    Watcher watcher(hub);
    CHECK(watcher.ask() == kTheOne);
    CHECK(watcher.ask() == kNothing);
    const auto key_of = [&] { return std::get<ipc::CustomerSnapshot>(hub.snapshot()[1]).listener_public_key; };
    const std::string before = key_of();
    hub.send(ipc::Begin{2, false});
    auto listener = test::put_listener("", 9, hub.port());
    listener.has_v6 = false;
    listener.has_sockets = false;
    hub.send(std::move(listener));
    hub.send(ipc::Commit{2});
    REQUIRE(std::holds_alternative<ipc::Applied>(hub.receive()));
    CHECK(key_of() != before);
    CHECK(watcher.ask().first == 1);
}

TEST_CASE("a peer that the listener's new key makes ourselves is told") {
    Hub hub(1);
    Hub site(2);
    hub.configure(1, peer_at(2, 0));
    ipc::PutPeer peer = peer_at(1, hub.port());
    peer.persistent_keepalive_seconds = 100;
    site.configure(1, std::move(peer));
    Watcher watcher(hub);
    CHECK(eventually([&] { return hub.first_peer().state == ipc::PeerState::kOnline && hub.first_peer().rx_bytes >= 32; }));
    CHECK(watcher.ask() == kTheOne);
    CHECK(eventually([&] { return watcher.ask() == kNothing; }));
    site.remove_all(2);
    CHECK(eventually([&] { return watcher.ask() == kNothing; }));
    hub.send(ipc::Begin{2, false});
    auto listener = test::put_listener("", 2, hub.port());  // the peer's own
    listener.has_v6 = false;
    listener.has_sockets = false;
    hub.send(std::move(listener));
    hub.send(ipc::Commit{2});
    REQUIRE(std::holds_alternative<ipc::Applied>(hub.receive()));
    CHECK(hub.first_peer().state == ipc::PeerState::kNever);
    CHECK(watcher.ask() == kTheOne);
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
    CHECK(answer.find("\nprotocol_version=1\nendpoint=127.0.0.1:4242\nlast_handshake_time_sec=0\n") != std::string::npos);
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
    for (; std::holds_alternative<ipc::Holding>(message); message = hub.receive()) {
        const auto& holding = std::get<ipc::Holding>(message);
        const bool is_listener = holding.kind == ipc::Holding::Kind::kListener;
        (is_listener ? listeners : customers) += 1;
        CHECK(hub.descriptors().size() == (is_listener ? 3U : 1U));
        if (is_listener) CHECK(port_of(hub.descriptors()[0]) == hub.port());
    }
    CHECK(listeners == 1);
    CHECK(customers == 1);
    REQUIRE(std::holds_alternative<ipc::HoldingEnd>(message));
    CHECK(std::get<ipc::HoldingEnd>(message).generation == 5);

    // The same again without descriptors changes nothing.
    hub.send(ipc::Begin{6, true});
    auto listener = test::put_listener("", 1, hub.port());
    listener.has_v6 = false;
    listener.has_sockets = false;
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
    auto second = ipc::Channel::connect(hub.directory() + "/adopt.sock");
    REQUIRE(second);
    const timeval patience{5, 0};
    REQUIRE(::setsockopt(second->fd(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == 0);
    std::array<std::uint8_t, 64> space{};
    const auto received = second->receive(space);
    REQUIRE(received);
    CHECK(received->closed);
    hub.configure(1, peer_at(2, 0));  // the first is still served
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
        (void)!::send(socket_.get(), datagram.data(), datagram.size(), 0);  // an ICMP error about an earlier one is no concern of ours
    }
    // What follows goes out as trains of datagrams of this size, 0: as single ones.
    void segment(int size) const { REQUIRE(::setsockopt(socket_.get(), IPPROTO_UDP, UDP_SEGMENT, &size, sizeof size) == 0); }
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
    for (const std::size_t size : std::initializer_list<std::size_t>{0, 1, 4, 147, 149, 1000, 65507}) stranger.send(junk(size));
    stranger.segment(148);
    std::atomic<bool> stop = false;
    std::thread flood([&] {
        while (!stop) stranger.send(junk(148 * 44));
    });
    auto slowest = 0ms;
    for (int i = 0; i < 20; ++i) {
        const auto start = std::chrono::steady_clock::now();
        CHECK(hub.snapshot().size() == 4);
        slowest = std::max(slowest, std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - start));
        std::this_thread::sleep_for(20ms);
    }
    stop = true;
    flood.join();
    CHECK(slowest < 2000ms);
    CHECK(eventually([&] { return drops_of(hub.snapshot()[0], "bad_mac1") > 1000; }));
    CHECK(drops_of(hub.snapshot()[0], "bad_length") >= 4);  // what is shorter than a type or too short for one may be counted otherwise
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
    CHECK(std::holds_alternative<ipc::Holding>(hub.receive()));
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
        return answer.find("private_key=") == std::string::npos && answer.find("preshared_key=") == std::string::npos ? 0 : 2;
    });
    CHECK(hidden == 0);
}
