// Two concentrators that communicate on good and on bad networks.
#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <set>

#include "tests/sim/world.h"
#include "vpnd/wireguard/constants.h"

namespace warren::sim {
namespace {

constexpr std::uint32_t kInitiation = 1;
constexpr std::uint32_t kResponse = 2;
constexpr std::uint32_t kData = 4;

// Two nodes that are peers of each other, and a monitor of the wire.
struct Pair {
    explicit Pair(std::uint64_t seed, Node::PeerOptions options = {}) : world(seed) {
        world.on_wire = [this](const Wire& wire) { return see(wire); };
        a.add_peer(b, options);
        b.add_peer(a, options);
    }
    // No key may seal two messages with one counter; on the wire, no receiver index may have a counter twice.
    bool see(const Wire& wire) {
        if (wire.type() == kData) {
            const auto key =
                std::pair(load_le<std::uint32_t>(wire.bytes.data() + 4), load_le<std::uint64_t>(wire.bytes.data() + 8));
            if (!counters.insert(key).second) ++counters_repeated;
        }
        if (wire.type() == kInitiation) initiations.push_back(wire.at);
        return !filter || filter(wire);
    }
    // Sends a number every `interval` each way, for `time`, then waits a second for those in flight.
    void talk(Duration time, Duration interval) {
        for (Duration done{}; done < time; done += interval) {
            a.send(b, ++sent);
            b.send(a, sent);
            world.run(interval);
        }
        world.run(1s);
    }
    static std::size_t distinct(const Node& node) {
        return std::set(node.received.begin(), node.received.end()).size();
    }
    // Each number that arrived was sent, and arrived once.
    void check_honest() const {
        for (const Node* node : {&a, &b}) {
            CHECK(distinct(*node) == node->received.size());
            CHECK(std::all_of(node->received.begin(), node->received.end(),
                              [&](std::uint64_t number) { return number <= sent; }));
            CHECK(node->most_indexes <= 4);
        }
        CHECK(counters_repeated == 0);
    }
    void check_all_arrived() const {
        CHECK(a.received.size() == sent);
        CHECK(b.received.size() == sent);
        check_honest();
    }

    World world;
    Node a{world, "192.0.2.1:51820", "10.0.0.1"};
    Node b{world, "192.0.2.2:51820", "10.0.0.2"};
    std::uint64_t sent = 0;
    std::set<std::pair<std::uint32_t, std::uint64_t>> counters;
    std::size_t counters_repeated = 0;
    std::vector<Instant> initiations;
    std::function<bool(const Wire&)> filter;
};

TEST_CASE(
    "H18, S2, S3: one packet one way takes one initiation, one response, one message and one keepalive, then silence") {
    Pair pair(seed_for("clean start"));
    pair.a.send(pair.b, 7);
    pair.world.run(3600s);
    CHECK(pair.b.received == std::vector<std::uint64_t>{7});
    CHECK(pair.a.sent == std::map<std::uint32_t, std::size_t>{{kInitiation, 1}, {kData, 1}});
    CHECK(pair.b.sent == std::map<std::uint32_t, std::size_t>{{kResponse, 1}, {kData, 1}});
    CHECK(pair.a.indexes.size() == 0);  // all state is dropped by then
    CHECK(pair.b.indexes.size() == 0);
}

TEST_CASE("H13: with the same preshared key they connect, with different ones they do not") {
    const std::uint64_t seed = seed_for("preshared keys");
    Pair same(seed, {.preshared = 7});
    same.talk(5s, 100ms);
    same.check_all_arrived();

    World world(seed);
    Node a(world, "192.0.2.1:51820", "10.0.0.1");
    Node b(world, "192.0.2.2:51820", "10.0.0.2");
    a.add_peer(b, {.preshared = 7});
    b.add_peer(a, {.preshared = 8});
    a.send(b, 1);
    world.run(60s);
    CHECK(b.received.empty());
    CHECK(a.handshakes.empty());
    CHECK(b.handshakes.empty());
}

TEST_CASE("S5: a session under traffic is renewed every 120 s, and nothing is lost") {
    Pair pair(seed_for("renewal"));
    pair.a.send(pair.b, ++pair.sent);
    pair.world.run(1s);
    pair.b.send(pair.a, pair.sent);
    pair.talk(600s, 50ms);
    pair.check_all_arrived();
    REQUIRE(pair.initiations.size() == 6);
    for (std::size_t i = 1; i < pair.initiations.size(); ++i) {
        const Duration period = pair.initiations[i] - pair.initiations[i - 1];
        CHECK(period >= 120s);
        CHECK(period <= 121s);
    }
}

TEST_CASE("S5: the initiator renews a session that it only receives on, before it is rejected") {
    Pair pair(seed_for("renewal by receiving"));
    pair.a.send(pair.b, ++pair.sent);
    pair.world.run(1s);
    std::uint64_t number = 0;
    for (int i = 0; i < 6000; ++i) {
        pair.b.send(pair.a, ++number);
        pair.world.run(100ms);
    }
    pair.world.run(1s);
    CHECK(pair.a.received.size() == number);
    for (std::size_t i = 1; i < pair.initiations.size(); ++i) {
        // Keepalives are sent every 10 s, and the first one after 120 s asks for a renewal.
        CHECK(pair.initiations[i] - pair.initiations[i - 1] <= 166s);
    }
    CHECK(pair.initiations.size() >= 4);
}

TEST_CASE("H12: both sides start at once, a thousand times, and traffic flows both ways at once") {
    const std::uint64_t seed = seed_for("crossing initiations");
    for (std::uint64_t round = 0; round < 1000; ++round) {
        Pair pair(seed + round);
        pair.world.weather.longest = 14ms;
        pair.a.send(pair.b, 1);
        pair.world.run(Duration(static_cast<std::int64_t>(pair.world.random.below(15'000'000))));
        pair.b.send(pair.a, 1);
        pair.world.run(200ms);
        pair.a.send(pair.b, 2);
        pair.b.send(pair.a, 2);
        pair.world.run(wireguard::kRekeyTimeout - 300ms);
        REQUIRE(pair.a.received.size() == 2);
        REQUIRE(pair.b.received.size() == 2);
    }
}

TEST_CASE("H12, S5: renewals that collide lose nothing") {
    const std::uint64_t seed = seed_for("colliding renewals");
    for (std::uint64_t round = 0; round < 5; ++round) {
        Pair pair(seed + round);
        pair.world.weather.longest = 12ms;
        pair.talk(500s, 100ms);  // both sides send first at the same moment, so each initiates a session
        pair.check_all_arrived();
    }
}

TEST_CASE("On a bad network the tunnel stays up, nothing is delivered twice or changed, no counter is used twice") {
    const std::uint64_t seed = seed_for("bad network");
    for (std::uint64_t round = 0; round < 20; ++round) {
        Pair pair(seed + round);
        pair.world.weather = {.loss = 0.2, .doubled = 0.1, .damaged = 0.05, .shortest = 1ms, .longest = 300ms};
        pair.talk(400s, 200ms);
        pair.check_honest();
        // While there is a session, 75 % of the packets arrive; lost handshakes cost more.
        CHECK(pair.a.received.size() > pair.sent * 60 / 100);
        CHECK(pair.b.received.size() > pair.sent * 60 / 100);
    }
}

TEST_CASE("On a network that loses nine of ten datagrams a handshake succeeds eventually") {
    const std::uint64_t seed = seed_for("nine of ten");
    std::size_t done = 0;
    for (std::uint64_t round = 0; round < 20; ++round) {
        Pair pair(seed + round);
        pair.world.weather.loss = 0.9;
        pair.talk(600s, 1s);
        pair.check_honest();
        if (!pair.a.handshakes.empty() || !pair.b.handshakes.empty()) ++done;
    }
    CHECK(done >= 12);
}

TEST_CASE("E1: the first packet from a new address moves a peer's endpoint, without a handshake") {
    Pair pair(seed_for("roaming"), {});
    pair.talk(5s, 100ms);
    const std::size_t before = pair.initiations.size();
    for (const char* address : {"192.0.2.77:1024", "[2001:db8::7]:4500", "192.0.2.77:1025"}) {
        pair.a.move_to(address);
        pair.a.send(pair.b, ++pair.sent);
        pair.world.run(100ms);
        pair.b.send(pair.a, pair.sent);
        pair.talk(3s, 100ms);
        CHECK(pair.b.engine->peer_status(PeerIndex{0})->endpoint == pair.a.endpoint);
    }
    pair.check_all_arrived();
    CHECK(pair.initiations.size() == before);
    // The next handshake goes to the new address too.
    pair.world.run(400s);
    pair.b.send(pair.a, ++pair.sent);
    pair.world.run(1s);
    CHECK(pair.a.received.back() == pair.sent);
}

TEST_CASE("E1: an initiation that was held back and sent from elsewhere attracts no packets") {
    World world(seed_for("held back"));
    Node hub(world, "192.0.2.1:51820", "10.0.0.1");
    Node client(world, "192.0.2.2:51820", "10.0.0.2");
    hub.add_peer(client, {.with_endpoint = false});
    client.add_peer(hub);
    const Endpoint thief = *parse_endpoint("198.51.100.9:9");
    bool is_holding = false;
    std::vector<std::uint8_t> held;
    std::size_t stolen = 0;
    world.on_wire = [&](const Wire& wire) {
        if (wire.to == thief && wire.type() == kData) ++stolen;
        if (!is_holding || wire.type() != kInitiation) return true;
        held = wire.bytes;
        return false;
    };
    client.send(hub, 1);
    world.run(121s);
    is_holding = true;
    client.send(hub, 2);  // renews
    world.run(100ms);
    REQUIRE(held.size() == 148);
    hub.receive({world.now, thief, hub.endpoint, held});
    CHECK(hub.sent[kResponse] == 2);  // it is authentic and new
    for (std::uint64_t number = 1; number <= 14; ++number) {
        hub.send(client, number);
        world.run(100ms);
    }
    CHECK(stolen == 0);
    CHECK(client.received.size() == 14);
    CHECK(hub.engine->peer_status(PeerIndex{0})->endpoint == client.endpoint);
}

TEST_CASE("S4: after 180 s of silence a session is dead, and the next packet makes a new one") {
    Pair pair(seed_for("expiry"));
    pair.talk(5s, 100ms);
    pair.world.run(400s);
    CHECK(pair.a.indexes.size() == 0);
    CHECK(pair.b.indexes.size() == 0);
    const std::size_t before = pair.initiations.size();
    pair.talk(1s, 100ms);
    CHECK(pair.initiations.size() > before);
    pair.check_all_arrived();
}

TEST_CASE("S12: jumps of the wall clock, forward and back, cost nothing") {
    Pair pair(seed_for("wall clock"));
    pair.talk(10s, 100ms);
    for (const Duration jump : {-3600s, 3600s, 7200s, -86400s}) {
        pair.a.wall_offset += jump;
        pair.b.wall_offset -= jump;
        pair.talk(130s, 100ms);
    }
    pair.check_all_arrived();
    CHECK(pair.a.handshakes.size() + pair.b.handshakes.size() >= 8);
}

TEST_CASE("S12, H9: an initiator whose clock went back a day can still connect") {
    Pair pair(seed_for("clock went back"));
    pair.a.send(pair.b, 1);
    pair.world.run(400s);
    pair.a.wall_offset -= 86400s;
    pair.a.send(pair.b, 2);
    pair.world.run(2s);
    CHECK(pair.b.received.size() == 2);
}

TEST_CASE(
    "T1: a peer that is off gets 22 initiations, then none; a new packet starts again, and arrives when the peer "
    "is back") {
    Pair pair(seed_for("peer off"));
    pair.filter = [](const Wire&) { return false; };
    pair.a.send(pair.b, 1);
    pair.world.run(3600s);
    CHECK(pair.initiations.size() == 22);
    CHECK(pair.initiations.back() - pair.initiations.front() >= 95s);
    CHECK(pair.initiations.back() - pair.initiations.front() <= 1300ms + 19 * (5s + 334ms));
    CHECK(pair.a.gave_up == 1);
    pair.a.send(pair.b, 2);
    CHECK(pair.initiations.size() == 22);  // events pass through a queue
    pair.world.run(1s);
    CHECK(pair.initiations.size() == 24);
    pair.filter = nullptr;
    pair.world.run(10s);
    CHECK(pair.b.received == std::vector<std::uint64_t>{2});  // the first was dropped when the node gave up
}

TEST_CASE("T2: a stream to a peer that is off makes two quick initiations, then one in 5 s, until we give up") {
    Pair pair(seed_for("stream to nobody"));
    pair.filter = [](const Wire&) { return false; };
    for (int i = 0; i < 3000; ++i) {
        pair.a.send(pair.b, ++pair.sent);
        pair.world.run(100ms);
    }
    std::size_t quick = 0;
    for (std::size_t i = 1; i < pair.initiations.size(); ++i) {
        const Duration gap = pair.initiations[i] - pair.initiations[i - 1];
        CHECK(gap >= 300ms);
        if (gap < 5s) ++quick;
    }
    CHECK(pair.initiations.size() >= 55);
    CHECK(pair.a.gave_up >= 2);
    CHECK(quick == 2 * (pair.a.gave_up + 1));
}

TEST_CASE("T5: a peer that lost its state is detected after 15 s of unanswered data, not before") {
    Pair pair(seed_for("replies lost"));
    pair.talk(5s, 100ms);
    const Instant cut = pair.world.now;
    pair.filter = [&](const Wire& wire) { return wire.from != pair.b.endpoint; };
    pair.initiations.clear();
    for (int i = 0; i < 200; ++i) {
        pair.a.send(pair.b, ++pair.sent);
        pair.world.run(100ms);
    }
    REQUIRE_FALSE(pair.initiations.empty());
    const Duration waited = pair.initiations[0] - cut;
    CHECK(waited >= 15s);
    CHECK(waited <= 15s + 333ms + 200ms);
}

TEST_CASE("T3: a stream one way is answered with a keepalive every 10 s, and with nothing else") {
    Pair pair(seed_for("one way"));
    pair.a.send(pair.b, ++pair.sent);
    pair.world.run(1s);
    const std::size_t before = pair.b.sent[kData];
    for (int i = 0; i < 1000; ++i) {
        pair.a.send(pair.b, ++pair.sent);
        pair.world.run(100ms);
    }
    CHECK(pair.b.received.size() == pair.sent);
    const std::size_t keepalives = pair.b.sent[kData] - before;
    CHECK(keepalives >= 9);
    CHECK(keepalives <= 11);
    CHECK(pair.initiations.size() == 1);
}

TEST_CASE("T6: a persistent keepalive keeps a NAT's mapping, and starts the tunnel by itself") {
    World world(seed_for("persistent keepalive"));
    Node client(world, "192.0.2.1:51820", "10.0.0.1");
    Node hub(world, "192.0.2.2:51820", "10.0.0.2");
    Instant last_outward = world.now;
    // A NAT forgets the client two seconds after its last packet.
    world.on_wire = [&](const Wire& wire) {
        if (wire.from == client.endpoint) last_outward = world.now;
        return wire.to != client.endpoint || world.now - last_outward < 2s;
    };
    hub.add_peer(client, {.with_endpoint = false});
    client.add_peer(hub, {.persistent_keepalive_seconds = 1});
    world.run(2s);
    CHECK(hub.handshakes.size() == 1);
    for (std::uint64_t number = 1; number <= 60; ++number) {
        hub.send(client, number);
        world.run(7s);
    }
    CHECK(client.received.size() == 60);
    CHECK(client.sent[kData] <= 60 * 7 + 10);
}

TEST_CASE("S12: in an idle hour without sessions nothing is sent") {
    Pair pair(seed_for("idle"));
    pair.talk(5s, 100ms);
    pair.world.run(400s);
    const auto a_before = pair.a.sent;
    const auto b_before = pair.b.sent;
    pair.world.run(3600s);
    CHECK(pair.a.sent == a_before);
    CHECK(pair.b.sent == b_before);
}

}  // namespace
}  // namespace warren::sim
