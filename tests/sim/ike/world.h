// Two IKE engines, their asks answered late or never, over a network that loses, doubles, delays and damages datagrams,
// with packets on their sessions. Everything follows from a seed.
#pragma once

#include <functional>
#include <map>
#include <queue>
#include <tuple>
#include <vector>

#include "tests/unit/ike_engine/harness.h"

namespace warren::ike::sim {

using namespace std::chrono_literals;
using testing::Hub;
using testing::Wire;

// Shares are between 0 and 1.
struct Weather {
    double loss = 0;
    double doubled = 0;
    double damaged = 0;
    Duration shortest = 20ms;
    Duration longest = 20ms;
    Duration slowest_answer{};  // to an ask
    double asks_lost = 0;
    double asks_failed = 0;
};

class World {
  public:
    World(std::uint64_t seed, const std::function<void(Connection&, bool is_left)>& change = {});

    // Does this to a hub now, as from outside.
    void act(Hub& hub, const std::function<void()>& action);
    void run(Duration by);
    [[nodiscard]] Hub& other(const Hub& hub) { return &hub == &left ? right : left; }
    // Each sends on what the other receives on, with the same keys.
    [[nodiscard]] bool agree() const;

    test::SeededRandom random;
    Weather weather;
    Hub left{"192.0.2.1", 1};
    Hub right{"192.0.2.2", 2};
    bool has_traffic = true;
    std::size_t packets_sent = 0;
    std::size_t packets_lost_at_end = 0;  // that arrived for a session that is not there
    std::size_t ivs_twice = 0;

  private:
    struct Event {
        Instant when;
        std::uint64_t order;
        std::function<void()> action;
        bool operator<(const Event& other) const { return std::tie(other.when, other.order) < std::tie(when, order); }
    };
    [[nodiscard]] bool happens(double share) {
        return random.below(1'000'000) < static_cast<std::uint64_t>(share * 1e6);
    }
    [[nodiscard]] Duration between(Duration shortest, Duration longest);
    void at(Instant when, std::function<void()> action);
    void set_clock(Instant to);
    // What a hub has sent and asked goes on its way.
    void drain(Hub& hub);
    void carry(Hub& to, Wire wire);
    void note_iv(const Wire& wire);
    void send_packet(Hub& from);
    void receive_packet(Hub& to, std::uint32_t spi);

    Instant now_;
    std::priority_queue<Event> events_;
    std::uint64_t order_ = 0;
    // By SPIs, I flag and IV: the digest of the message that it sealed.
    std::map<std::tuple<std::uint64_t, std::uint64_t, bool, std::uint64_t>, std::uint64_t> ivs_;
};

}  // namespace warren::ike::sim
