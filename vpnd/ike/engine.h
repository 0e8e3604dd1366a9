// IKEv2 (RFC 7296) of all customers behind one pair of ports: IKE_SAs, their children, rekeys, liveness.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/time.h"
#include "crypto/random.h"
#include "vpnd/control/engine.h"
#include "vpnd/control/index_table.h"
#include "vpnd/dataplane/install.h"
#include "vpnd/ike/ask.h"
#include "vpnd/ike/connection.h"
#include "vpnd/ike/past_leases.h"

namespace warren::ike {

using warren::kIkePort;
inline constexpr std::uint16_t kNatPort = 4500;  // RFC 3948: IKE behind four zero bytes, and ESP

class SaKeeper;

struct Settings {
    ListenerIndex listener;               // whose sessions' messages come to kNatPort
    std::uint16_t ike_port = kIkePort;    // ours
    std::uint16_t nat_port = kNatPort;    // ours
    Policy ike = default_ike_policy();    // what IKE_SA_INIT takes while nobody knows whose the peer is
    std::optional<Identity> gateway;      // who we are to peers that do not say whom they want
    SecretId gateway_signer = kNoSecret;  // its certificate
    // All peers are told that a NAT is between us, so that they send ESP in UDP (conformance KM1).
    bool forces_encapsulation = true;
    PastLeases* leases = nullptr;  // outlives the engine; null: none are kept
};

// No I/O, no clock: time, bytes, randomness and answers come in, values go out. Every call appends to `out` and never
// empties it; what is unknown is ignored. After every call take_asks() may have something, and next_deadline() may be
// earlier. Datagrams of `nat_port` have their non-ESP marker, in both directions; control::Arrival::to_port and
// OutgoingMessage::from_port say which port it is. Thread rule: the control worker only. Source: RFC 7296.
class Engine final : public control::Engine {
  public:
    // The references must outlive the engine.
    Engine(Settings settings, control::IndexTable& indexes, crypto::RandomSource& random);
    ~Engine() override;

    // --- what is served ---------------------------------------------------------------------------

    // A new one, or new settings of a present one (same index). Customers come before their connections.
    // With another identity, its IKE_SAs that were made with the former one are deleted.
    void put_customer(Now now, CustomerConfig config, control::Output& out);
    // Its connections were removed before.
    void remove_customer(CustomerIndex customer);
    // An unchanged connection keeps its SAs. Other children: those that are gone are deleted, new ones are made.
    // Another identity, secret, address or customer: everything is deleted and made anew (conformance KL10).
    void put_connection(Now now, Connection config, control::Output& out);
    void remove_connection(Now now, ConnectionIndex connection, control::Output& out);
    void set_gateway(std::optional<Identity> gateway, SecretId signer = kNoSecret);
    void set_ike_policy(Policy policy);

    // --- an earlier process, and a later one -------------------------------------------------------

    // IKE_SAs are kept there for a successor from now on, and their children's counters are found there, which the rim
    // keeps; both outlive the engine. Before the first connection is put, or instead of another place. Null: they end
    // with this process. put_connection() takes over those that the predecessor left of a new connection.
    void keep_in(SaKeeper* places, const control::SessionKeeper* counters);
    // What nothing took over ends; its peers are told. Returns how many IKE_SAs that were.
    std::size_t end_rest(Now now, control::Output& out);

    // --- what an operator asks for ----------------------------------------------------------------

    // Begins, where the address is known and there is no IKE_SA. False: there is one, or no address.
    bool initiate(Now now, ConnectionIndex connection, control::Output& out);
    // Rekeys its IKE_SAs, their children or both. False: it has none.
    enum class Rekey : std::uint8_t { kChildren, kIkeSas, kBoth };
    bool rekey(Now now, ConnectionIndex connection, Rekey what, control::Output& out);
    // Deletes its IKE_SAs. One of start = "always" begins anew when it is put again or initiated. False: it has none.
    bool terminate(Now now, ConnectionIndex connection, control::Output& out);

    // --- asks -------------------------------------------------------------------------------------

    // Those since the last call. At most kMostOpenAsks are open.
    [[nodiscard]] std::vector<Ask> take_asks();
    // One that is not open any more is ignored.
    void handle_answer(Now now, AskId id, Answer answer, control::Output& out);

    // --- control::Engine --------------------------------------------------------------------------

    // An IKE_SA_INIT request.
    [[nodiscard]] bool is_expensive(Bytes datagram) const override;
    [[nodiscard]] control::Standing standing_of(Now now, const control::Arrival& arrival, Bytes datagram) override;
    void handle_datagram(Now now, const control::Arrival& arrival, Bytes datagram, control::Output& out) override;
    void handle_event(Now now, const dataplane::Event& event, control::Output& out) override;
    void handle_timeout(Now now, control::Output& out) override;
    [[nodiscard]] Instant next_deadline() const override;
    void remove_peer(Now now, PeerIndex peer, control::Output& out) override;
    void set_queue_length(std::size_t waiting) override;
    // Cookies are asked for (conformance KD2).
    [[nodiscard]] bool under_load(Now now) const override;
    // The gateway's.
    [[nodiscard]] std::string identity() const override;
    [[nodiscard]] std::optional<control::PeerStatus> peer_status(PeerIndex peer) const override;
    [[nodiscard]] control::EngineCounters totals() const override;
    [[nodiscard]] control::SaCounts sa_counts() const override;
    [[nodiscard]] std::optional<control::ConnectionStatus> connection_status(
        ConnectionIndex connection, control::ConnectionDetail detail) const override;
    [[nodiscard]] std::vector<control::Attempt> attempts(ConnectionIndex connection) const override;
    // At most kAttemptsKept, as of a connection.
    [[nodiscard]] std::vector<control::Attempt> strangers_attempts() const override;
    [[nodiscard]] std::vector<control::Refusal> refusals() const override;
    [[nodiscard]] bool has_refusals_to_tell() const override;
    [[nodiscard]] std::vector<control::Refusals::Told> tell_refusals(Instant now, std::size_t most) override;
    [[nodiscard]] std::optional<control::KeptPeer> kept_session(
        const dataplane::InstallSession& session) const override;

    // --- how much there is ------------------------------------------------------------------------

    struct Sizes {
        std::size_t half_open = 0;
        std::size_t ike_sas = 0;  // established
        std::size_t children = 0;
        std::size_t open_asks = 0;
        std::size_t all = 0;  // IKE_SAs in any state
    };
    [[nodiscard]] Sizes sizes() const;

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace warren::ike
