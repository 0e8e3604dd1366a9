// A made-up control protocol: one request and one response under a shared secret make two sessions to a peer, one for
// UDP and one for everything else. It has message ids of its own.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <vector>

#include "crypto/random.h"
#include "crypto/secret.h"
#include "vpnd/control/engine.h"
#include "vpnd/control/index_table.h"

namespace warren::toy {

struct PeerConfig {
    PeerIndex index;
    std::uint32_t worker = 0;
    std::array<std::uint8_t, 32> secret{};
    std::optional<Endpoint> endpoint;
    std::uint16_t last_udp_port = UINT16_MAX;  // of our side, that the UDP session carries
};

class Engine final : public control::Engine {
  public:
    // Both outlive it.
    Engine(ListenerIndex listener, control::IndexTable& indexes, crypto::RandomSource& random)
        : listener_(listener), indexes_(indexes), random_(random) {}

    void put_peer(PeerConfig config, control::Output& out);

    [[nodiscard]] bool is_expensive(Bytes /*datagram*/) const override { return false; }
    [[nodiscard]] control::Standing standing_of(Now, const control::Arrival&, Bytes datagram) override {
        return datagram.size() == kMessageSize ? control::Standing::kStranger : control::Standing::kRefused;
    }
    void handle_datagram(Now now, const control::Arrival& arrival, Bytes datagram, control::Output& out) override;
    void handle_event(Now now, const dataplane::Event& event, control::Output& out) override;
    void handle_timeout(Now now, control::Output& out) override;
    [[nodiscard]] Instant next_deadline() const override;
    void remove_peer(Now now, PeerIndex peer, control::Output& out) override;
    void set_queue_length(std::size_t /*waiting*/) override {}
    [[nodiscard]] bool under_load(Now /*now*/) const override { return false; }
    [[nodiscard]] std::string identity() const override { return "toy"; }
    [[nodiscard]] std::optional<control::PeerStatus> peer_status(PeerIndex peer) const override;
    [[nodiscard]] control::EngineCounters totals() const override { return totals_; }

    // The packet that a session was asked for last.
    std::optional<dataplane::FlowKey> asked_for;

    static constexpr std::size_t kFlows = 2;

  private:
    // Zero word, type, message id, our ids, nonce, MAC of all of it.
    static constexpr std::size_t kMessageSize = 4 + 4 + 4 + 4 * kFlows + 16 + 32;
    using Nonce = std::array<std::uint8_t, 16>;
    using Ids = std::array<std::uint32_t, kFlows>;
    enum class Type : std::uint32_t { kRequest = 1, kResponse = 2 };
    struct Message {
        Type type = Type::kRequest;
        std::uint32_t message_id = 0;
        Ids ids{};
        Nonce nonce{};
    };
    struct Pending {
        Message request;
        Instant repeat_at;
        int left = 5;
    };
    struct Peer {
        PeerConfig config;
        std::uint32_t next_message_id = 1;
        std::uint32_t answered = 0;        // the peer's latest request
        std::vector<std::uint8_t> answer;  // sent again when that is repeated
        std::optional<Pending> pending;
        std::vector<SessionId> sessions;
        Instant latest = kLongAgo;
    };

    [[nodiscard]] Message begin(Peer& peer, Type type, std::uint32_t message_id);
    [[nodiscard]] static std::vector<std::uint8_t> format(const Peer& peer, const Message& message);
    [[nodiscard]] static std::optional<Message> parse(const Peer& peer, Bytes datagram);
    void install(Now now, Peer& peer, const Message& ours, const Message& theirs, bool is_initiator,
                 control::Output& out);
    void send(const Peer& peer, const Endpoint& to, std::vector<std::uint8_t> bytes, control::Output& out);

    ListenerIndex listener_;
    control::IndexTable& indexes_;
    crypto::RandomSource& random_;
    std::map<PeerIndex, Peer> peers_;
    control::EngineCounters totals_;
};

}  // namespace warren::toy
