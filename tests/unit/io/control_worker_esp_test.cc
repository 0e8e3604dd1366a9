// What of port 4500 reaches the engine, and what a data worker.
#include <doctest/doctest.h>
#include <poll.h>
#include <sys/socket.h>

#include <vector>

#include "base/socket_address.h"
#include "crypto/random.h"
#include "stack.h"
#include "vpnd/dataplane/framing/esp.h"
#include "vpnd/io/control_worker.h"

namespace warren::io::test {
namespace {

using Datagram = std::vector<std::uint8_t>;

constexpr std::uint32_t kSpi = 0x1234'5640;
constexpr PeerIndex kLive{7};

crypto::AeadKey session_key() {
    crypto::AeadKey key;
    key.suite = crypto::AeadSuite::kAes128Gcm;
    return key;
}

// Number 1 of the session, with a dummy.
Datagram esp_packet() {
    Datagram out(8 + 8 + 4 + 16);
    store_be(out.data(), kSpi);
    store_be(out.data() + 4, std::uint32_t{1});
    const Datagram associated(out.begin(), out.begin() + 8);
    crypto::suite_seal(session_key(), 0, associated, Datagram{1, 2, 2, 59}, MutableBytes(out).subspan(16));
    return out;
}

// Writes down what it is given. The first datagram makes a peer with a session.
class Listening final : public control::Engine {
  public:
    [[nodiscard]] bool is_expensive(Bytes) const override { return false; }
    [[nodiscard]] control::Standing standing_of(Now, const control::Arrival&, Bytes) override {
        return control::Standing::kStranger;
    }
    void handle_datagram(Now now, const control::Arrival&, Bytes datagram, control::Output& out) override {
        heard.emplace_back(datagram.begin(), datagram.end());
        if (heard.size() > 1) return;
        out.commands.push_back({0, dataplane::PutPeer{{0}, kLive, 0}});
        dataplane::InstallSession session;
        session.local_id = {kSpi};
        session.peer = kLive;
        session.listener = {0};
        session.send_key = session_key();
        session.receive_key = session_key();
        session.created = now.instant;
        out.commands.push_back({0, std::move(session)});
    }
    void handle_event(Now, const dataplane::Event& event, control::Output& out) override {
        events.push_back(event);
        out.commands.push_back({0, dataplane::DropPeer{{0}, kLive}});
    }
    void handle_timeout(Now, control::Output&) override {}
    [[nodiscard]] Instant next_deadline() const override { return kNever; }
    void remove_peer(Now, PeerIndex, control::Output&) override {}
    void set_queue_length(std::size_t) override {}
    [[nodiscard]] bool under_load(Now) const override { return false; }
    [[nodiscard]] std::string identity() const override { return "listening"; }
    [[nodiscard]] std::optional<control::PeerStatus> peer_status(PeerIndex) const override { return std::nullopt; }
    [[nodiscard]] control::EngineCounters totals() const override { return {}; }

    std::vector<Datagram> heard;
    std::vector<dataplane::Event> events;
};

struct World {
    World() {
        std::vector<std::unique_ptr<DataWorker>> workers;
        const crypto::AeadBackends backends(crypto::AeadBackend::kSodium);
        workers.push_back(std::move(*DataWorker::start(0, backends, nullptr)));
        control = std::move(*ControlWorker::make(std::move(workers), random));
        // The worker's socket is none of the group's: what the steering program would send there arrives at ours too.
        ControlWorker::Sockets sockets;
        sockets.control_v4 = bound_socket(SOCK_DGRAM, {IpAddress::v4(127, 0, 0, 1), 0, 0}, true);
        hub = bound_to(sockets.control_v4.get());
        sockets.data_v4.push_back(bound_socket(SOCK_DGRAM, {IpAddress::v4(127, 0, 0, 1), 0, 0}, true));
        auto made = std::make_unique<Listening>();
        engine = made.get();
        REQUIRE(control->open_listener({0}, std::move(made), dataplane::kEspFraming, std::move(sockets)).has_value());
        auto view = std::make_unique<dataplane::CustomerView>();
        view->index = {0};
        control->post(0, SwapCustomer{std::move(view), nullptr});
    }
    void send(const Datagram& datagram) const {
        sockaddr_storage to{};
        const socklen_t size = fill_address(hub, to);
        REQUIRE(::sendto(sender.get(), datagram.data(), datagram.size(), 0, reinterpret_cast<const sockaddr*>(&to),
                         size) > 0);
    }
    template <typename IsDone>
    void run_until(const IsDone& is_done) {
        while (!is_done()) {
            pollfd waiting{control->fd(), POLLIN, 0};
            REQUIRE(::poll(&waiting, 1, 20'000) == 1);
            control->run();
        }
    }

    crypto::SystemRandom random;
    std::unique_ptr<ControlWorker> control;
    Listening* engine = nullptr;
    Endpoint hub;
    UniqueFd sender = bound_socket(SOCK_DGRAM, {IpAddress::v4(127, 0, 0, 1), 0, 0}, false);
};

Datagram ike(std::uint8_t last) {
    Datagram out(60, 7);
    std::fill_n(out.begin(), 4, 0);
    out.back() = last;
    return out;
}

TEST_CASE("KP1: port 4500: the engine hears IKE, and neither keepalives nor ESP packets") {
    World world;
    for (const Datagram& datagram : {Datagram{0xff}, ike(1), Datagram(60, 7), Datagram{0xff}, ike(2)})
        world.send(datagram);
    world.run_until([&] { return !world.engine->heard.empty() && world.engine->heard.back() == ike(2); });
    CHECK(world.engine->heard == std::vector<Datagram>{ike(1), ike(2)});
}

TEST_CASE("what happens to a live peer is told to the engine that made it") {
    World world;
    world.send(ike(1));
    world.send(esp_packet());  // handed on to the worker, behind the commands
    world.run_until([&] { return !world.engine->events.empty(); });
    const auto* const activity = std::get_if<dataplane::PeerActivity>(&world.engine->events[0]);
    const auto* const roamed = std::get_if<dataplane::PeerRoamed>(&world.engine->events[0]);
    REQUIRE((activity != nullptr || roamed != nullptr));
    CHECK((activity != nullptr ? activity->peer : roamed->peer) == kLive);
}

}  // namespace
}  // namespace warren::io::test
