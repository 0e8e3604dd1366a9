// Warren's engine answers the generator's handshakes, and both ends get the same keys.
#include "bench/wgblast/initiator.h"

#include <doctest/doctest.h>

#include "bench/wgblast/roster.h"
#include "vpnd/wireguard/engine.h"

namespace warren::bench {
namespace {

TEST_CASE("a handshake with the engine makes one session for both") {
    crypto::SystemRandom random;
    control::IndexTable indexes;
    const Roster roster{"test", 4};
    const crypto::KeyPair hub = roster.keys_of(1000);
    wireguard::Engine engine({0}, hub.private_key.clone(), indexes, random);
    const Now now{{1'000'000'000'000}, {1'700'000'000'000'000'000}};
    wireguard::Output out;
    wireguard::PeerConfig config;
    config.index = {3};
    config.customer = {0};
    config.public_key = roster.keys_of(3).public_key;
    engine.put_peer(now, std::move(config), out);

    Initiator initiator(roster.keys_of(3), hub.public_key);
    const auto initiation = initiator.initiate(now, 77, random);
    REQUIRE(initiation.has_value());
    engine.handle_datagram(now, {*parse_endpoint("198.18.0.1:1"), {}}, *initiation, out);
    REQUIRE(out.messages.size() == 1);
    const auto session = initiator.consume_response(now.instant, out.messages[0].view());
    REQUIRE(session.has_value());
    CHECK(session->local_id == 77);

    const dataplane::InstallSession* installed = nullptr;
    for (const auto& posted : out.commands) {
        if (const auto* one = std::get_if<dataplane::InstallSession>(&posted.command)) installed = one;
    }
    REQUIRE(installed != nullptr);
    CHECK(installed->local_id.value == session->remote_id);
    CHECK(installed->receive_key.secret.equals(session->send_key.secret));
    CHECK(installed->send_key.secret.equals(session->receive_key.secret));

    CHECK_FALSE(initiator.consume_response(now.instant, out.messages[0].view()).has_value());  // only once
}

TEST_CASE("a roster gives every customer the same addresses and every peer its own key") {
    const Roster roster{"test", 4};
    CHECK(roster.address_of(1) == roster.address_of(5));
    CHECK(roster.keys_of(1).public_key != roster.keys_of(5).public_key);
    CHECK(roster.neighbour_of(5) == 4);
    CHECK(roster.neighbour_of(4) == 5);
    CHECK(Roster{"test", 3}.neighbour_of(5) == 3);
}

}  // namespace
}  // namespace warren::bench
