#include "vpnd/io/control_worker.h"

#include <doctest/doctest.h>
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
    World() {
        std::vector<std::unique_ptr<DataWorker>> workers;
        workers.push_back(std::move(*DataWorker::start(0, crypto::AeadBackend::kSodium, nullptr)));
        control = std::move(*ControlWorker::make(std::move(workers), random));
        crypto::PrivateKey key = crypto::generate_private_key(random);
        mac1_key = wireguard::mac1_key_of(crypto::public_key_of(key));
        std::array<UniqueFd, 2> handshakes;
        std::array<std::vector<UniqueFd>, 2> data;
        for (const std::size_t family : {0U, 1U}) {
            handshakes[family] = bound_socket(SOCK_DGRAM, {loopbacks[family], 0, 0}, true);
            hub[family] = bound_to(handshakes[family].get());
            data[family].push_back(bound_socket(SOCK_DGRAM, hub[family], true));
            const int room = 16 << 20;
            has_room = ::setsockopt(handshakes[family].get(), SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room) == 0;
        }
        ControlWorker::Sockets sockets{std::move(handshakes[0]), std::move(handshakes[1]), std::move(data[0]),
                                       std::move(data[1])};
        auto engine = std::make_unique<wireguard::Engine>(ListenerIndex{0}, std::move(key), control->indexes(), random);
        REQUIRE(control->open_listener({0}, std::move(engine), dataplane::kWireguardFraming, std::move(sockets))
                    .has_value());
    }

    // As many initiations as may wait.
    void fill(std::size_t family, bool with_mac1) {
        std::vector<std::uint8_t> message(wireguard::kInitiationSize);
        random.fill(message);
        store_le(message.data(), static_cast<std::uint32_t>(wireguard::MessageType::kInitiation));
        if (with_mac1) {
            const wireguard::Mac mac1 = crypto::blake2s_mac(mac1_key, {wireguard::before_mac1(message)});
            std::copy(mac1.begin(), mac1.end(), message.end() - static_cast<std::ptrdiff_t>(2 * mac1.size()));
        }
        const UniqueFd sender = bound_socket(SOCK_DGRAM, {loopbacks[family], 0, 0}, false);
        sockaddr_storage to{};
        const socklen_t size = fill_address(hub[family], to);
        for (std::size_t i = 0; i < MessageQueue::kCapacity; ++i) {
            REQUIRE(::sendto(sender.get(), message.data(), message.size(), 0, reinterpret_cast<const sockaddr*>(&to),
                             size) > 0);
        }
    }
    [[nodiscard]] std::uint64_t pushed_out() const { return control->drops({0})->of(DropReason::kHandshakeQueueFull); }

    const std::array<IpAddress, 2> loopbacks{IpAddress::v4(127, 0, 0, 1), *parse_ip("::1")};
    crypto::SystemRandom random;
    std::unique_ptr<ControlWorker> control;
    crypto::Hash mac1_key{};
    std::array<Endpoint, 2> hub;
    bool has_room = false;
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

}  // namespace
}  // namespace warren::io::test
