#include "vpnd/listeners/steering.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/ids.h"
#include "base/socket_address.h"
#include "stack.h"
#include "vpnd/dataplane/framing/esp.h"
#include "vpnd/dataplane/framing/ike.h"
#include "vpnd/dataplane/framing/wireguard.h"

namespace warren::io::test {
namespace {

constexpr dataplane::Steering kWireguard = dataplane::WireguardFraming::kSteering;

class Group {
  public:
    // A control socket, one of each worker, and one of solicited messages.
    Group(const char* address, std::uint32_t workers) {
        sockets_.push_back(bound_socket(SOCK_DGRAM, {*parse_ip(address), 0, 0}, true));
        endpoint_ = bound_to(sockets_[0].get());
        for (std::uint32_t i = 0; i < workers + 1; ++i) sockets_.push_back(bound_socket(SOCK_DGRAM, endpoint_, true));
    }
    [[nodiscard]] int first() const { return sockets_[0].get(); }

    // Sends from a new port and tells which socket got it: 0 the handshake socket, 1 + worker, then the solicited.
    [[nodiscard]] int receiver_of(const std::vector<std::uint8_t>& datagram) const {
        const UniqueFd sender(::socket(endpoint_.address.is_v4() ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
        sockaddr_storage address{};
        const socklen_t size = fill_address(endpoint_, address);
        if (::sendto(sender.get(), datagram.data(), datagram.size(), 0, reinterpret_cast<const sockaddr*>(&address),
                     size) < 0)
            return -1;
        std::vector<pollfd> waiting;
        for (const UniqueFd& socket : sockets_) waiting.push_back({socket.get(), POLLIN, 0});
        if (::poll(waiting.data(), waiting.size(), 20'000) != 1) return -2;
        for (std::size_t i = 0; i < waiting.size(); ++i) {
            std::array<std::uint8_t, 256> space;
            if ((waiting[i].revents & POLLIN) == 0) continue;
            (void)::recv(waiting[i].fd, space.data(), space.size(), 0);
            return static_cast<int>(i);
        }
        return -3;
    }

  private:
    std::vector<UniqueFd> sockets_;
    Endpoint endpoint_;
};

std::vector<std::uint8_t> transport(std::uint32_t receiver, std::size_t size = 32) {
    std::vector<std::uint8_t> out(size);
    out[0] = 4;
    store_le(out.data() + 4, receiver);
    return out;
}

TEST_CASE("a transport message goes to the worker that its receiver index names, wherever it comes from") {
    for (const char* address : {"127.0.0.1", "::1"}) {
        Group group(address, 3);
        REQUIRE(attach_steering(group.first(), 3, kWireguard).has_value());
        for (std::uint32_t i = 0; i < 60; ++i) {
            const std::uint32_t worker = i % 3;
            const std::uint32_t receiver = (i * 0x9e3779b9U & ~63U) | worker;
            CHECK(group.receiver_of(transport(receiver)) == static_cast<int>(1 + worker));
        }
    }
}

TEST_CASE("what strangers do not begin with goes to a socket of its own") {
    for (const char* address : {"127.0.0.1", "::1"}) {
        constexpr int kSolicited = 3;
        Group group(address, 2);
        REQUIRE(attach_steering(group.first(), 2, kWireguard).has_value());
        std::vector<std::uint8_t> initiation(148, 0xff);
        store_le(initiation.data(), std::uint32_t{1});
        std::fill(initiation.end() - 16, initiation.end(), 0);
        CHECK(group.receiver_of(initiation) == 0);
        for (std::size_t i = 1; i <= 16; ++i) {
            auto with_mac2 = initiation;
            with_mac2[with_mac2.size() - i] = 1;
            CHECK(group.receiver_of(with_mac2) == kSolicited);
        }
        initiation.resize(147, 1);
        CHECK(group.receiver_of(initiation) == 0);
        CHECK(group.receiver_of({2, 0, 0, 0, 1}) == kSolicited);
        CHECK(group.receiver_of({3, 0, 0, 0}) == kSolicited);
        CHECK(group.receiver_of({2, 0, 0, 1}) == 0);  // reserved bytes
    }
}

TEST_CASE("everything else goes to the handshake socket") {
    for (const char* address : {"127.0.0.1", "::1"}) {
        Group group(address, 2);
        REQUIRE(attach_steering(group.first(), 2, kWireguard).has_value());
        for (unsigned type = 0; type < 256; ++type) {
            if (type >= 2 && type <= 4) continue;
            auto datagram = transport(1, 148);
            datagram[0] = static_cast<std::uint8_t>(type);
            CHECK(group.receiver_of(datagram) == 0);
        }
        for (std::uint32_t worker = 2; worker < 64; ++worker)
            CHECK(group.receiver_of(transport(worker)) == static_cast<int>(1 + worker % 2));
        for (std::size_t size = 1; size <= 4; ++size) CHECK(group.receiver_of(std::vector<std::uint8_t>(size, 0)) == 0);
        CHECK(group.receiver_of({4, 0, 0, 0}) == 0);  // ends where the receiver index should be
        CHECK(group.receiver_of({4, 0, 0, 0, 1}) == 2);
        CHECK(group.receiver_of({4, 0, 0, 1, 1}) == 0);  // reserved bytes
    }
}

TEST_CASE("a protocol whose control messages begin with a zero word, and whose ids are big-endian") {
    constexpr dataplane::Steering steering{.word = 0, .word_means_data = false, .worker_byte = 3};
    Group group("127.0.0.1", 3);
    REQUIRE(attach_steering(group.first(), 3, steering).has_value());
    for (std::uint32_t i = 0; i < 60; ++i) {
        std::vector<std::uint8_t> datagram(48);
        store_be(datagram.data(), ((i + 1) * 0x9e3779b9U & ~63U) | i % 3);
        CHECK(group.receiver_of(datagram) == static_cast<int>(1 + i % 3));
    }
    CHECK(group.receiver_of(std::vector<std::uint8_t>(48)) == 0);  // the marker
    CHECK(group.receiver_of({0xff}) == 0);                         // a keepalive
    CHECK(group.receiver_of({1, 2, 3}) == 0);
}

TEST_CASE(
    "port 4500: an ESP packet goes to the worker that its SPI names, IKE and everything else to a control socket") {
    for (const char* address : {"127.0.0.1", "::1"}) {
        constexpr int kSolicited = 4;
        Group group(address, 3);
        REQUIRE(attach_steering(group.first(), 3, dataplane::kEspFraming.steering).has_value());
        for (std::uint32_t i = 0; i < 60; ++i) {
            const SessionId spi{((i + 1) * 0x9e3779b9U & ~63U) | i % 3};
            std::vector<std::uint8_t> packet(36 + i, 0xff);
            store_be(packet.data(), spi.value);
            CHECK(group.receiver_of(packet) == static_cast<int>(1 + spi.worker()));
        }
        // An SPI of an earlier vpnd, which had more workers.
        CHECK(group.receiver_of({0x12, 0x34, 0x56, 0x40 | 62}) == 1 + 62 % 3);
        // The marker, then the initiator's SPI; the responder's is zero in a first message only.
        std::vector<std::uint8_t> ike(60);
        std::fill_n(ike.begin() + 4, 8, 0xff);
        CHECK(group.receiver_of(ike) == 0);
        for (std::size_t at = 12; at < 20; ++at) {
            auto later = ike;
            later[at] = 1;
            CHECK(group.receiver_of(later) == kSolicited);
        }
        ike[20] = 1;
        CHECK(group.receiver_of(ike) == 0);
        for (std::size_t size = 1; size < 20; ++size) CHECK(group.receiver_of(std::vector<std::uint8_t>(size)) == 0);
        CHECK(group.receiver_of({0xff}) == 0);  // a keepalive
        CHECK(group.receiver_of({1, 2, 3}) == 0);
    }
}

TEST_CASE("KP1: port 500: everything goes to the control socket") {
    Group group("127.0.0.1", 2);
    REQUIRE(attach_steering(group.first(), 2, dataplane::kIkeFraming.steering).has_value());
    for (const int fill : {0, 1, 4, 255}) {
        for (const std::size_t size : {1U, 4U, 28U, 60U})
            CHECK(group.receiver_of(std::vector<std::uint8_t>(size, static_cast<std::uint8_t>(fill))) == 0);
    }
}

TEST_CASE("the program is attached without privilege") {
    Group group("127.0.0.1", 1);
    const pid_t child = ::fork();
    if (child == 0) {
        if (::geteuid() == 0 && ::setresuid(65'534, 65'534, 65'534) != 0) ::_exit(2);
        ::_exit(attach_steering(group.first(), 1, kWireguard).has_value() ? 0 : 1);
    }
    int status = -1;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 0);
    CHECK(group.receiver_of(transport(0)) == 1);
}

}  // namespace
}  // namespace warren::io::test
