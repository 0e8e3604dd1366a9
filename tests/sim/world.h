// Whole concentrators without a kernel: real control engines and real packet pipelines on one fake clock, over a
// network that loses, duplicates, delays and damages datagrams. Everything follows from a seed.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <queue>
#include <string>
#include <vector>

#include "tests/vectors/seeded_random.h"
#include "vpnd/dataplane/pipeline.h"
#include "vpnd/wireguard/engine.h"

namespace warren::sim {

using namespace std::chrono_literals;

// $WARREN_SIM_SEED, else `standard`. It is printed, so that a failure can be repeated.
[[nodiscard]] std::uint64_t seed_for(std::string_view test, std::uint64_t standard = 1);

// One datagram on the uplink.
struct Wire {
    Instant at;
    Endpoint from;
    Endpoint to;
    std::vector<std::uint8_t> bytes;
    [[nodiscard]] std::uint32_t type() const { return bytes.size() < 4 ? 0 : load_le<std::uint32_t>(bytes.data()); }
};

// How the network treats a datagram; each share is between 0 and 1.
struct Weather {
    double loss = 0;
    double doubled = 0;
    double damaged = 0;  // one bit flipped
    Duration shortest = 10ms;
    Duration longest = 10ms;  // a delay is drawn between the two, so datagrams overtake one another
};

class Node;

class World {
  public:
    explicit World(std::uint64_t seed) : random(seed) {}

    // Runs `action` at that time; actions of one moment run in the order in which they were added.
    void at(Instant when, std::function<void()> action);
    // Advances the clock and runs all actions on the way.
    void run(Duration by);
    void carry(Wire wire);

    test::SeededRandom random;
    Instant now{1'000'000'000'000};
    Weather weather;
    // Called for every datagram that is sent; false drops it.
    std::function<bool(const Wire&)> on_wire = [](const Wire&) { return true; };
    std::vector<Node*> nodes;

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

    std::priority_queue<Event> events_;
    std::uint64_t order_ = 0;
};

// One vpnd: a control worker with one engine, a data worker with one pipeline and one customer, and two queues between
// them with a short delay.
class Node {
  public:
    Node(World& world, const char* address, const char* inner_address);
    ~Node();
    Node(const Node&) = delete;
    Node& operator=(const Node&) = delete;

    struct PeerOptions {
        bool with_endpoint = true;
        std::uint16_t persistent_keepalive_seconds = 0;
        std::uint8_t preshared = 0;  // 0: none, else the byte that fills the key
    };
    // `other` becomes a peer of this node; its inner address is allowed.
    void add_peer(const Node& other) { add_peer(other, {}); }
    void add_peer(const Node& other, PeerOptions options);
    // Gives this node another uplink address; datagrams to the old one are lost.
    void move_to(const char* address) { endpoint = *parse_endpoint(address); }
    // The stack sends the datagram `number` to the other node's inner address.
    void send(const Node& to, std::uint64_t number);
    void receive(const Wire& wire);

    // For the world's loop.
    [[nodiscard]] Instant next_deadline() const;
    void wake();

    Endpoint endpoint;
    IpAddress inner;
    Duration wall_offset{};  // of the wall clock; may jump
    control::IndexTable indexes;
    std::unique_ptr<wireguard::Engine> engine;
    std::unique_ptr<dataplane::Pipeline> pipeline;

    std::vector<std::uint64_t> received;        // numbers that came out of the tunnel, in order
    std::map<std::uint32_t, std::size_t> sent;  // datagrams by message type
    std::vector<Instant> handshakes;            // when they were completed
    std::size_t gave_up = 0;
    std::size_t most_indexes = 0;

  private:
    [[nodiscard]] Now clock() const;
    void publish();
    void drain_control();
    void drain_data();
    void apply_commands();
    void handle_events();

    World& world_;
    test::SeededRandom random_;
    std::unique_ptr<crypto::PacketAead> aead_;
    std::vector<PeerIndex> peers_;
    std::vector<Lpm<PeerIndex>::Entry> allowed_;
    wireguard::Output control_out_;
    dataplane::Output data_out_;  // destroyed before the pipeline
    std::deque<dataplane::Command> commands_;
    std::deque<dataplane::Event> events_;
    Instant commands_due_ = kLongAgo;
    Instant events_due_ = kLongAgo;
};

}  // namespace warren::sim
