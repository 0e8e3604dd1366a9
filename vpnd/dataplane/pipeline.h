// The packet work of one data worker: batches in, batches out. No socket, clock, thread or lock
// (docs/life-of-a-packet.md).
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "vpnd/dataplane/inbound.h"
#include "vpnd/dataplane/outbound.h"
#include "vpnd/dataplane/output.h"
#include "vpnd/dataplane/peer_reports.h"
#include "vpnd/dataplane/roster.h"

namespace warren::dataplane {

// The roster and the two ways through it. Every call appends to an Output which the caller empties. In steady state a
// packet costs no allocation. `now` never goes back. One data worker.
class Pipeline {
  public:
    using Place = dataplane::Place;
    // `aead` outlives the pipeline; every Output that holds trains is emptied before it ends.
    explicit Pipeline(crypto::PacketAead& aead, Place place)
        : place_(place),
          roster_(aead),
          reports_(roster_),
          outbound_(aead, roster_, reports_),
          inbound_(aead, place, roster_, reports_, outbound_) {}
    explicit Pipeline(crypto::PacketAead& aead) : Pipeline(aead, Place{}) {}

    // --- control
    // ------------------------------------------------------------------------------------------------------ As Roster
    // has them. Customers as SwapCustomer and DropCustomer of vpnd/io/worker_messages.h say; `joining`: what its
    // TUN takes.
    void put_listener(ListenerIndex listener, const Framing& framing) { roster_.put_listener(listener, framing); }
    void drop_listener(ListenerIndex listener) { roster_.drop_listener(listener); }
    void swap_customer(std::unique_ptr<const CustomerView> view, Joining joining) {
        roster_.swap_customer(std::move(view), joining);
    }
    void drop_customer(CustomerIndex customer) { roster_.drop_customer(customer); }
    // What its TUN takes from now on. False: as before.
    bool set_joining(CustomerIndex customer, Joining joining) {
        return std::exchange(roster_.find(customer)->joining, joining) != joining;
    }
    // Carries out one command; staged packets and empty messages that it sets free are in `out`, sealed. Not between
    // outbound() and finish().
    void apply(Instant now, Command command, Output& out);
    // At a planned end, behind the last packet: as Roster has it.
    void keep_windows() { roster_.keep_windows(); }
    // Emits what is due: PeerActivity and PeerRoamed of peers with changes. The receiver has room for `room` more
    // events; what does not fit waits, and while there is no room nothing asks for a session.
    void tick(Instant now, std::size_t room, Output& out) { reports_.tick(now, room, out); }
    // When tick() or next_released() has something to do, kNever when idle.
    [[nodiscard]] Instant next_deadline() const {
        return std::min(reports_.next_deadline(), roster_.shaping.next_deadline());
    }

    // --- packets
    // ------------------------------------------------------------------------------------------------------ Whose the
    // datagrams are, by the sessions they name; nothing else is checked. Appends to `out`, in order.
    void sort(Instant now, std::span<const Train> trains, std::vector<CustomerTrain>& out) const;
    // Network to stack. What `out` refers to lives in the trains' bytes. May leave sealed trains (staged packets of a
    // confirmed session).
    void inbound(Instant now, std::span<const Train> trains, Output& out);
    // Stack to network: one read of the customer's TUN, offload header first. The bytes may be reused after the call,
    // unless they are in `out.transfers`: those have to go first.
    void outbound(Instant now, CustomerIndex customer, MutableBytes super_packet, Output& out);
    // Seals what outbound() collected. To be called when no more room is left for another outbound(), and at the end of
    // a round.
    void finish(Output& out) { outbound_.seal(out); }
    // Packets that waited for the customer's rate and may go now, some of them, each way; release_outbound() before
    // finish(). What release_inbound() refers to is good until its next call.
    void release_inbound(Instant now, CustomerIndex customer, Output& out);
    void release_outbound(Instant now, CustomerIndex customer, Output& out);
    // A customer for which they have something to do.
    [[nodiscard]] std::optional<CustomerIndex> next_released(Instant now);
    // One more outbound() of the worst kind fits.
    [[nodiscard]] bool has_room() const { return outbound_.available() >= Egress::kBuffers / 2; }
    // The path to the peer refused a train: until then its datagrams are marked to be sent one by one.
    void send_ungrouped(PeerIndex peer, Instant until);
    // The address that the peer was answered from is not ours any more: the kernel chooses (conformance E2).
    void forget_local_address(PeerIndex peer);

    // --- counters
    // ----------------------------------------------------------------------------------------------------- Drops of
    // the rim. An invalid or unknown customer: the worker's own counters.
    void count_drop(CustomerIndex customer, DropReason reason, std::uint64_t packets = 1);
    // Processor time that went into the customer's packets. Unknown customers are ignored.
    void charge(CustomerIndex customer, Direction direction, Duration time);
    // What a record of a packet says of it (vpnd/io/tap.h); the packet itself is not looked at. Null when unknown.
    [[nodiscard]] const Peer* find(PeerIndex peer) const { return roster_.find(peer); }
    // Whose session a datagram names, and what of it would be sealed.
    struct Sender {
        PeerIndex peer;
        MessageHead head;
        Bytes text;
    };
    [[nodiscard]] std::optional<Sender> sender_of(ListenerIndex listener, Bytes datagram) const;
    // The peer that packets to this address are sent to. Invalid: none, or another worker's.
    [[nodiscard]] PeerIndex peer_for(CustomerIndex customer, const IpAddress& address) const;
    // How many packets for it wait for a session.
    [[nodiscard]] std::size_t staged(PeerIndex peer) const;
    // Null: there is no such listener.
    [[nodiscard]] const Framing* framing_of(ListenerIndex listener) const { return roster_.framing_of(listener); }
    // Null when unknown.
    [[nodiscard]] const Meters* meters(CustomerIndex customer) const;
    [[nodiscard]] const TrafficCounters* traffic(PeerIndex peer) const;
    // The part of it that is not the present one's (CountAnew); null likewise.
    [[nodiscard]] const TrafficCounters* earlier_traffic(PeerIndex peer) const;
    [[nodiscard]] const DataPlaneDrops* drops(CustomerIndex customer) const;
    // The customer that has this index now is the one of that life.
    [[nodiscard]] bool serves(CustomerIndex customer, std::uint64_t life) const;
    [[nodiscard]] const DataPlaneDrops& own_drops() const { return roster_.own_drops; }
    // Customers that were charged, dropped for or commanded since the last call, each once: nobody else's counters have
    // changed.
    void take_touched(std::vector<CustomerIndex>& out) { roster_.take_touched(out); }

  private:
    void install(Instant now, InstallSession&& command, Output& out);
    void confirm(Instant now, SessionId session, Output& out);
    // It is the sending one of its flow from now on.
    void begin_sending(Instant now, Session& session, Peer& peer, Output& out);
    void stop_sending(PeerIndex peer);
    void send_keepalive(Instant now, const SendKeepalive& command, Output& out);

    const Place place_;
    Roster roster_;
    PeerReports reports_;
    Outbound outbound_;
    Inbound inbound_;
};

}  // namespace warren::dataplane
