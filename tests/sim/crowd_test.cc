// Many peers at once, and floods from strangers.
#include <doctest/doctest.h>

#include <algorithm>
#include <map>

#include "tests/sim/world.h"
#include "tests/unit/wireguard/scripted_peer.h"
#include "vpnd/wireguard/constants.h"

namespace warren::sim {
namespace {

using control::IndexTable;
using wireguard::Engine;
using wireguard::MessageType;
using wireguard::testing::ScriptedPeer;

TEST_CASE("T8: ten thousand peers are called within five seconds, and their renewals are spread") {
    constexpr std::uint32_t kPeers = 10'000;
    test::SeededRandom random(seed_for("ten thousand peers"));
    control::IndexTable indexes;
    Engine hub(ListenerIndex{0}, crypto::generate_private_key(random), indexes, random);
    wireguard::Output out;
    const auto at = [](Duration since) {
        return Now{Instant{1'000'000'000'000} + since, WallTime{1'800'000'000'000'000'000 + since.count()}};
    };

    Duration elapsed{};
    for (std::uint32_t i = 0; i < kPeers; ++i, elapsed += Duration(1s) / wireguard::kPacedPerSecond) {
        ScriptedPeer peer(random, hub.public_key());
        wireguard::PeerConfig config;
        config.index = PeerIndex{i};
        config.customer = CustomerIndex{i / 100};
        config.public_key = peer.keys.public_key;
        config.endpoint =
            Endpoint{IpAddress::v4(10, 0, static_cast<std::uint8_t>(i >> 8), static_cast<std::uint8_t>(i)), 51820, 0};
        hub.put_peer(at(elapsed), std::move(config), out);
        out.clear();
        hub.handle_event(at(elapsed), dataplane::NeedSession{PeerIndex{i}}, out);
        REQUIRE(out.messages.size() == 1);
        const auto answer = peer.respond(out.messages[0].view(), i);
        REQUIRE(answer.has_value());
        hub.handle_datagram(at(elapsed), {out.messages[0].to, {}}, answer->bytes, out);
    }
    CHECK(hub.counters().handshakes_completed == kPeers);
    CHECK(indexes.size() == kPeers);

    // All sessions are old, and all are used within one second.
    std::map<std::int64_t, std::size_t> sent_in_tenth;
    std::size_t sent = 0;
    const auto collect = [&](Duration when) {
        sent_in_tenth[when / 100ms] += out.messages.size();
        sent += out.messages.size();
        out.clear();
    };
    out.clear();
    for (Duration when = 125s; when < 155s && sent < kPeers; when += 10ms) {
        const auto first = static_cast<std::uint32_t>((when - 125s) / 100us);
        for (std::uint32_t i = first; i < std::min(first + 100, kPeers); ++i) {
            hub.handle_event(at(when), dataplane::NeedSession{PeerIndex{i}}, out);
        }
        hub.handle_timeout(at(when), out);
        collect(when);
    }
    CHECK(sent == kPeers);
    std::size_t busiest = 0;
    for (const auto& [tenth, count] : sent_in_tenth) busiest = std::max(busiest, count);
    CHECK(busiest <= wireguard::kPacedPerSecond / 10 + wireguard::kPacedBurst + 20);
    CHECK(sent_in_tenth.rbegin()->first <= (125s + 6s) / 100ms);
}

// Initiations with a valid mac1 and no valid content, from many addresses.
class Flood {
  public:
    Flood(World& world, Node& victim)
        : world_(world), victim_(victim), stranger_(random_, victim.engine->public_key()) {
        message_ = stranger_.initiate(1, wireguard::Tai64n{});
    }
    // Sends `per_burst` of them every 10 ms for `time`; the victim's queue has that length.
    void run(Duration time, std::uint32_t per_burst) {
        for (Duration done{}; done < time; done += 10ms) {
            world_.at(world_.now + done, [this, per_burst] {
                victim_.engine->set_queue_length(per_burst);
                for (std::uint32_t i = 0; i < per_burst; ++i) one();
            });
        }
        world_.at(world_.now + time, [this] { victim_.engine->set_queue_length(0); });
    }

  private:
    void one() {
        ++number_;
        store_le(message_.data() + 4, number_);
        wireguard::testing::fix_mac1(message_, victim_.engine->public_key());
        std::array<std::uint8_t, 4> address{};
        store_be(address.data(), 0x64000000U + number_ % 0x10000U);
        victim_.receive({world_.now,
                         {IpAddress::from_bytes(address), 4000, 0},
                         victim_.endpoint,
                         {message_.begin(), message_.end()}});
    }
    World& world_;
    Node& victim_;
    test::SeededRandom random_{99};
    ScriptedPeer stranger_;
    ScriptedPeer::InitiationBytes message_{};
    std::uint32_t number_ = 0;
};

TEST_CASE("C11: under a flood a peer at its known address renews without loss, a new one connects with a cookie") {
    World world(seed_for("flood"));
    Node hub(world, "192.0.2.1:51820", "10.0.0.1");
    Node old_friend(world, "192.0.2.2:51820", "10.0.0.2");
    Node newcomer(world, "192.0.2.3:51820", "10.0.0.3");
    for (Node* client : {&old_friend, &newcomer}) {
        hub.add_peer(*client, {.with_endpoint = false});
        client->add_peer(hub);
    }
    std::uint64_t sent = 0;
    const auto talk = [&](Duration time) {
        for (Duration done{}; done < time; done += 100ms) {
            old_friend.send(hub, ++sent);
            world.run(100ms);
        }
    };
    talk(115s);
    Flood flood(world, hub);
    flood.run(15s, 150);
    world.run(50ms);
    const Now soon{world.now, {}};
    CHECK(hub.engine->under_load(soon));
    newcomer.send(hub, 1'000'000);
    const Instant asked = world.now;
    talk(14s);
    world.run(1s);
    CHECK(old_friend.handshakes.size() == 2);
    CHECK(hub.received.size() == sent + 1);  // nothing lost, and one more from the new peer
    REQUIRE(newcomer.handshakes.size() == 1);
    CHECK(newcomer.handshakes[0] - asked <= 5s + 333ms + 100ms);
    CHECK(hub.engine->counters().cookie_replies_sent > 200'000);
    // Only the first few, before it was clear what this is, cost Diffie-Hellman.
    CHECK(hub.engine->counters().dropped(DropReason::kBadInitiation) +
              hub.engine->counters().dropped(DropReason::kUnknownPeer) <=
          wireguard::kExpensiveBurst + 200);
    world.run(3s);
    CHECK_FALSE(hub.engine->under_load({world.now, {}}));
}

TEST_CASE("C13: fifty thousand replays per second cost no Diffie-Hellman and disturb no other peer") {
    World world(seed_for("replays"));
    Node hub(world, "192.0.2.1:51820", "10.0.0.1");
    Node client(world, "192.0.2.2:51820", "10.0.0.2");
    hub.add_peer(client, {.with_endpoint = false});
    client.add_peer(hub);
    std::vector<std::uint8_t> captured;
    world.on_wire = [&](const Wire& wire) {
        if (wire.type() == 1 && captured.empty()) captured = wire.bytes;
        return true;
    };
    client.send(hub, 1);
    world.run(1s);
    REQUIRE(captured.size() == wireguard::kInitiationSize);
    for (int i = 0; i < 100; ++i) {
        world.at(world.now + i * 10ms, [&] {
            hub.engine->set_queue_length(500);
            for (int j = 0; j < 500; ++j)
                hub.receive({world.now, *parse_endpoint("198.51.100.9:9"), hub.endpoint, captured});
        });
    }
    world.run(500ms);
    CHECK_FALSE(hub.engine->under_load({world.now, {}}));
    client.send(hub, 2);
    world.run(1s);
    CHECK(hub.received.size() == 2);
    CHECK(hub.engine->counters().dropped(DropReason::kReplayedInitiation) == 50'000);
    CHECK(hub.sent[2] == 1);
    CHECK(hub.engine->peer_status(PeerIndex{0})->endpoint == client.endpoint);
}

}  // namespace
}  // namespace warren::sim
