// The packet work of one data worker: batches in, batches out. No socket, clock, thread or lock
// (docs/life-of-a-packet.md).
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "vpnd/dataplane/coalesce.h"
#include "vpnd/dataplane/egress.h"
#include "vpnd/dataplane/output.h"
#include "vpnd/dataplane/peer.h"
#include "vpnd/dataplane/session_table.h"
#include "vpnd/packet/segment.h"
#include "vpnd/turns/train.h"

namespace warren::dataplane {

// A train, or a part of one, whose datagrams are one customer's.
struct CustomerTrain {
    CustomerIndex customer;  // invalid: nobody's; handshake messages, unknown sessions, junk
    Train train;
    std::size_t source = 0;  // which of the trains given to sort()
    bool whole = true;       // it is all of that
    // Most likely: the session's budget of forged messages is spent, and this does not come from its peer's endpoint.
    bool is_forged = false;
};

// Owns the worker's customers, peers and sessions. Every call appends to an Output which the caller empties. In steady
// state a packet costs no allocation. `now` never goes back. One data worker.
class Pipeline {
  public:
    // Which of how many data workers this one is.
    struct Place {
        std::uint32_t worker = 0;
        std::uint32_t workers = 1;
    };
    // `aead` outlives the pipeline; every Output that holds trains is emptied before it ends.
    explicit Pipeline(crypto::PacketAead& aead, Place place);
    explicit Pipeline(crypto::PacketAead& aead) : Pipeline(aead, Place{}) {}

    // --- control
    // -------------------------------------------------------------------------------------------------------------- As
    // SwapCustomer and DropCustomer of vpnd/io/worker_messages.h say. `takes_udp_segments`: his TUN takes UDP
    // super-packets.
    void swap_customer(std::unique_ptr<const CustomerView> view, bool takes_udp_segments);
    void drop_customer(CustomerIndex customer);
    // Carries out one command; staged packets and keepalives that it sets free are in `out`, sealed. Not between
    // outbound() and finish().
    void apply(Instant now, Command command, Output& out);
    // Emits what is due: PeerActivity and PeerRoamed of peers with changes. The receiver has room for `room` more
    // events; what does not fit waits, and while there is no room nothing asks for a session.
    void tick(Instant now, std::size_t room, Output& out);
    // When tick() has something to do, kNever when idle.
    [[nodiscard]] Instant next_deadline() const { return dirty_peers_.empty() ? kNever : report_at_; }

    // --- packets
    // --------------------------------------------------------------------------------------------------------------
    // Whose the datagrams are, by the sessions they name; nothing else is checked. Appends to `out`, in order.
    void sort(Instant now, std::span<const Train> trains, std::vector<CustomerTrain>& out) const;
    // Network to stack. What `out` refers to lives in the trains' bytes. May leave sealed trains (staged packets of a
    // confirmed session).
    void inbound(Instant now, std::span<const Train> trains, Output& out);
    // Stack to network: one read of the customer's TUN, offload header first. The bytes may be reused after the call,
    // unless they are in `out.transfers`: those have to go first.
    void outbound(Instant now, CustomerIndex customer, MutableBytes super_packet, Output& out);
    // Seals what outbound() collected. To be called when no more room is left for another outbound(), and at the end of
    // a round.
    void finish(Output& out) { egress_.seal(out); }
    // One more outbound() of the worst kind fits.
    [[nodiscard]] bool has_room() const { return egress_.available() >= Egress::kBuffers / 2; }
    // The path to the peer refused a train: until then his datagrams are marked to be sent one by one.
    void send_ungrouped(PeerIndex peer, Instant until);
    // The address that he was answered from is not ours any more: the kernel chooses (conformance E2).
    void forget_local_address(PeerIndex peer);

    // --- counters
    // ---------------------------------------------------------------------------------------------------------------
    // Drops of the rim. An invalid or unknown customer: the worker's own counters.
    void count_drop(CustomerIndex customer, DropReason reason, std::uint64_t packets = 1);
    // Processor time that went into the customer's packets. Unknown customers are ignored.
    void charge(CustomerIndex customer, Direction direction, Duration time);
    // Null when unknown.
    [[nodiscard]] const Meters* meters(CustomerIndex customer) const;
    [[nodiscard]] const TrafficCounters* traffic(PeerIndex peer) const;
    [[nodiscard]] const DropCounters* drops(CustomerIndex customer) const;
    // The customer who has this index now is the one of that life.
    [[nodiscard]] bool serves(CustomerIndex customer, std::uint64_t life) const;
    [[nodiscard]] const DropCounters& own_drops() const { return own_drops_; }
    // Customers who were charged, dropped for or commanded since the last call, each once: nobody else's counters have
    // changed.
    void take_touched(std::vector<CustomerIndex>& out);

  private:
    // A message whose session was found, on its way through one AEAD batch.
    struct Candidate {
        Session* session = nullptr;
        Peer* peer = nullptr;
        Customer* customer = nullptr;
        const Train* train = nullptr;
        std::uint64_t counter = 0;
        MutableBytes text;  // without header and tag
    };
    static constexpr std::size_t kBatch = 64;

    // pipeline.cc
    [[nodiscard]] Customer* find(CustomerIndex customer) const;
    [[nodiscard]] Peer* find(PeerIndex peer) const;
    void touch(CustomerIndex customer);
    [[nodiscard]] Peer* find_to_change(PeerIndex peer);
    void add_peer(PeerIndex peer, CustomerIndex customer);
    void remove_peer(PeerIndex peer, CustomerIndex customer);
    void forget_sessions(Peer& peer);
    void purge_staged(Peer& peer);
    void install(Instant now, InstallSession&& command, Output& out);
    void retire(SessionId index);
    void send_keepalive(Instant now, const SendKeepalive& command, Output& out);
    // False when it must wait.
    bool ask_for_session(Instant now, Peer& peer, Output& out);
    void mark_dirty(Instant now, Peer& peer);

    // inbound.cc
    struct Owner {
        CustomerIndex customer;
        bool is_forged = false;  // as in CustomerTrain
        bool operator==(const Owner&) const = default;
    };
    [[nodiscard]] Owner owner_of(Instant now, const Train& train, Bytes datagram) const;
    void transfer(std::uint32_t worker, const Train& train, MutableBytes datagram, Output& out);
    void collect(Instant now, std::size_t train_number, const Train& train, MutableBytes datagram, Output& out);
    void open_batch(Instant now, Output& out);
    void accept(Instant now, const Candidate& message, Output& out);
    static void refuse(const Candidate& message, DropReason reason);
    void note_received(Instant now, const Candidate& message, bool newest, Output& out);
    void confirm(Instant now, Session& session, Peer& peer, Customer& customer, Output& out);
    void deliver(const Candidate& message, Output& out);
    [[nodiscard]] Checked<void> check_source(const InnerPacket& inner, Peer& peer, const Customer& customer) const;

    // outbound.cc
    void send(Instant now, const SuperPacket& packet, Peer& peer, Customer& customer, Output& out);
    void stage(const SuperPacket& packet, Peer& peer, Customer& customer);
    void flush_staged(Instant now, Peer& peer, Customer& customer, Output& out);
    void send_empty(Instant now, Peer& peer, Customer& customer, Output& out);
    static void count_sent(Peer& peer, Customer& customer, std::size_t size);
    void note_sent(Instant now, Peer& peer, bool has_data);
    void refuse(Instant now, IcmpError error, const InnerPacket& packet, Customer& customer, std::size_t mtu,
                Output& out);

    crypto::PacketAead& aead_;
    const Place place_;
    Egress egress_;
    Coalescer coalescer_;
    SessionTable sessions_;
    std::vector<std::unique_ptr<Customer>> customers_;  // by CustomerIndex
    std::vector<std::uint8_t> is_touched_;              // by CustomerIndex
    std::vector<CustomerIndex> touched_;
    std::vector<std::unique_ptr<Peer>> peers_;  // by PeerIndex
    DropCounters own_drops_;
    std::size_t staged_bytes_ = 0;

    std::vector<PeerIndex> dirty_peers_;
    Instant report_at_ = kNever;
    bool has_room_for_events_ = true;

    std::array<Candidate, kBatch> batch_;
    std::array<crypto::AeadJob, kBatch> jobs_;
    std::size_t batched_ = 0;
};

}  // namespace warren::dataplane
