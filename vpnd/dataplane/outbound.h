// Stack to network: which peer, which session, sealed in place.
#pragma once

#include "vpnd/dataplane/egress.h"
#include "vpnd/dataplane/output.h"
#include "vpnd/dataplane/peer_reports.h"
#include "vpnd/dataplane/roster.h"
#include "vpnd/packet/segment.h"

namespace warren::dataplane {

// One data worker.
class Outbound {
  public:
    // All outlive it.
    Outbound(crypto::PacketAead& aead, Roster& roster, PeerReports& reports)
        : roster_(roster), reports_(reports), egress_(aead) {}

    // One read of the customer's TUN, offload header first.
    void process(Instant now, CustomerIndex customer, MutableBytes super_packet, Output& out);
    // Packets that waited for their customer's rate, or were on its test link, and may go now, some of them.
    void release(Instant now, Customer& customer, Output& out);
    // Packets that waited go out on the sessions that are there now; the others go on waiting.
    void flush_staged(Instant now, Peer& peer, Customer& customer, Output& out);
    // An empty message, where the session's protocol has them.
    void send_empty(Instant now, Peer& peer, Customer& customer, Session& session, Output& out);
    // Seals what was collected.
    void seal(Output& out) { egress_.seal(out); }
    // Trains that can still be begun.
    [[nodiscard]] std::size_t available() const { return egress_.available(); }

  private:
    enum class Rate : std::uint8_t { kToCharge, kPaid };
    template <Rate rate>
    void send_or_stage(Instant now, const SuperPacket& packet, Peer& peer, Customer& customer, Output& out);
    template <Rate rate>
    void send(Instant now, const SuperPacket& packet, Peer& peer, Customer& customer, Session& session, Output& out);
    template <Rate rate, bool is_treated>
    void send_as(Instant now, const SuperPacket& packet, Peer& peer, Customer& customer, Session& session, Output& out);
    [[nodiscard]] bool admit(Instant now, const SuperPacket& packet, std::size_t at, std::size_t size, const Peer& peer,
                             Customer& customer);
    static void translate(MutableBytes packet, const Peer& peer);
    [[nodiscard]] static Shaper::Packet copy_of(const SuperPacket& packet, std::size_t number);
    void wait(const SuperPacket& packet, std::size_t first, Customer& customer, PeerRates* rates);
    void leave_rates(Instant now, Customer& customer, Shaper::Packet packet, Output& out);
    void release(Instant now, Customer& customer, MutableBytes waited, Output& out);
    void hold(Instant now, const SuperPacket& packet, Peer& peer, Customer& customer, Output& out);
    void stage(const SuperPacket& packet, Peer& peer, Customer& customer);
    static void count_sent(Peer& peer, Customer& customer, Session& session, std::size_t messages, std::size_t bytes);
    void note_sent(Instant now, Peer& peer, bool has_data);
    static void refuse(Instant now, IcmpError error, const InnerPacket& packet, Customer& customer, std::size_t mtu,
                       Output& out);

    Roster& roster_;
    PeerReports& reports_;
    Egress egress_;
};

}  // namespace warren::dataplane
