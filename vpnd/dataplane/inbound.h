// Network to stack: whose it is, opened in place, checked, joined.
#pragma once

#include <array>
#include <span>
#include <vector>

#include "base/session_directory.h"
#include "vpnd/dataplane/coalesce.h"
#include "vpnd/dataplane/outbound.h"
#include "vpnd/dataplane/output.h"
#include "vpnd/dataplane/peer_reports.h"
#include "vpnd/dataplane/roster.h"
#include "vpnd/turns/train.h"

namespace warren::dataplane {

// A train, or a part of one, whose datagrams are one customer's.
struct CustomerTrain {
    CustomerIndex customer;  // invalid: nobody's; control messages, unknown sessions, junk
    Train train;
    std::size_t source = 0;  // which of the trains given to sort()
    bool whole = true;       // it is all of that
    // Most likely: the session's budget of forged messages is spent, and this does not come from its peer's endpoint.
    bool is_forged = false;
};

// Which of how many data workers this one is.
struct Place {
    std::uint32_t worker = 0;
    std::uint32_t workers = 1;
    const SessionDirectory* directory = nullptr;  // of all workers' sessions; null: not known
};

// One data worker.
class Inbound {
  public:
    // All outlive it. `outbound`: for what a confirmed session sets free.
    Inbound(crypto::PacketAead& aead, Place place, Roster& roster, PeerReports& reports, Outbound& outbound)
        : aead_(aead), place_(place), roster_(roster), reports_(reports), outbound_(outbound) {}

    // Whose the datagrams are, by the sessions they name; nothing else is checked. Appends to `out`, in order.
    void sort(Instant now, std::span<const Train> trains, std::vector<CustomerTrain>& out) const;
    // What `out` refers to lives in the trains' bytes.
    void process(Instant now, std::span<const Train> trains, Output& out);
    // Packets that waited for their customer's rate, or on its test link, and may go now. What `out` refers to is good
    // until the next call.
    void release(Instant now, Customer& customer, Output& out);

  private:
    // A message whose session was found, on its way through one AEAD batch.
    struct Candidate {
        Session* session = nullptr;
        Peer* peer = nullptr;
        Customer* customer = nullptr;
        const Train* train = nullptr;
        std::uint64_t counter = 0;
        MutableBytes text;     // without header and tag
        std::size_t size = 0;  // with both
    };
    // Whose message of no session was told last.
    struct ToldSource {
        IpAddress address;
        Instant at = kLongAgo;
    };
    static constexpr std::size_t kBatch = 64;
    using Heads = std::array<MessageHead, kBatch>;

    struct Owner {
        CustomerIndex customer;
        bool is_forged = false;  // as in CustomerTrain
        bool operator==(const Owner&) const = default;
    };
    [[nodiscard]] Owner owner_of(Instant now, const Train& train, const MessageHead& head) const;
    void collect(Instant now, std::size_t train_number, const Train& train, const Framing& framing,
                 const MessageHead& head, MutableBytes datagram, Output& out);
    void find_elsewhere(Instant now, SessionId session, std::size_t train_number, const Train& train,
                        const Framing& framing, MutableBytes datagram, Output& out);
    void note_unknown(Instant now, std::size_t train_number, const Train& train, const Framing& framing,
                      MutableBytes datagram, Output& out);
    static void transfer(std::uint32_t worker, const Train& train, MutableBytes datagram, Output& out);
    void open_batch(Instant now, Output& out);
    void accept(Instant now, Candidate& message, Output& out);
    static void trim(Candidate& message);
    static void refuse(const Candidate& message, DropReason reason);
    void note_received(Instant now, const Candidate& message, bool newest, Output& out);
    void confirm(Instant now, Session& session, Peer& peer, Customer& customer, Output& out);
    void deliver(Instant now, const Candidate& message, Output& out);
    [[nodiscard]] bool treat(Instant now, const InnerPacket& inner, const Peer& peer, Customer& customer);
    [[nodiscard]] bool admit(Instant now, const InnerPacket& inner, const Peer& peer, Customer& customer);
    void leave_rates(Instant now, Customer& customer, Shaper::Packet packet, Output& out);
    void release(Customer& customer, Shaper::Packet packet, Output& out);
    void pass_on(const Customer& customer, PeerIndex peer, const Framing& framing, const InnerPacket& inner,
                 Output& out);
    [[nodiscard]] static Checked<void> check_source(const InnerPacket& inner, Peer& peer, const Customer& customer);

    crypto::PacketAead& aead_;
    const Place place_;
    Roster& roster_;
    PeerReports& reports_;
    Outbound& outbound_;
    Coalescer coalescer_;
    std::array<Candidate, kBatch> batch_;
    std::array<crypto::AeadJob, kBatch> jobs_;
    std::size_t batched_ = 0;
    std::vector<Shaper::Packet> released_;
    TokenBucket unknown_told_;                    // to engines
    std::array<ToldSource, 256> told_sources_{};  // by a hash of the address
};

}  // namespace warren::dataplane
