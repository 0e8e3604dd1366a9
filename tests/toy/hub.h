// Two simulated machines with the toy engine and the real data plane, and the wire between them.
#pragma once

#include <deque>
#include <memory>
#include <vector>

#include "crypto/aead.h"
#include "tests/toy/engine.h"
#include "tests/vectors/seeded_random.h"
#include "vpnd/dataplane/pipeline.h"

namespace warren::toy {

using Packet = std::vector<std::uint8_t>;

// IPv4, from 10.0.0.`from` to 10.0.0.`to`, 24 bytes of payload; ports only where the protocol has them.
[[nodiscard]] Packet packet(std::uint8_t from, std::uint8_t to, std::uint8_t protocol, std::uint16_t from_port,
                            std::uint16_t to_port);

struct Datagram {
    Endpoint from;
    Endpoint to;
    Packet bytes;
};

class Hub {
  public:
    Hub(std::uint8_t number, std::uint64_t seed);
    ~Hub() { out_.clear(); }

    void put_peer(const Hub& other, std::uint8_t secret, bool knows_endpoint, std::uint16_t last_udp_port = UINT16_MAX);
    // From the stack; what leaves is in `sent`.
    void transmit(Packet packet);
    void receive(const Datagram& datagram);
    void pass(Duration time);

    [[nodiscard]] std::uint64_t drops(DropReason reason) const;
    [[nodiscard]] std::uint64_t own_drops(DropReason reason) const { return pipeline_.own_drops().of(reason); }
    // Datagrams of sessions among `sent`, by the session's id.
    [[nodiscard]] std::vector<std::uint32_t> ids_sent() const;

    const Endpoint endpoint;
    const std::uint8_t number;
    std::deque<Datagram> sent;
    std::vector<Packet> delivered;
    std::vector<control::PeerNews> news;
    control::IndexTable indexes;
    test::SeededRandom random;
    Engine engine;

  private:
    [[nodiscard]] Now now() const { return {now_, WallTime{}}; }
    void publish();
    void carry_out();
    void collect();

    Instant now_{1'000'000'000'000};
    std::unique_ptr<crypto::PacketAead> aead_;
    dataplane::Pipeline pipeline_;
    dataplane::Output out_;  // ends before the pipeline
    control::Output control_out_;
    std::vector<std::uint8_t> peers_;
};

// Carries what both have sent until nothing is left, `lose` deciding about each datagram.
template <typename Lose>
void exchange(Hub& a, Hub& b, const Lose& lose) {
    while (!a.sent.empty() || !b.sent.empty()) {
        for (Hub* const from : {&a, &b}) {
            if (from->sent.empty()) continue;
            const Datagram datagram = std::move(from->sent.front());
            from->sent.pop_front();
            if (!lose(datagram)) (from == &a ? b : a).receive(datagram);
        }
    }
}
inline void exchange(Hub& a, Hub& b) {
    exchange(a, b, [](const Datagram&) { return false; });
}

}  // namespace warren::toy
