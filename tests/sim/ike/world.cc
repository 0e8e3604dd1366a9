#include "tests/sim/ike/world.h"

#include <string>
#include <string_view>
#include <utility>

namespace warren::ike::sim {

namespace {
constexpr Duration kPacketInterval = 300ms;
}  // namespace

World::World(std::uint64_t seed, const std::function<void(Connection&, bool)>& change)
    : random(seed), now_(testing::at(0s).instant) {
    for (Hub* const hub : {&left, &right}) {
        const bool is_left = hub == &left;
        hub->random = test::SeededRandom(random.below(UINT64_MAX));
        hub->holds_asks = true;
        Connection connection = testing::connection_of(is_left);
        if (change) change(connection, is_left);
        hub->put_psk(connection.index, "correct horse battery staple");
        act(*hub, [&] { hub->put(connection); });
        at(now_ + kPacketInterval, [this, hub] { send_packet(*hub); });
    }
}

Duration World::between(Duration shortest, Duration longest) {
    return shortest + Duration(static_cast<std::int64_t>(
                          random.below(static_cast<std::uint64_t>((longest - shortest).count()) + 1)));
}

void World::at(Instant when, std::function<void()> action) {
    events_.push({std::max(when, now_), order_++, std::move(action)});
}

void World::set_clock(Instant to) {
    now_ = to;
    for (Hub* const hub : {&left, &right}) {
        const Duration by = to - hub->now.instant;
        if (by > Duration::zero()) hub->now = {to, WallTime{hub->now.wall.nanoseconds + by.count()}};
    }
}

void World::act(Hub& hub, const std::function<void()>& action) {
    action();
    drain(hub);
}

void World::drain(Hub& hub) {
    while (!hub.sent.empty()) {
        carry(other(hub), std::move(hub.sent.front()));
        hub.sent.pop_front();
    }
    while (!hub.asks.empty()) {
        Ask ask = std::move(hub.asks.front());
        hub.asks.pop_front();
        if (happens(weather.asks_lost)) continue;
        const bool fails = happens(weather.asks_failed);
        const AskId id = ask.id;
        // Answered at once, told late: answers overtake one another.
        auto answer =
            std::make_shared<Answer>(fails ? Answer(AskFailed{}) : hub.answerer.answer(std::move(ask.question)));
        at(now_ + between(Duration::zero(), weather.slowest_answer), [this, &hub, id, answer] {
            act(hub, [&] { hub.call([&] { hub.engine.handle_answer(hub.now, id, std::move(*answer), hub.out); }); });
        });
    }
}

void World::note_iv(const Wire& wire) {
    const Bytes message = wire.message();
    if (message.size() < 40) return;
    const bool is_fragment = message[16] == static_cast<std::uint8_t>(PayloadType::kSkf);
    if (!is_fragment && message[16] != static_cast<std::uint8_t>(PayloadType::kSk)) return;
    const auto iv = load_be<std::uint64_t>(message.data() + kHeaderSize + 4 + (is_fragment ? 4 : 0));
    const std::tuple key{load_be<std::uint64_t>(message.data()), load_be<std::uint64_t>(message.data() + 8),
                         (message[19] & 0x08U) != 0, iv};
    const std::uint64_t digest =
        std::hash<std::string_view>()(std::string_view(reinterpret_cast<const char*>(message.data()), message.size()));
    const auto [found, is_new] = ivs_.emplace(key, digest);
    if (!is_new && found->second != digest) ++ivs_twice;
}

void World::carry(Hub& to, Wire wire) {
    if (wire.bytes.size() > 1) note_iv(wire);
    if (wire.to.address != to.address || happens(weather.loss)) return;
    const int copies = happens(weather.doubled) ? 2 : 1;
    for (int i = 0; i < copies; ++i) {
        Wire copy = wire;
        if (happens(weather.damaged))
            copy.bytes[random.below(copy.bytes.size())] ^= static_cast<std::uint8_t>(1U << random.below(8));
        at(now_ + between(weather.shortest, weather.longest),
           [this, &to, copy = std::move(copy)] { act(to, [&] { to.deliver(copy); }); });
    }
}

void World::send_packet(Hub& from) {
    at(now_ + kPacketInterval, [this, &from] { send_packet(from); });
    const auto* const session = has_traffic ? from.sessions.sending(PeerIndex{0}) : nullptr;
    if (session == nullptr) return;
    ++packets_sent;
    if (happens(weather.loss)) return;
    Hub& to = other(from);
    at(now_ + between(weather.shortest, weather.longest),
       [this, &to, spi = session->remote_id] { receive_packet(to, spi); });
}

void World::receive_packet(Hub& to, std::uint32_t spi) {
    const auto found = to.sessions.entries.find(spi);
    if (found == to.sessions.entries.end()) {
        ++packets_lost_at_end;
        return;
    }
    act(to, [&] {
        to.tell(dataplane::PeerActivity{.peer = PeerIndex{0}, .last_received = now_});
        if (to.sessions.receive(spi)) to.tell(dataplane::SessionConfirmed{PeerIndex{0}, SessionId{spi}});
    });
}

bool World::agree() const {
    const std::array<const Hub*, 2> hubs{&left, &right};
    for (std::size_t i = 0; i < 2; ++i) {
        const auto* const sending = hubs[i]->sessions.sending(PeerIndex{0});
        if (sending == nullptr) return false;
        const auto& theirs = hubs[1 - i]->sessions.entries;
        const auto found = theirs.find(sending->remote_id);
        if (found == theirs.end() || found->second.session.remote_id != sending->local_id.value) return false;
        if (!found->second.session.receive_key.secret.equals(sending->send_key.secret)) return false;
    }
    return true;
}

void World::run(Duration by) {
    const Instant end = now_ + by;
    for (;;) {
        Instant next = events_.empty() ? kNever : events_.top().when;
        next = std::min({next, left.engine.next_deadline(), right.engine.next_deadline()});
        if (next > end) break;
        set_clock(std::max(now_, next));
        while (!events_.empty() && events_.top().when <= now_) {
            const auto action = events_.top().action;
            events_.pop();
            action();
        }
        for (Hub* const hub : {&left, &right}) {
            if (hub->engine.next_deadline() <= now_) act(*hub, [&] { hub->run_until(now_); });
        }
    }
    set_clock(end);
}

}  // namespace warren::ike::sim
