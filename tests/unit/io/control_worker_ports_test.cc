// A listener with two ports, as IKE's: what comes to one is named by it, and is answered from it.
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <vector>

#include "base/socket_address.h"
#include "crypto/random.h"
#include "stack.h"
#include "vpnd/dataplane/framing/esp.h"
#include "vpnd/dataplane/framing/ike.h"
#include "vpnd/io/control_worker.h"

namespace warren::io::test {
namespace {

using Datagram = std::vector<std::uint8_t>;
constexpr std::array<std::uint16_t, 2> kNumbers{4500, 500};

// Sends every datagram back, from the port that it came to.
class Echo final : public control::Engine {
  public:
    [[nodiscard]] bool is_expensive(Bytes) const override { return false; }
    [[nodiscard]] control::Standing standing_of(Now, const control::Arrival&, Bytes) override {
        return control::Standing::kStranger;
    }
    void handle_datagram(Now, const control::Arrival& arrival, Bytes datagram, control::Output& out) override {
        ports.push_back(arrival.to_port);
        out.messages.push_back({arrival.from, arrival.to, 0, {datagram.begin(), datagram.end()}, arrival.to_port});
    }
    void handle_event(Now, const dataplane::Event&, control::Output&) override {}
    void handle_timeout(Now, control::Output&) override {}
    [[nodiscard]] Instant next_deadline() const override { return kNever; }
    void remove_peer(Now, PeerIndex, control::Output&) override {}
    void set_queue_length(std::size_t) override {}
    [[nodiscard]] bool under_load(Now) const override { return false; }
    [[nodiscard]] std::string identity() const override { return "echo"; }
    [[nodiscard]] std::optional<control::PeerStatus> peer_status(PeerIndex) const override { return std::nullopt; }
    [[nodiscard]] control::EngineCounters totals() const override { return {}; }

    std::vector<std::uint16_t> ports;
};

struct World {
    World() {
        std::vector<std::unique_ptr<DataWorker>> workers;
        const crypto::AeadBackends backends(crypto::AeadBackend::kSodium);
        workers.push_back(std::move(*DataWorker::start(0, backends, nullptr)));
        control = std::move(*ControlWorker::make(std::move(workers), random));
        auto made = std::make_unique<Echo>();
        engine = made.get();
        REQUIRE(control->open_listener({0}, std::move(made), dataplane::kEspFraming, sockets()).has_value());
    }

    [[nodiscard]] ControlWorker::Sockets sockets() {
        ControlWorker::Sockets out;
        const auto bound = [this](std::size_t port) {
            UniqueFd socket = bound_socket(SOCK_DGRAM, {IpAddress::v4(127, 0, 0, 1), 0, 0}, true);
            hub[port] = bound_to(socket.get());
            return socket;
        };
        out.control_v4 = bound(0);
        out.data_v4.push_back(bound_socket(SOCK_DGRAM, {IpAddress::v4(127, 0, 0, 1), 0, 0}, true));
        out.port = kNumbers[0];
        auto& other = out.other.emplace();
        other.framing = &dataplane::kIkeFraming;
        other.port = kNumbers[1];
        other.control_v4 = bound(1);
        return out;
    }

    // Sends the datagram to a port, and gives back the port that the answer came from.
    [[nodiscard]] std::uint16_t answering_port(std::size_t port, const Datagram& datagram) {
        sockaddr_storage to{};
        const socklen_t size = fill_address(hub[port], to);
        REQUIRE(::sendto(sender.get(), datagram.data(), datagram.size(), 0, reinterpret_cast<const sockaddr*>(&to),
                         size) > 0);
        const std::size_t heard = engine->ports.size();
        while (engine->ports.size() == heard) {
            pollfd waiting{control->fd(), POLLIN, 0};
            REQUIRE(::poll(&waiting, 1, 20'000) == 1);
            control->run();
        }
        pollfd waiting{sender.get(), POLLIN, 0};
        REQUIRE(::poll(&waiting, 1, 20'000) == 1);
        Datagram answer(1500);
        sockaddr_in from{};
        socklen_t from_size = sizeof from;
        const ssize_t got =
            ::recvfrom(sender.get(), answer.data(), answer.size(), 0, reinterpret_cast<sockaddr*>(&from), &from_size);
        REQUIRE(got == static_cast<ssize_t>(datagram.size()));
        return ntohs(from.sin_port);
    }

    crypto::SystemRandom random;
    std::unique_ptr<ControlWorker> control;
    Echo* engine = nullptr;
    std::array<Endpoint, 2> hub;
    UniqueFd sender = bound_socket(SOCK_DGRAM, {IpAddress::v4(127, 0, 0, 1), 0, 0}, false);
};

// Behind the marker on the first port, and without one on the second.
Datagram ike(std::size_t port) {
    Datagram out(60, 7);
    if (port == 0) std::fill_n(out.begin(), 4, 0);
    return out;
}

TEST_CASE("each port by its number, and answers leave from where the question came to") {
    World world;
    for (const std::size_t port : {0U, 1U, 0U}) CHECK(world.answering_port(port, ike(port)) == world.hub[port].port);
    CHECK(world.engine->ports == std::vector<std::uint16_t>{4500, 500, 4500});
}

TEST_CASE("new sockets take the place of both ports' former ones") {
    World world;
    REQUIRE(world.control->replace_sockets({0}, world.sockets()).has_value());
    for (const std::size_t port : {1U, 0U}) CHECK(world.answering_port(port, ike(port)) == world.hub[port].port);
    CHECK(world.engine->ports == std::vector<std::uint16_t>{500, 4500});
}

TEST_CASE("what a packet begins with is IKE's on the port without packets") {
    World world;
    Datagram datagram(60, 7);  // an SPI, on the first port
    CHECK(world.answering_port(1, datagram) == world.hub[1].port);
    CHECK(world.engine->ports == std::vector<std::uint16_t>{500});
}

}  // namespace
}  // namespace warren::io::test
