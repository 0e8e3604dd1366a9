#include "tests/unit/ike_engine/bench.h"

#include <utility>

namespace warren::ike::testing {

Bench::Bench(const std::function<void(Connection&)>& change) {
    Connection connection = connection_of(false);
    if (change) change(connection);
    hub.put_psk(connection.index, kPsk);
    hub.put(std::move(connection));
}

void Bench::send_from(const Endpoint& from, const std::vector<std::uint8_t>& message, std::uint16_t port) {
    hub.sent.clear();
    Wire wire{from, {hub.address, port, 0}, {}};
    if (port == kNatPort) wire.bytes.assign(4, 0);
    wire.bytes.insert(wire.bytes.end(), message.begin(), message.end());
    hub.deliver(wire);
}

void Bench::send(const std::vector<std::uint8_t>& message, std::uint16_t port) {
    Endpoint from = there;
    from.port = port;
    send_from(from, message, port);
}

std::vector<std::uint8_t> Bench::answer() {
    REQUIRE(hub.sent.size() == 1);
    const Bytes message = hub.sent.front().message();
    return {message.begin(), message.end()};
}

void Bench::connect() {
    send(peer.init_request(), kIkePort);
    REQUIRE(peer.take_init_response(answer()));
    send(peer.auth_request(kPsk, "left.example.net", "right.example.net"));
    const OpenedMessage message = opened();
    REQUIRE(message.payloads.find<AuthPayload>() != nullptr);
    REQUIRE(message.payloads.find<SaPayload>() != nullptr);
    REQUIRE(hub.engine.sizes().ike_sas == 1);
    hub.sent.clear();
}

}  // namespace warren::ike::testing
