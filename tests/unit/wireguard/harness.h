// Shared by the tests of the control engine: an engine with a clock, and its output.
#pragma once

#include <doctest/doctest.h>

#include <cstdint>
#include <variant>
#include <vector>

#include "crypto/aead.h"
#include "tests/unit/wireguard/scripted_peer.h"
#include "tests/vectors/hex.h"
#include "vpnd/wireguard/engine.h"

namespace warren::wireguard::testing {

using namespace std::chrono_literals;

inline Endpoint endpoint_at(std::uint8_t last, std::uint16_t port = 51820) {
    return {IpAddress::v4(192, 0, 2, last), port, 0};
}

// A moment on the test's two clocks.
inline Now at(Duration since_start) {
    constexpr std::int64_t kStart = 1'000'000'000'000;                 // the machine has been up for a while
    constexpr std::int64_t kWall = 1'800'000'000LL * 1'000'000'000LL;  // a day in 2027
    return {Instant{kStart} + since_start, WallTime{kWall + since_start.count()}};
}

// One engine, its clock, and its last output.
struct Hub {
    explicit Hub(std::uint64_t seed = 1)
        : random(seed), engine(ListenerIndex{0}, crypto::generate_private_key(random), indexes, random) {}

    PeerConfig config_of(const ScriptedPeer& peer, std::uint32_t index = 0) const {
        PeerConfig config;
        config.index = PeerIndex{index};
        config.customer = CustomerIndex{0};
        config.public_key = peer.keys.public_key;
        config.preshared_key = peer.preshared_key.clone();
        return config;
    }
    ScriptedPeer make_peer() { return {random, engine.public_key()}; }
    void put(PeerConfig&& config) {
        out.clear();
        engine.put_peer(now, std::move(config), out);
    }
    void put(const ScriptedPeer& peer, std::uint32_t index = 0) { put(config_of(peer, index)); }
    void put_with_endpoint(const ScriptedPeer& peer, const Endpoint& endpoint, std::uint32_t index = 0) {
        PeerConfig config = config_of(peer, index);
        config.endpoint = endpoint;
        put(std::move(config));
    }

    // Afterwards `out` has the output of this call only.
    void deliver(Bytes datagram, const Endpoint& from = endpoint_at(1)) {
        out.clear();
        engine.handle_datagram(now, {from, local}, datagram, out);
    }
    void tell(const dataplane::Event& event) {
        out.clear();
        engine.handle_event(now, event, out);
    }
    void need_session(std::uint32_t peer = 0) { tell(dataplane::NeedSession{PeerIndex{peer}}); }
    void advance(Duration by) { now = {now.instant + by, WallTime{now.wall.nanoseconds + by.count()}}; }
    // Advances the clock by `by` through every deadline on the way; `out` has all output.
    void run(Duration by) {
        out.clear();
        const Instant end = now.instant + by;
        while (engine.next_deadline() <= end) {
            if (engine.next_deadline() > now.instant) advance(engine.next_deadline() - now.instant);
            engine.handle_timeout(now, out);
        }
        advance(end - now.instant);
    }
    Tai64n timestamp() const { return tai64n_whitened(now.wall); }

    // A whole handshake that the peer starts, confirmed like the data plane does; returns our index.
    SessionId connect(ScriptedPeer& peer, std::uint32_t index = 0, const Endpoint& from = endpoint_at(1)) {
        deliver(peer.initiate(0x1000 + index, timestamp()), from);
        REQUIRE(out.messages.size() == 1);
        REQUIRE(peer.consume(out.messages[0].view()).has_value());
        const SessionId ours{parse_response(out.messages[0].view())->sender};
        tell(dataplane::PeerRoamed{PeerIndex{index}, from, local});
        tell(dataplane::SessionConfirmed{PeerIndex{index}, ours});
        return ours;
    }

    std::size_t messages_of(MessageType type) const {
        std::size_t count = 0;
        for (const auto& message : out.messages) {
            const Classified classified = classify(message.view());
            if (classified.misfit == Misfit::kNone && classified.type == type) ++count;
        }
        return count;
    }
    template <typename Command>
    std::vector<const Command*> commands() const {
        std::vector<const Command*> found;
        for (const auto& posted : out.commands) {
            if (const auto* command = std::get_if<Command>(&posted.command)) found.push_back(command);
        }
        return found;
    }
    template <typename News>
    std::size_t news() const {
        std::size_t count = 0;
        for (const auto& item : out.news) {
            if (std::holds_alternative<News>(item)) ++count;
        }
        return count;
    }
    std::uint64_t dropped(DropReason drop) const { return engine.counters().dropped(drop); }
    std::uint64_t dropped() const {
        std::uint64_t all = 0;
        for (const std::uint64_t count : engine.counters().drops.all()) all += count;
        return all;
    }
    // It may tell people.
    bool sends_nothing() const { return out.messages.empty() && out.commands.empty(); }
    bool is_silent() const { return out.messages.empty() && out.commands.empty() && out.news.empty(); }

    // Like a flood: a long queue, and more expensive messages than are handled without load.
    void put_under_load() {
        engine.set_queue_length(kUnderLoadQueue);
        ScriptedPeer stranger = make_peer();
        auto bytes = stranger.initiate(1, timestamp());
        for (std::uint32_t i = 0; i <= kExpensiveBurst; ++i) {
            store_le(bytes.data() + 4, i);
            fix_mac1(bytes, engine.public_key());
            deliver(bytes, endpoint_at(99));
        }
        REQUIRE(engine.under_load(now));
        out.clear();
    }

    SeededRandom random;
    control::IndexTable indexes;
    Engine engine;
    Now now = at(0s);
    LocalAddress local{IpAddress::v4(203, 0, 113, 1), 2};
    Output out;
};

}  // namespace warren::wireguard::testing
