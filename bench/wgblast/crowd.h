// All the peers that the generator plays: their handshakes, their sessions, and the packets that each received.
#pragma once

#include <memory>
#include <unordered_map>
#include <vector>

#include "bench/wgblast/form.h"
#include "bench/wgblast/ike_handshake.h"
#include "bench/wgblast/initiator.h"
#include "bench/wgblast/inner.h"
#include "bench/wgblast/roster.h"
#include "bench/wgblast/wire.h"
#include "crypto/aead.h"

namespace warren::bench {

// Receives the replies to its echo requests.
class EchoListener {
  public:
    virtual ~EchoListener() = default;
    virtual void heard(Instant now, std::uint64_t stamp) = 0;
};

struct Client {
    Client(std::unique_ptr<Handshake> by, std::uint32_t socket_number, std::uint32_t inner)
        : handshake(std::move(by)), socket(socket_number), address(inner) {}

    std::unique_ptr<Handshake> handshake;
    std::uint32_t socket;
    std::uint32_t address;  // inner, host byte order
    Session session;
    Session previous;
    Instant asked = kLongAgo;  // the last initiation
    std::uint32_t attempts = 0;
    bool hears_echoes = false;
    std::uint64_t received_packets = 0;
    std::uint64_t received_bytes = 0;  // of data messages, outer UDP payload
};

struct HandshakeTally {
    std::uint64_t initiations = 0;
    std::uint64_t completed = 0;
    std::uint64_t cookies = 0;
};
struct SampleTally {
    std::uint64_t verified = 0;
    std::uint64_t broken = 0;  // not authentic, or with a wrong checksum
};

// Whom the peers connect to.
struct Target {
    Protocol protocol = Protocol::kWireguard;
    Endpoint hub;
    crypto::PublicKey key;  // of WireGuard
    std::string psk;        // of IPsec
};

// One thread. In WireGuard, client n's sender indexes are n and a generation above it.
class Crowd {
  public:
    // `roster` outlives it.
    Crowd(const Roster& roster, std::uint32_t peers, Target target, Wire wire,
          std::unique_ptr<crypto::PacketAead> aead);

    [[nodiscard]] Protocol protocol() const { return target_.protocol; }
    [[nodiscard]] Client& client(std::uint32_t peer) { return *clients_[peer]; }
    [[nodiscard]] std::uint32_t size() const { return static_cast<std::uint32_t>(clients_.size()); }
    [[nodiscard]] Wire& wire() { return wire_; }
    [[nodiscard]] crypto::PacketAead& aead() { return *aead_; }
    [[nodiscard]] const HandshakeTally& handshakes() const { return handshakes_; }
    [[nodiscard]] const SampleTally& samples() const { return samples_; }

    // Sends one initiation.
    void initiate(Now now, std::uint32_t peer);
    // Receives all datagrams that wait on the sockets.
    void receive(Now now);
    // Handshakes of all peers whose session is older than `age` (IPsec: who have none), at most `parallel` at a time.
    // Returns how many have no session after `patience`.
    [[nodiscard]] std::uint32_t connect(Duration age, std::uint32_t parallel, Duration patience);
    // Sends a small packet from this peer now. False if the socket refused it.
    bool send_packet(std::uint32_t peer, Bytes inner);
    // `listener` gets the replies to echo requests with this identifier; null removes it. It must outlive the crowd, or
    // be removed before.
    void listen(std::uint16_t identifier, EchoListener* listener);

  private:
    void take(Now now, const Arrival& arrival);
    void take_handshake(Now now, Bytes datagram);
    void take_session(Client& client, std::uint32_t peer, Session session);
    void take_data(Now now, const Arrival& arrival);
    // True if the train consisted of echo replies.
    bool take_echoes(Now now, Client& client, Bytes train, std::vector<std::uint8_t>& packet);
    bool open(Client& client, Bytes message, std::vector<std::uint8_t>& packet);
    // Whose that session is.
    [[nodiscard]] std::optional<std::uint32_t> owner_of(std::uint32_t local_id) const;
    // Whose handshake a message answers.
    [[nodiscard]] std::optional<std::uint32_t> asker_of(Bytes datagram) const;

    Target target_;
    IkeHandshake::Common ike_;
    std::unordered_map<std::uint32_t, std::uint32_t> owners_;  // of IPsec's sessions, by SPI
    std::unordered_map<std::uint64_t, std::uint32_t> askers_;  // of IKE_SAs, by the initiator's SPI
    std::size_t echo_message_;
    Wire wire_;
    std::unique_ptr<crypto::PacketAead> aead_;
    std::vector<std::unique_ptr<Client>> clients_;
    std::vector<EchoListener*> listeners_;
    std::vector<std::uint8_t> scratch_;
    HandshakeTally handshakes_;
    SampleTally samples_;
};

}  // namespace warren::bench
