// The whole of vpnd but its executable, on loopback, with a stackd that is played by the test.
#pragma once

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "crypto/aead.h"
#include "ipc/channel.h"
#include "ipc/snapshot.h"
#include "tests/unit/vpnd/fixtures.h"
#include "vpnd/daemon.h"

namespace warren::test {

struct TemporaryDirectory {
    std::string path = "/tmp/warren-vpnd-XXXXXX";
    TemporaryDirectory() { REQUIRE(::mkdtemp(path.data()) != nullptr); }
    ~TemporaryDirectory() { std::filesystem::remove_all(path); }
};

// A UDP socket bound to loopback. Port 0: any, for sockets that share none.
inline UniqueFd bound_to_loopback(std::uint16_t port, bool shares) {
    UniqueFd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    const int on = shares ? 1 : 0;
    REQUIRE(::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) == 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    return fd;
}

inline std::uint16_t port_of(const UniqueFd& fd) {
    sockaddr_in address{};
    socklen_t size = sizeof address;
    REQUIRE(::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
    return ntohs(address.sin_port);
}

// One UDP socket of a reuseport group on loopback, as stackd opens it. Port 0: any that no other program has: the
// kernel may give sockets that share their port the one of another test's.
inline UniqueFd udp_socket(std::uint16_t port) {
    if (port == 0) port = port_of(bound_to_loopback(0, false));
    UniqueFd fd = bound_to_loopback(port, true);
    const int on = 1;
    REQUIRE(::setsockopt(fd.get(), IPPROTO_IP, IP_PKTINFO, &on, sizeof on) == 0);
    REQUIRE(::setsockopt(fd.get(), IPPROTO_UDP, UDP_GRO, &on, sizeof on) == 0);
    return fd;
}

inline UniqueFd stream_listener(const std::string& path) {
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
    explicit Hub(std::uint8_t key)
        : key_(key),
          handshake_(udp_socket(0)),
          port_(port_of(handshake_)),
          data_(udp_socket(port_)),
          solicited_(udp_socket(port_)) {
        auto ends = ipc::Channel::pair();
        REQUIRE(ends);
        channel_ = std::move(ends->first);
        const timeval patience{60, 0};
        REQUIRE(::setsockopt(channel_.fd(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == 0);
        vpnd::Daemon::Parts parts;
        parts.hello = ipc::Hello{"test", "0", 1};
        parts.channel = std::move(ends->second);
        parts.snapshot_listener = std::move(*ipc::listen_at(directory_.path + "/snapshot.sock", 0600));
        parts.adoption_listener = std::move(*ipc::listen_at(directory_.path + "/adopt.sock", 0600));
        parts.timestamps =
            UniqueFd(::open((directory_.path + "/timestamps").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
        parts.peers = UniqueFd(::open((directory_.path + "/peers").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
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
        const UniqueFd tun = any_descriptor();
        send(ipc::Begin{generation, true});
        send(put_listener("", key_, port_), {handshake_.get(), data_.get(), solicited_.get(), uapi.get()});
        send(put_customer("acme", 1), {tun.get()});
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

    std::vector<ipc::SnapshotMessage> snapshot(const std::string& customer = "") {
        return answer_to(ipc::SnapshotRequest{customer, true});
    }
    std::vector<ipc::SnapshotMessage> answer_to(const ipc::SnapshotRequest& request) {
        auto client = ipc::Channel::connect(directory_.path + "/snapshot.sock");
        REQUIRE(client);
        std::vector<std::uint8_t> wire;
        REQUIRE(encode(ipc::SnapshotMessage(request), wire));
        REQUIRE(client->send(wire));
        std::vector<ipc::SnapshotMessage> out;
        std::vector<std::uint8_t> space(ipc::kMaxMessageSize);
        while (out.empty() || !(std::holds_alternative<ipc::SnapshotEnd>(out.back()) ||
                                std::holds_alternative<ipc::SnapshotError>(out.back()))) {
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
        const timeval patience{60, 0};
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
    UniqueFd solicited_;
    ipc::Channel channel_;
    std::vector<UniqueFd> descriptors_;
    UniqueFd stop_;
    crypto::SystemRandom random_;
    std::unique_ptr<vpnd::Daemon> daemon_;
    std::thread thread_;
};

inline bool eventually(const std::function<bool()>& claim) {
    for (int i = 0; i < 1'200; ++i) {
        if (claim()) return true;
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    return false;
}

inline ipc::PutPeer peer_at(std::uint8_t key, std::uint16_t port) {
    ipc::PutPeer peer = put_peer(key, {"10.1.0.0/16", "fd00::/8"});
    wireguard(peer).preshared_key.secret = private_key(99).secret.clone();
    if (port != 0) peer.settings.endpoint = Endpoint{IpAddress::v4(127, 0, 0, 1), port, 0};
    return peer;
}

}  // namespace warren::test
