// When our initiations leave: quick repetitions, the pace of all together, and whose turn it is.
#include <algorithm>
#include <map>

#include "tests/unit/wireguard/harness.h"
#include "vpnd/wireguard/initiation_queue.h"

namespace warren::wireguard {
namespace {

using namespace testing;

// When the initiations that `hub` sends within `time` leave, from now on; those in `out` count as 0.
std::vector<Duration> initiations_within(Hub& hub, Duration time) {
    std::vector<Duration> out(hub.messages_of(MessageType::kInitiation), Duration(0));
    const Instant start = hub.now.instant;
    while (hub.engine.next_deadline() <= start + time) {
        hub.run(std::max(hub.engine.next_deadline() - hub.now.instant, Duration(0)));
        if (hub.messages_of(MessageType::kInitiation) != 0) out.push_back(hub.now.instant - start);
    }
    return out;
}

const dataplane::NeedSession kPacketWaits{PeerIndex{0}, dataplane::FlowKey{}};

TEST_CASE("T1: while packets wait, initiations are repeated after 0.3 s and 1 s, then as usual") {
    Hub hub;
    ScriptedPeer peer = hub.make_peer();
    hub.put_with_endpoint(peer, endpoint_at(1));
    hub.tell(kPacketWaits);
    const auto sent = initiations_within(hub, 12s);
    REQUIRE(sent.size() == 5);
    CHECK(sent[1] == 300ms);
    CHECK(sent[2] == 1300ms);
    CHECK(sent[3] >= 6300ms);
    CHECK(sent[3] <= 6633ms);
    CHECK(sent[4] - sent[3] >= 5s);
    // The usual number follows before we give up.
    hub.out.clear();
    CHECK(initiations_within(hub, 200s).size() == 22 - 5);
    CHECK(hub.engine.counters().handshakes_given_up == 1);
}

TEST_CASE("T1: a packet that comes while a keepalive's initiation waits hastens its repetition") {
    Hub hub;
    ScriptedPeer peer = hub.make_peer();
    PeerConfig config = hub.config_of(peer);
    config.endpoint = endpoint_at(1);
    config.persistent_keepalive_seconds = 25;
    hub.put(std::move(config));
    REQUIRE(hub.messages_of(MessageType::kInitiation) == 1);
    hub.run(2s);
    CHECK(hub.out.messages.empty());
    hub.tell(kPacketWaits);
    const auto sent = initiations_within(hub, 4s);
    REQUIRE(sent.size() == 2);
    CHECK(sent[0] == 0ms);
    CHECK(sent[1] == 1s);
}

TEST_CASE("T1: after our response, and for a renewal, nothing is repeated quickly") {
    Hub hub;
    ScriptedPeer peer = hub.make_peer();
    hub.put_with_endpoint(peer, endpoint_at(1));
    hub.tell(kPacketWaits);
    hub.advance(100ms);
    hub.deliver(peer.initiate(9, hub.timestamp()));
    REQUIRE(hub.messages_of(MessageType::kResponse) == 1);
    hub.out.clear();
    CHECK(initiations_within(hub, 4999ms).empty());

    Hub other;
    ScriptedPeer known = other.make_peer();
    other.put(known);
    other.connect(known);
    other.run(130s);
    other.tell(kPacketWaits);
    CHECK(initiations_within(other, 4s).size() == 1);
}

TEST_CASE("T8: at most 2,000 initiations leave in a second, of all customers and listeners together") {
    Hub hub;
    TokenBucket pace;
    std::vector<Engine> engines;
    constexpr std::uint32_t kPeers = 3000;
    for (std::uint32_t listener = 0; listener < 2; ++listener) {
        Engine& engine = engines.emplace_back(ListenerIndex{listener}, crypto::generate_private_key(hub.random),
                                              hub.indexes, hub.random, nullptr, &pace);
        for (std::uint32_t i = 0; i < kPeers; ++i) {
            PeerConfig config;
            config.index = PeerIndex{i};
            config.customer = CustomerIndex{i % 100};
            hub.random.fill(config.public_key.bytes);
            config.endpoint = endpoint_at(1);
            engine.put_peer(hub.now, std::move(config), hub.out);
            engine.handle_event(hub.now, dataplane::NeedSession{PeerIndex{i}}, hub.out);
        }
    }
    std::map<std::int64_t, std::size_t> sent_in_second;
    std::size_t sent = hub.messages_of(MessageType::kInitiation);
    CHECK(sent == kPacedBurst);
    for (int step = 0; step < 2900; ++step) {
        hub.advance(1ms);
        for (Engine& engine : engines) {
            hub.out.clear();
            while (engine.next_deadline() <= hub.now.instant) engine.handle_timeout(hub.now, hub.out);
            sent_in_second[step / 1000] += hub.messages_of(MessageType::kInitiation);
        }
    }
    for (const auto& [second, count] : sent_in_second) {
        CHECK(count <= kPacedPerSecond + 2);
        if (second < 2) CHECK(count >= kPacedPerSecond - 2);
        sent += count;
    }
    CHECK(sent >= 2 * kPeers - 300);
}

TEST_CASE("T8: peers with traffic are called before those with keepalives, which are called in the end") {
    Hub hub;
    constexpr std::uint32_t kPeers = 2000;
    const auto put = [&hub](std::uint32_t index, std::uint16_t keepalive) {
        PeerConfig config;
        config.index = PeerIndex{index};
        config.customer = CustomerIndex{1};
        hub.random.fill(config.public_key.bytes);
        config.endpoint = endpoint_at(1);
        config.persistent_keepalive_seconds = keepalive;
        hub.put(std::move(config));
    };
    const auto is_called = [&hub](std::uint32_t index) {
        return hub.engine.peer_status(PeerIndex{index})->is_handshaking;
    };
    for (std::uint32_t i = 0; i < kPeers; ++i) put(i, 25);
    put(kPeers, 0);
    hub.need_session(kPeers);  // behind all the others, and another one of them
    hub.need_session(kPeers - 1);
    hub.run(3 * Duration(1s) / kPacedPerSecond);
    CHECK(is_called(kPeers));
    CHECK(is_called(kPeers - 1));
    CHECK_FALSE(is_called(kPeers - 2));
    hub.run(2s);
    CHECK(is_called(kPeers - 2));
}

TEST_CASE("T8: of eight turns one is for peers without traffic, and customers take turns") {
    InitiationQueue queue;
    for (std::uint32_t i = 0; i < 100; ++i) {
        queue.push(CustomerIndex{1}, i, true);
        queue.push(CustomerIndex{1}, 1000 + i, false);
    }
    queue.push(CustomerIndex{2}, 500, true);
    std::vector<std::uint32_t> order;
    while (const auto peer = queue.pop()) order.push_back(*peer);
    REQUIRE(order.size() == 201);
    CHECK(order[0] == 0);
    CHECK(order[1] == 500);
    CHECK(std::count_if(order.begin(), order.begin() + 80, [](std::uint32_t peer) { return peer >= 1000; }) == 10);
    CHECK(queue.empty());
}

TEST_CASE("T8: lines that are never empty hold no more than twice what waits, however long that lasts") {
    InitiationQueue queue;
    constexpr std::uint32_t kWaiting = 100;  // of each customer, in each line
    for (std::uint32_t i = 0; i < kWaiting; ++i) {
        for (const std::uint32_t customer : {1U, 2U}) {
            queue.push(CustomerIndex{customer}, 1000 * customer + i, true);
            queue.push(CustomerIndex{customer}, 10'000 * customer + i, false);
        }
    }
    std::vector<std::uint32_t> order;
    for (int round = 0; round < 100'000; ++round) {
        const std::uint32_t peer = *queue.pop();
        const bool has_traffic = peer < 10'000;
        queue.push(CustomerIndex{peer / (has_traffic ? 1000 : 10'000)}, peer, has_traffic);
        if (peer < 2000) order.push_back(peer);
        REQUIRE(queue.held() <= 2 * 4 * kWaiting);
    }
    for (std::size_t at = 0; at < order.size(); ++at) REQUIRE(order[at] == 1000 + at % kWaiting);
}

TEST_CASE("T8: a peer that is removed while it waits is not called, nor is the next one in its place") {
    Hub hub;
    const auto put = [&hub](std::uint32_t index, bool has_endpoint) {
        PeerConfig config;
        config.index = PeerIndex{index};
        config.customer = CustomerIndex{1};
        hub.random.fill(config.public_key.bytes);
        if (has_endpoint) config.endpoint = endpoint_at(1);
        hub.put(std::move(config));
    };
    for (std::uint32_t i = 0; i <= kPacedBurst; ++i) {
        put(i, true);
        hub.need_session(i);
    }
    CHECK(hub.out.messages.empty());  // the last one waits
    hub.engine.remove_peer(hub.now, PeerIndex{kPacedBurst}, hub.out);
    put(1000, true);
    hub.run(1s);
    CHECK(hub.out.messages.empty());
    CHECK(hub.engine.next_deadline() > hub.now.instant);
}

}  // namespace
}  // namespace warren::wireguard
