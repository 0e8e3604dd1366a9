#include "vpnd/io/control_worker.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <vector>

#include "base/socket_address.h"
#include "crypto/blake2s.h"
#include "crypto/random.h"
#include "crypto/x25519.h"
#include "stack.h"
#include "vpnd/dataplane/framing/wireguard.h"
#include "vpnd/listeners/message_queue.h"
#include "vpnd/wireguard/cookie.h"
#include "vpnd/wireguard/engine.h"
#include "vpnd/wireguard/messages.h"

namespace warren::io::test {
namespace {

// A control worker with one listener on loopback, both families, and somebody who sends to it.
struct World {
    explicit World(std::vector<UniqueFd> surplus = {}) {
        std::vector<std::unique_ptr<DataWorker>> workers;
        workers.push_back(std::move(*DataWorker::start(0, crypto::AeadBackend::kSodium, nullptr)));
        control = std::move(*ControlWorker::make(std::move(workers), random));
        crypto::PrivateKey key = crypto::generate_private_key(random);
        mac1_key = wireguard::mac1_key_of(crypto::public_key_of(key));
        std::array<UniqueFd, 2> handshakes;
        std::array<UniqueFd, 2> solicited;
        std::array<std::vector<UniqueFd>, 2> data;
        for (const std::size_t family : {0U, 1U}) {
            handshakes[family] = bound_socket(SOCK_DGRAM, {loopbacks[family], 0, 0}, true);
            hub[family] = bound_to(handshakes[family].get());
            data[family].push_back(bound_socket(SOCK_DGRAM, hub[family], true));
            solicited[family] = bound_socket(SOCK_DGRAM, hub[family], true);
            const int room = 16 << 20;
            has_room = ::setsockopt(handshakes[family].get(), SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room) == 0;
        }
        control_socket = handshakes[0].get();
        ControlWorker::Sockets sockets{std::move(handshakes[0]), std::move(handshakes[1]), std::move(solicited[0]),
                                       std::move(solicited[1]),  std::move(data[0]),       std::move(data[1]),
                                       std::move(surplus)};
        public_key = crypto::public_key_of(key);
        auto engine = std::make_unique<wireguard::Engine>(ListenerIndex{0}, std::move(key), control->indexes(), random);
        REQUIRE(control->open_listener({0}, std::move(engine), dataplane::kWireguardFraming, std::move(sockets))
                    .has_value());
    }

    // As many initiations as may wait.
    void fill(std::size_t family, bool with_mac1) {
        std::vector<std::uint8_t> message(wireguard::kInitiationSize);
        random.fill(message);
        store_le(message.data(), static_cast<std::uint32_t>(wireguard::MessageType::kInitiation));
        std::fill(message.end() - 16, message.end(), 0);  // no mac2
        const UniqueFd sender = bound_socket(SOCK_DGRAM, {loopbacks[family], 0, 0}, false);
        sockaddr_storage to{};
        const socklen_t size = fill_address(hub[family], to);
        for (std::size_t i = 0; i < MessageQueue::kCapacity; ++i) {
            store_le(message.data() + 8, static_cast<std::uint32_t>(i));  // in the ephemeral key: a new one
            if (with_mac1) {
                const wireguard::Mac mac1 = crypto::blake2s_mac(mac1_key, {wireguard::before_mac1(message)});
                std::copy(mac1.begin(), mac1.end(), message.end() - static_cast<std::ptrdiff_t>(2 * mac1.size()));
            }
            REQUIRE(::sendto(sender.get(), message.data(), message.size(), 0, reinterpret_cast<const sockaddr*>(&to),
                             size) > 0);
        }
    }
    [[nodiscard]] std::uint64_t refused_as(DropReason reason) const {
        return control->engine({0})->totals().drops.of(reason);
    }
    [[nodiscard]] std::uint64_t pushed_out() const { return control->drops({0})->of(DropReason::kHandshakeQueueFull); }

    const std::array<IpAddress, 2> loopbacks{IpAddress::v4(127, 0, 0, 1), *parse_ip("::1")};
    crypto::SystemRandom random;
    std::unique_ptr<ControlWorker> control;
    crypto::Hash mac1_key{};
    crypto::PublicKey public_key{};
    std::array<Endpoint, 2> hub;
    bool has_room = false;
    int control_socket = -1;  // the control worker's, for IPv4
};

TEST_CASE("who does not know our public key takes no place among the handshakes that wait") {
    World world;
    if (!world.has_room) {
        MESSAGE("skipped: needs CAP_NET_ADMIN for a large socket buffer");
        return;
    }
    world.fill(0, true);
    world.fill(1, false);
    world.control->run();
    CHECK(world.pushed_out() == 0);

    world.fill(0, true);
    world.fill(1, true);
    world.control->run();
    CHECK(world.pushed_out() > 0);
}

// A client that shows a cookie as soon as it has one; its messages are not authentic beyond that.
struct Client {
    explicit Client(World& of) : world(of) {
        sockaddr_storage to{};
        const socklen_t size = fill_address(world.hub[0], to);
        REQUIRE(::connect(socket.get(), reinterpret_cast<const sockaddr*>(&to), size) == 0);
    }
    void initiate() {
        std::vector<std::uint8_t> message(wireguard::kInitiationSize);
        world.random.fill(message);
        store_le(message.data(), static_cast<std::uint32_t>(wireguard::MessageType::kInitiation));
        macs.sign(Instant{}, message, world.public_key);
        REQUIRE(::send(socket.get(), message.data(), message.size(), 0) > 0);
    }
    // True when one had arrived.
    bool take_cookie() {
        std::array<std::uint8_t, 2 * wireguard::kCookieReplySize> space{};
        const ssize_t size = ::recv(socket.get(), space.data(), space.size(), MSG_DONTWAIT);
        const auto reply =
            size > 0 ? wireguard::parse_cookie_reply(Bytes(space).first(static_cast<std::size_t>(size))) : std::nullopt;
        return reply && macs.consume(Instant{}, *reply, world.public_key) == wireguard::CookieVerdict::kAccepted;
    }
    World& world;
    UniqueFd socket = bound_socket(SOCK_DGRAM, {world.loopbacks[0], 0, 0}, false);
    wireguard::MacWriter macs;
};

TEST_CASE("a flood without cookies, of the same address too, pushes out no initiation that shows one") {
    World world;
    if (!world.has_room) {
        MESSAGE("skipped: needs CAP_NET_ADMIN for a large socket buffer");
        return;
    }
    Client client(world);
    bool has_cookie = false;
    for (int i = 0; i < 20 && !has_cookie; ++i) {
        world.fill(0, true);
        client.initiate();
        do {
            world.control->run();
        } while (world.control->next_deadline() == kLongAgo);
        has_cookie = client.take_cookie();
    }
    REQUIRE(has_cookie);

    const std::uint64_t pushed_out = world.pushed_out();
    const std::uint64_t handled = world.refused_as(DropReason::kBadInitiation);
    client.initiate();
    world.fill(0, true);
    world.control->run();
    CHECK(world.pushed_out() == pushed_out);
    CHECK(world.refused_as(DropReason::kBadInitiation) == handled + 1);  // its cookie was good, it was looked at
}

// Data messages that the data worker got and knew no session for.
std::uint64_t unknown_sessions(World& world) {
    auto report = std::make_unique<CustomerReport>();
    report->drops.resize(kDataPlaneReasonCount);
    world.control->post(0, FillReport{std::move(report)});
    std::vector<std::unique_ptr<CustomerReport>> reports;
    for (int i = 0; i < 5'000 && reports.empty(); ++i) {
        pollfd ready{world.control->fd(), POLLIN, 0};
        (void)::poll(&ready, 1, 1);
        world.control->run();
        reports = world.control->take_reports();
    }
    REQUIRE(reports.size() == 1);
    return reports[0]->drops[static_cast<std::size_t>(DropReason::kReceiverIndexUnknown)];
}

TEST_CASE("a data message that the network merged behind an initiation goes to the worker of its session") {
    World world;
    const int on = 1;
    REQUIRE(::setsockopt(world.control_socket, SOL_UDP, UDP_GRO, &on, sizeof on) == 0);
    std::vector<std::uint8_t> train(wireguard::kInitiationSize + 32);
    store_le(train.data(), static_cast<std::uint32_t>(wireguard::MessageType::kInitiation));
    std::uint8_t* const data = train.data() + wireguard::kInitiationSize;
    store_le(data, static_cast<std::uint32_t>(wireguard::MessageType::kData));
    store_le(data + 4, std::uint32_t{0x12340000});  // worker 0; no such session

    const UniqueFd sender = bound_socket(SOCK_DGRAM, {world.loopbacks[0], 0, 0}, false);
    const int segment = wireguard::kInitiationSize;
    REQUIRE(::setsockopt(sender.get(), SOL_UDP, UDP_SEGMENT, &segment, sizeof segment) == 0);
    sockaddr_storage to{};
    const socklen_t size = fill_address(world.hub[0], to);
    REQUIRE(::sendto(sender.get(), train.data(), train.size(), 0, reinterpret_cast<const sockaddr*>(&to), size) > 0);
    world.control->run();
    CHECK(world.refused_as(DropReason::kBadMac1) == 1);
    CHECK(world.refused_as(DropReason::kBadType) == 0);

    CHECK(unknown_sessions(world) == 1);
}

TEST_CASE("what waits in the sockets of a predecessor with more workers is read, all of it, and then they are closed") {
    constexpr std::size_t kMessages = 300;
    std::vector<UniqueFd> surplus;
    for (int i = 0; i < 2; ++i) surplus.push_back(bound_socket(SOCK_DGRAM, {IpAddress::v4(127, 0, 0, 1), 0, 0}, false));
    const UniqueFd sender = bound_socket(SOCK_DGRAM, {IpAddress::v4(127, 0, 0, 1), 0, 0}, false);
    const auto send_to = [&sender](const UniqueFd& socket, Bytes message) {
        sockaddr_storage to{};
        const socklen_t size = fill_address(bound_to(socket.get()), to);
        REQUIRE(::sendto(sender.get(), message.data(), message.size(), 0, reinterpret_cast<const sockaddr*>(&to),
                         size) > 0);
    };
    std::vector<std::uint8_t> data(32);
    store_le(data.data(), static_cast<std::uint32_t>(wireguard::MessageType::kData));
    store_le(data.data() + 4, std::uint32_t{0x12340005});  // worker 5, which is gone; no such session
    for (std::size_t i = 0; i < kMessages; ++i) send_to(surplus[i % 2], data);
    std::vector<std::uint8_t> initiation(wireguard::kInitiationSize);
    store_le(initiation.data(), static_cast<std::uint32_t>(wireguard::MessageType::kInitiation));
    send_to(surplus[0], initiation);
    const std::array numbers{surplus[0].get(), surplus[1].get()};

    World world(std::move(surplus));
    CHECK(world.control->next_deadline() == kLongAgo);
    for (std::size_t i = 0; i < kMessages && world.control->next_deadline() == kLongAgo; ++i) world.control->run();
    CHECK(world.control->next_deadline() != kLongAgo);
    for (const int number : numbers) CHECK(::fcntl(number, F_GETFD) == -1);
    CHECK(world.refused_as(DropReason::kBadMac1) == 1);
    CHECK(world.pushed_out() == 0);
    CHECK(unknown_sessions(world) == kMessages);
}

}  // namespace
}  // namespace warren::io::test
